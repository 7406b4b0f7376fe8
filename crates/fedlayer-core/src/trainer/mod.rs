//! [`Trainer`]: the interface to every kind of model. It turns jobs into updates, and probes into
//! evaluations.
//!
//! * [`TrainJob`], [`Update`]: the input and the result of a client's local training.
//! * [`Probe`], [`Evaluation`]: the input and the result of an evaluation; [`Derivatives`]:
//!   gradients and products of the Hessian.
//! * [`ToyTrainer`]: clients with a quadratic loss, trained in closed form. The implementation on
//!   libtorch is in `fedlayer-torch`.

mod evaluate;
mod toy;
mod train;

use std::sync::Arc;

use thiserror::Error;

pub use evaluate::{Derivatives, Evaluation, Probe};
pub use toy::ToyTrainer;
pub use train::{OptimizerState, TrainJob, Update, UpdateError};

use crate::{
    data::Split,
    model::{Layout, Params, Point},
    seed::Seed,
};

/// Trains clients and evaluates models. No result depends on an earlier call.
///
/// A call takes a whole cohort on purpose: an implementation may train several clients in one
/// stacked tensor program, and may share work between probes. The result of a job may depend on the
/// other jobs of its call, because kernels round differently for other shapes. Callers therefore
/// divide jobs into calls by a rule that is fixed by the plan; see
/// [`stacks`](crate::round::stacks).
pub trait Trainer {
    /// Returns the layers of the model.
    fn layout(&self) -> &Arc<Layout>;

    /// Draws initial parameters.
    ///
    /// # Errors
    /// When the implementation fails.
    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError>;

    /// Trains the client of each job and returns one result per job, in the same order. A client
    /// that fails does not affect the others.
    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>>;

    /// Evaluates each probe and returns one evaluation per probe, in the same order.
    ///
    /// # Errors
    /// When the implementation fails.
    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError>;

    /// Computes the mean loss of a split at a point, its gradient, and the products of its Hessian
    /// with directions. A direction has one value per parameter.
    ///
    /// # Errors
    /// When a direction has another length, or the implementation fails.
    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError>;
}

/// A failure of an implementation.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{0}")]
pub struct TrainerError(pub String);
