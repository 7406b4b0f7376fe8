//! Strategies side by side, and whether two runs may be compared.
//!
//! * [`compare`](fn@compare), [`compare_candidates`]: means over seeds, and differences from a
//!   reference with their confidence intervals.
//! * [`contrasts`]: the keys in which the set-ups of two runs differ, and the effect of each key on
//!   a comparison.

mod setup;
mod strategies;

pub use setup::{Contrast, Effect, contrasts};
pub use strategies::{
    Candidate, ComparedStrategy, Difference, Pairing, QUANTITIES, Quantity, Spread, compare,
    compare_candidates, quantities_of,
};
