//! [`WorkerBackend`]: the workers of a run, which train its clients and make its analyses;
//! [`LocalThreads`]: those of this process. Workers of other processes:
//! [`RemoteWorkers`](super::remote_workers::RemoteWorkers).

use std::{
    future::{Future, ready},
    path::Path,
    sync::Arc,
};

use fedlayer_runtime::{
    Link, LocalPool, Shutdown,
    remote::{Metrics, RunEnd},
};

use crate::{exit::Failure, trainers::Trainers};

/// The workers of a run.
pub(crate) trait WorkerBackend {
    /// The link to the workers.
    type Link: Link;

    /// Opens the link; `None` when the user ends the run before there are workers.
    async fn open(&mut self, stop: &Shutdown) -> Result<Option<Arc<Self::Link>>, Failure>;

    /// Returns the metrics that count committed rounds, if there are any.
    fn metrics(&self) -> Option<Arc<Metrics>> {
        None
    }

    /// Says how a run that was ended early can go on.
    fn resume_hint(&self, folder: &Path) -> String {
        format!("go on with `fedlayer resume {}`", folder.display())
    }

    /// Lets the workers go once nothing is left for them to do.
    fn release(_link: Arc<Self::Link>, _end: RunEnd) -> impl Future<Output = ()> + Send + 'static {
        ready(())
    }
}

/// Worker threads of this process.
pub(crate) struct LocalThreads {
    /// The pool, until it is opened. The threads end with their last task.
    pool: Option<Arc<LocalPool>>,
}

impl LocalThreads {
    /// Starts the threads.
    pub(crate) fn start(workers: usize, trainers: &Arc<Trainers>) -> Result<Self, Failure> {
        let pool = LocalPool::start(workers, trainers.clone())?;
        Ok(Self { pool: Some(Arc::new(pool)) })
    }
}

impl WorkerBackend for LocalThreads {
    type Link = LocalPool;

    async fn open(&mut self, _stop: &Shutdown) -> Result<Option<Arc<LocalPool>>, Failure> {
        Ok(self.pool.take())
    }
}
