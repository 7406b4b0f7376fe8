//! Strategies side by side, and whether two runs may be compared.

mod setup;
mod strategies;

pub use setup::{Contrast, Effect, contrasts};
pub use strategies::{
    Candidate, ComparedStrategy, Difference, Pairing, QUANTITIES, Quantity, Spread, compare,
    compare_candidates,
};
