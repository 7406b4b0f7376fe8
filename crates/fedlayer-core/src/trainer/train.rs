//! [`TrainJob`] and [`Update`]: the input and the result of a client's local training.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    data::ClientId,
    model::{Layout, Params, ParamsError, check_values},
    seed::Seed,
};

/// Everything that the local training of a client in a round depends on.
#[derive(Debug, Clone)]
pub struct TrainJob {
    /// The client.
    pub client: ClientId,
    /// The round, counted from 1; the learning-rate schedule depends on it.
    pub round: u32,
    /// The model that the client starts from.
    pub params: Arc<Params>,
    /// The client's optimizer state, if the plan keeps it between rounds.
    pub optimizer: Option<Arc<OptimizerState>>,
    /// The seed of the client's random numbers in this round.
    pub seed: Seed,
}

/// The result of a client's local training.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The client.
    pub client: ClientId,
    /// The model after training.
    pub params: Arc<Params>,
    /// The optimizer state after training, if the plan keeps it between rounds.
    pub optimizer: Option<Arc<OptimizerState>>,
    /// The number of training examples.
    pub examples: u64,
    /// The number of optimizer steps.
    pub steps: u64,
    /// The mean training loss over the steps, weighted by the examples of each step.
    pub loss: f64,
}

/// The state that an optimizer keeps for a client between rounds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// The number of optimizer steps so far.
    pub steps: u64,
    /// One flat vector per buffer (momentum, or Adam's two moments), each with one value per
    /// parameter.
    pub slots: Vec<Vec<f32>>,
}

impl Update {
    /// Checks that the update can be averaged: all values and the loss are finite, no variance is
    /// negative, and there is at least one example.
    ///
    /// # Errors
    /// [`UpdateError`] names the fault and its layer.
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

/// An update that cannot be averaged.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UpdateError {
    /// The layers are not those of the plan's model.
    #[error(
        "tensor `{tensor}`: found shape {found:?}; the plan's model has shape {expected:?} there (`[]`: no such tensor)"
    )]
    Layout {
        /// The first tensor that differs.
        tensor: String,
        /// The shape in the update; empty if the update has no such tensor.
        found: Vec<usize>,
        /// The shape in the plan's model; empty if the model has no such tensor.
        expected: Vec<usize>,
    },
    /// There are no training examples.
    #[error("found 0 training examples; an update needs at least one")]
    NoExamples,
    /// The training loss is NaN or infinite.
    #[error("the training loss is {0}; training diverged, and a smaller learning rate may help")]
    Loss(f64),
    /// A value is NaN or infinite.
    #[error("{0}; training diverged, and a smaller learning rate may help")]
    Params(#[from] ParamsError),
    /// A running variance is negative.
    #[error("{0}")]
    Variance(ParamsError),
    /// The optimizer state does not fit the model, or holds a value that is NaN or infinite.
    #[error("optimizer state: {0}")]
    Optimizer(ParamsError),
}
