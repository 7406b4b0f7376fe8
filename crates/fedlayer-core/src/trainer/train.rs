//! [`TrainJob`] and [`Update`]: what local training takes, and what a client returns.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    data::ClientId,
    model::{Layout, Params, ParamsError, check_values},
    seed::Seed,
};

/// Everything that the local training of one client in one round depends on.
#[derive(Debug, Clone)]
pub struct TrainJob {
    /// The client.
    pub client: ClientId,
    /// The round, counted from 1: where the learning-rate schedule stands.
    pub round: u32,
    /// The model that the client starts from.
    pub params: Arc<Params>,
    /// The optimizer state that the client kept, if it keeps one.
    pub optimizer: Option<Arc<OptimizerState>>,
    /// Where the client's random numbers of this round come from.
    pub seed: Seed,
}

/// What a client returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The client.
    pub client: ClientId,
    /// Its model after training.
    pub params: Arc<Params>,
    /// Its optimizer state after training, where the plan keeps it.
    pub optimizer: Option<Arc<OptimizerState>>,
    /// The number of its training examples.
    pub examples: u64,
    /// Optimizer steps taken.
    pub steps: u64,
    /// The mean of the training losses that its steps saw, weighted by the examples of each step.
    pub loss: f64,
}

/// What an optimizer remembers of a client between rounds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// Optimizer steps taken so far.
    pub steps: u64,
    /// One flat vector per kind of memory (momentum; Adam's two moments), each as long as the parameters.
    pub slots: Vec<Vec<f32>>,
}

impl Update {
    /// Checks that the update can be averaged: finite values, no variance below 0, a finite loss, at least one example.
    ///
    /// # Errors
    /// Names what is wrong, with the layer.
    pub fn check(&self, layout: &Layout) -> Result<(), UpdateError> {
        check_layout(self.params.layout(), layout)?;
        if self.examples == 0 {
            return Err(UpdateError::NoExamples);
        }
        if !self.loss.is_finite() {
            return Err(UpdateError::Loss(self.loss));
        }
        self.params.check_finite()?;
        self.params.check_variances().map_err(UpdateError::Variance)?;
        for slot in self.optimizer.iter().flat_map(|state| &state.slots) {
            check_values(layout, slot).map_err(UpdateError::Optimizer)?;
        }
        Ok(())
    }
}

/// Checks that the update has the tensors of the plan's model.
fn check_layout(found: &Layout, expected: &Layout) -> Result<(), UpdateError> {
    let Some(difference) = expected.first_difference(found) else { return Ok(()) };
    let name = difference.name();
    let same = difference.found.filter(|tensor| tensor.name == name);
    Err(UpdateError::Layout {
        tensor: name.to_owned(),
        found: same.map(|tensor| tensor.shape.clone()).unwrap_or_default(),
        expected: difference.expected_shape(),
    })
}

/// Why an update cannot be averaged.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UpdateError {
    /// It has other layers than the plan's model.
    #[error(
        "tensor `{tensor}`: found shape {found:?}; the plan's model has shape {expected:?} there (`[]`: no such tensor)"
    )]
    Layout {
        /// The first tensor that differs.
        tensor: String,
        /// Its shape in the update; empty where it is absent.
        found: Vec<usize>,
        /// Its shape in the plan's model; empty where it is absent.
        expected: Vec<usize>,
    },
    /// It was trained on nothing.
    #[error("found 0 training examples; an update needs at least one")]
    NoExamples,
    /// Its training loss is NaN or infinite.
    #[error("the training loss is {0}; training diverged, and a smaller learning rate may help")]
    Loss(f64),
    /// One of its values is NaN or infinite.
    #[error("{0}; training diverged, and a smaller learning rate may help")]
    Params(#[from] ParamsError),
    /// One of its running variances is below 0.
    #[error("{0}")]
    Variance(ParamsError),
    /// The optimizer state that it brings is not the model's, or is NaN or infinite.
    #[error("optimizer state: {0}")]
    Optimizer(ParamsError),
}
