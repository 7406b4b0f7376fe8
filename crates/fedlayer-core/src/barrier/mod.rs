//! The barriers of a round: which mixes are evaluated, and which rows are made of the losses.

mod baseline;
mod direction;
mod geometry;
mod geometry_rows;
mod rows;
mod study;
mod summary;
mod target_sets;

pub use baseline::{EndLosses, differences};
pub use direction::EndModel;
pub use study::BarrierStudy;
pub use summary::summarize;
pub use target_sets::{TargetSet, target_sets};
