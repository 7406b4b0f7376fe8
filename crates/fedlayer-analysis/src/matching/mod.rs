//! Permutations of units that leave a network's function unchanged.
//!
//! * [`Symmetry`]: the units of a network that may be permuted, as [`UnitGroup`]s; `unit_walk`
//!   finds them.
//! * [`Permutation`]: an order of units.
//! * [`align`](fn@align): the permutation that brings one model closest to another;
//!   `weight_matching` searches for it.

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
