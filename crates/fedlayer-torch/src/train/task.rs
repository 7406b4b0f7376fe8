//! [`LocalTask`] and [`LocalResult`]: a client's local training in one round, before and after.

use std::sync::Arc;

use fedlayer_core::{Seed, data::Examples};

use super::{batches::Batches, optimizer::StepPosition};

/// The local training of one client in one round.
#[derive(Debug)]
pub(crate) struct LocalTask<'a> {
    /// The client's parameters, in the layout's order.
    pub(crate) params: &'a [f32],
    /// The values of its optimizer's state; empty for a new optimizer.
    pub(crate) slots: &'a [Vec<f32>],
    /// The steps that its optimizer's state has seen.
    pub(crate) optimizer_steps: u64,
    /// The rounds before this one.
    pub(crate) rounds_before: u64,
    /// The rounds of the run.
    pub(crate) rounds: u64,
    /// The examples that the batches index.
    pub(crate) examples: Arc<Examples>,
    /// The batches of this round.
    pub(crate) batches: Batches,
    /// The seed of all other random numbers of this round.
    pub(crate) seed: Seed,
}

/// The result of a client's local training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LocalResult {
    pub(crate) params: Vec<f32>,
    /// The values of the optimizer's state; empty if the plan does not keep it.
    pub(crate) slots: Vec<Vec<f32>>,
    /// The steps of this round.
    pub(crate) steps: u64,
    /// The mean loss over the labels of all steps, each before its own update.
    pub(crate) loss: f64,
}

impl LocalTask<'_> {
    /// The position of a step of this round.
    pub(crate) fn position(&self, step: usize) -> StepPosition {
        let steps = self.batches.steps() as u64;
        StepPosition {
            global_step: self.rounds_before * steps + step as u64,
            per_epoch: self.batches.per_epoch() as u64,
            total_steps: self.rounds * steps,
            optimizer_steps: self.optimizer_steps + step as u64 + 1,
        }
    }
}
