//! [`Link`]: the one seam to any worker.

use std::{future::Future, sync::Arc};

use fedlayer_core::{Evaluation, Params, Plan, Probe, Seed, TrainJob, Update};
use thiserror::Error;

/// Work for one worker, with everything that it depends on: any worker may do it, and twice is as good as once.
#[derive(Debug, Clone)]
pub struct WorkerTask {
    /// The plan that the work belongs to.
    pub plan: Arc<Plan>,
    /// What is to be done.
    pub work: Work,
}

/// What a worker can be asked for.
#[derive(Debug, Clone)]
pub enum Work {
    /// Draw initial parameters.
    Initial(Seed),
    /// Train these clients together.
    Train(Vec<TrainJob>),
    /// Evaluate these probes.
    Evaluate(Vec<Probe>),
}

/// What a worker returns.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The initial parameters.
    Initial(Params),
    /// One result per job, in order.
    Trained(Vec<Result<Update, String>>),
    /// One evaluation per probe, in order.
    Evaluated(Vec<Evaluation>),
}

/// Why a task has no reply.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LinkError {
    /// The worker says that it could not do it.
    #[error("{0}")]
    Refused(String),
    /// The worker broke while it was at it.
    #[error("the worker broke: {0}")]
    Broken(String),
    /// There is no worker any more.
    #[error("all workers are gone")]
    Gone,
    /// The reply answers another question.
    #[error("the worker returned {found} results; {expected} were asked for")]
    Mismatch {
        /// Results in the reply.
        found: usize,
        /// Results that were asked for.
        expected: usize,
    },
}

/// The way to the workers.
pub trait Link: Send + Sync + 'static {
    /// How many tasks can be worked on at once.
    fn slots(&self) -> usize;

    /// The most probes of one task.
    fn max_probes(&self) -> usize {
        usize::MAX
    }

    /// Hands a task to some worker and waits for its reply. Dropping the future gives the task up.
    fn call(&self, task: WorkerTask) -> impl Future<Output = Result<Reply, LinkError>> + Send;
}
