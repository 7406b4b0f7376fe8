//! [`Trainer`]: the one seam to any model. Jobs in, updates out; probes in, evaluations out.

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

/// Trains clients and evaluates models. It keeps nothing between two calls that a result depends on.
///
/// The calls are cohort-sized on purpose: an implementation may train several clients in one stacked tensor program,
/// and may share work between probes. The result of a job may depend on the other jobs of the same call (kernels round
/// differently for other shapes), so that callers cut jobs into calls by a rule that is fixed by the plan.
pub trait Trainer {
    /// The layers of the model.
    fn layout(&self) -> &Arc<Layout>;

    /// Draws initial parameters.
    ///
    /// # Errors
    /// When the implementation fails.
    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError>;

    /// Trains each job's client; one result per job, in the same order. A client that fails does not hurt the others.
    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>>;

    /// Evaluates each probe; one evaluation per probe, in the same order.
    ///
    /// # Errors
    /// When the implementation fails.
    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError>;

    /// The mean loss over the examples of a split at a point, its gradient, and the products of its Hessian with directions.
    /// A direction has as many values as the model has parameters.
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

/// What an implementation could not do.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{0}")]
pub struct TrainerError(pub String);
