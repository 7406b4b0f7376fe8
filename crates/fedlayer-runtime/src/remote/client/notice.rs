//! [`WorkerNotice`]: what a worker tells its user.

use std::{fmt, time::Duration};

/// Something about the coordinator that the user may want to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerNotice {
    /// The worker waits for a coordinator.
    Waiting {
        /// The coordinator's address.
        coordinator: String,
        /// The reason that there is no session.
        why: String,
        /// How long the worker waits.
        patience: Duration,
    },
    /// The worker has joined a coordinator and pulls jobs.
    Joined {
        /// The coordinator's address.
        coordinator: String,
        /// The scenario's name.
        scenario: String,
    },
}

impl fmt::Display for WorkerNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { coordinator, why, patience } => {
                let seconds = patience.as_secs_f64();
                write!(
                    f,
                    "waiting for the coordinator at {coordinator} for up to {seconds} s: {why}"
                )
            }
            Self::Joined { coordinator, scenario } => {
                write!(f, "joined the coordinator at {coordinator}: `{scenario}`")
            }
        }
    }
}
