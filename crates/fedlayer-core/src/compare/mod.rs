//! Strategies side by side, and whether two runs may be compared.
//!
//! * [`contrasts`]: the keys in which the set-ups of two runs differ, and the effect of each key on
//!   a comparison.
//! * [`Reading`]: the results of a run at a chosen point ([`ReadAt`]), read from [`ComparedRound`]s
//!   and, for the distribution over the clients ([`ClientAccuracies`]), from [`ComparedClient`]s.
//! * [`compare`](fn@compare), [`compare_candidates`]: means over seeds, and differences from a
//!   reference.
//! * [`Difference`]: a difference with its confidence interval and its p-value.

mod clients;
mod compared_round;
mod inference;
mod quantities;
mod reading;
mod setup;
mod strategies;

pub use clients::ClientAccuracies;
pub use compared_round::{ComparedClient, ComparedEvaluation, ComparedRound, default_select_by};
pub use inference::{Difference, LEVEL, holm, independent_difference, paired_difference};
pub use quantities::{
    MORE_QUANTITIES, MoreQuantity, QUANTITIES, Quantity, quantities_of, quantity_index,
    quantity_names,
};
pub use reading::{Absence, MoreValues, ReadAt, Reading};
pub use setup::{Contrast, Effect, contrasts};
pub use strategies::{
    Candidate, ComparedStrategy, MissingValue, Pairing, Spread, compare, compare_candidates,
};
