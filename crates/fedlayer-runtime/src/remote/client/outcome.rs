//! [`WorkerOutcome`]: how a worker ended without an error.

/// How a worker ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerOutcome {
    /// The run is finished.
    Finished,
    /// The worker was told to stop and has handed back its jobs.
    Drained,
}
