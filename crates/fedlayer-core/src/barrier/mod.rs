//! The barriers of a round: the mixes that are evaluated, and the rows that their losses give.
//!
//! In reading order:
//!
//! * [`EndLosses`]: the formula of the barrier and its baselines.
//! * [`target_sets`]: the layer sets that a scenario asks for, sweep by sweep.
//! * `direction`: from each model towards another model or the mean; [`EndModel`] is a model before
//!   and after its local training.
//! * `points`: the points of every direction; [`count_points`] counts them in advance.
//! * [`BarrierStudy`]: the probes of a round, each once; its `rows` are made in `rows.rs` and, for
//!   values that need no data, in `geometry_rows.rs`.
//! * [`summarize`]: the barriers that tables show; [`is_misleading`]: when to warn about them.

mod baseline;
mod direction;
mod geometry;
mod geometry_rows;
mod points;
mod rows;
mod study;
mod summary;
mod target_sets;
mod warning;

pub use baseline::{EndLosses, differences};
pub use direction::EndModel;
pub use points::count_points;
pub use study::BarrierStudy;
pub use summary::summarize;
pub use target_sets::{TargetSet, target_sets};
pub use warning::is_misleading;
