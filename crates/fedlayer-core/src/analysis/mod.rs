//! Analyses of trained models.
//!
//! In reading order:
//!
//! * [`Permutation`]: an order of units; [`Symmetry`]: which units of a network may change places without changing its function.
//! * `matching`: the order that brings two models closest; [`align`](fn@align): a model laid out like another one.

mod align;
mod matching;
mod permutation;
mod symmetry;

pub use align::{AlignError, Alignment, LayerDistance, align};
pub use permutation::Permutation;
pub use symmetry::{Symmetry, UnitAxis, UnitGroup};
