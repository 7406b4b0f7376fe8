//! [`PreparedScenario`]: a scenario that a worker has read; [`PreparedRun`]: the threads and values
//! for it.

use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex},
};

use fedlayer_core::Plan;

use super::{
    super::protocol::{
        limits::CACHE_BYTES,
        message::{RunId, RunIdentity},
    },
    cache::ModelCache,
    error::WorkerError,
};
use crate::{LocalPool, TrainerFactory};

/// Reads a scenario, given its name and its text. Called on a thread that may block.
pub type PrepareScenario =
    dyn Fn(&str, &str) -> Result<PreparedScenario, PrepareError> + Send + Sync;

/// Why a scenario cannot be used on this machine.
pub type PrepareError = Box<dyn Error + Send + Sync>;

/// A scenario that a worker has read.
pub struct PreparedScenario {
    /// The scenario's plans, in order.
    pub plans: Vec<Arc<Plan>>,
    /// The hashes that both sides must agree on.
    pub identity: RunIdentity,
    /// Makes the trainers of the plans.
    pub factory: Arc<dyn TrainerFactory>,
}

impl fmt::Debug for PreparedScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedScenario").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A prepared scenario with its worker threads and cached values. It outlives a lost connection.
#[derive(Debug, Clone)]
pub(super) struct PreparedRun {
    pub(super) run: RunId,
    pub(super) plans: Arc<[Arc<Plan>]>,
    pub(super) identity: RunIdentity,
    pub(super) pool: Arc<LocalPool>,
    pub(super) cache: Arc<Mutex<ModelCache>>,
}

impl PreparedRun {
    /// Starts the worker threads for a scenario.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub(super) fn start(
        run: RunId,
        scenario: PreparedScenario,
        slots: u32,
    ) -> Result<Self, WorkerError> {
        let PreparedScenario { plans, identity, factory } = scenario;
        let pool = LocalPool::start(slots as usize, factory).map_err(|error| {
            WorkerError::Setup(format!("could not start the worker threads: {error}"))
        })?;
        Ok(Self {
            run,
            plans: plans.into(),
            identity,
            pool: Arc::new(pool),
            cache: Arc::new(Mutex::new(ModelCache::new(CACHE_BYTES))),
        })
    }
}
