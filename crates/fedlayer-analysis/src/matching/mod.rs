//! Permutations of units: which units of a network may be permuted, and the permutation that brings one model closest to another.

mod align;
mod permutation;
mod symmetry;
mod unit_group;
mod unit_walk;
mod weight_matching;

pub use align::{AlignError, Alignment, LayerDistance, align};
pub use permutation::Permutation;
pub use symmetry::Symmetry;
pub use unit_group::{UnitAxis, UnitGroup};
