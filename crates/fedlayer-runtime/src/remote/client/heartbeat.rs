//! [`SessionHeartbeat`]: shows the coordinator that the worker is alive, and which jobs it holds.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinHandle, time::interval};

use super::super::protocol::message::{JobId, WorkerNote};

/// Sends a heartbeat at regular intervals until it is dropped.
pub(super) struct SessionHeartbeat(JoinHandle<()>);

impl SessionHeartbeat {
    /// Starts to send heartbeats with the jobs in `held`.
    pub(super) fn start(sender: mpsc::Sender<WorkerNote>, held: HeldJobs, every: Duration) -> Self {
        Self(tokio::spawn(async move {
            let mut tick = interval(every.max(Duration::from_millis(1)));
            loop {
                tick.tick().await;
                if sender.send(WorkerNote::Beat { held: held.ids() }).await.is_err() {
                    return;
                }
            }
        }))
    }
}

impl Drop for SessionHeartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The jobs that a worker holds. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldJobs(Arc<Mutex<BTreeSet<JobId>>>);

impl HeldJobs {
    /// Adds a job until the returned guard is dropped.
    pub(super) fn hold(&self, job: JobId) -> HeldJob {
        self.lock().insert(job);
        HeldJob { held: self.clone(), job }
    }

    fn ids(&self) -> Vec<JobId> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<JobId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that the worker holds until this is dropped.
#[derive(Debug)]
pub(super) struct HeldJob {
    held: HeldJobs,
    job: JobId,
}

impl Drop for HeldJob {
    fn drop(&mut self) {
        self.held.lock().remove(&self.job);
    }
}
