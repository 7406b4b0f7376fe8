//! [`Link`]: the one interface to workers, in this process or in others.

use std::{future::Future, sync::Arc};

use fedlayer_core::{
    Plan, Seed,
    model::Params,
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Update},
};
use thiserror::Error;

/// Work for one worker.
///
/// It contains everything that the result depends on: any worker may do it, and doing it twice
/// gives the same result.
#[derive(Debug, Clone)]
pub struct WorkerTask {
    /// The plan of the work.
    pub plan: Arc<Plan>,
    /// The work.
    pub work: Work,
}

/// The kinds of work.
#[derive(Debug, Clone)]
pub enum Work {
    /// Draw initial parameters.
    Initial(Seed),
    /// Train these clients in one stack.
    Train(Vec<TrainJob>),
    /// Evaluate these probes.
    Evaluate(Vec<Probe>),
    /// Differentiate the mean loss of a probe.
    Differentiate {
        /// The model, and the examples.
        probe: Probe,
        /// The directions of the products with the Hessian, each with a value per parameter. There
        /// may be none.
        along: Arc<Vec<Vec<f32>>>,
    },
}

/// The result of a task.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The initial parameters.
    Initial(Params),
    /// One result per job, in order.
    Trained(Vec<Result<Update, String>>),
    /// One evaluation per probe, in order.
    Evaluated(Vec<Evaluation>),
    /// The loss, the gradient, and one product per direction, in order.
    Differentiated(Derivatives),
}

/// Why a task has no reply.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LinkError {
    /// The worker could not do the task.
    #[error("{0}")]
    Refused(String),
    /// The worker panicked during the task.
    #[error("the worker broke: {0}")]
    Broken(String),
    /// No worker is left.
    #[error("all workers are gone")]
    Gone,
    /// The reply does not fit the task.
    #[error("the worker returned {found} results; {expected} were asked for")]
    Mismatch {
        /// The number of results in the reply.
        found: usize,
        /// The number of results that the task asks for.
        expected: usize,
    },
}

/// A link to workers.
pub trait Link: Send + Sync + 'static {
    /// Returns the number of tasks that can be worked on at once.
    fn slots(&self) -> usize;

    /// Returns the most probes that one task may have.
    fn max_probes(&self) -> usize {
        usize::MAX
    }

    /// Returns the most directions that one task may have, for a model of `parameters` values.
    fn max_directions(&self, _parameters: usize) -> usize {
        usize::MAX
    }

    /// Gives a task to a worker and waits for its reply. Dropping the future cancels the task.
    fn call(&self, task: WorkerTask) -> impl Future<Output = Result<Reply, LinkError>> + Send;
}
