//! [`WorkerError`]: why a worker ends; [`SessionError`]: why a session ends.

use std::{error::Error, time::Duration};

use thiserror::Error;
use tonic::{Code, Status};

use super::super::error_chain::error_chain;

/// Why a worker ended before the run.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The address, the certificates or the token cannot be used.
    #[error("{0}")]
    Setup(String),
    /// There was no coordinator for longer than the worker's patience.
    #[error("no coordinator at {coordinator} for {} s: {why}", patience.as_secs_f64())]
    NoCoordinator {
        /// The coordinator's address.
        coordinator: String,
        /// The worker's patience.
        patience: Duration,
        /// The reason that the last session ended or did not begin.
        why: String,
    },
    /// The coordinator refused the worker.
    #[error("the coordinator at {coordinator} refused this worker: {why}")]
    Refused {
        /// The coordinator's address.
        coordinator: String,
        /// The coordinator's reason.
        why: String,
    },
    /// The scenario or its data cannot be used on this machine.
    #[error("the coordinator's scenario cannot be run here: {0}")]
    Unprepared(String),
}

/// Why a session ended before the run.
#[derive(Debug)]
pub(super) enum SessionError {
    /// Another session may succeed.
    Transient(String),
    /// Every other session would end the same way.
    Fatal(WorkerError),
}

impl SessionError {
    /// Interprets the status with which a coordinator ends a session.
    pub(super) fn of_session(coordinator: &str, status: &Status) -> Self {
        match status.code() {
            Code::Unauthenticated | Code::FailedPrecondition | Code::Unimplemented => {
                let (coordinator, why) = (coordinator.to_owned(), status_text(status));
                Self::Fatal(WorkerError::Refused { coordinator, why })
            }
            _ => Self::Transient(status_text(status)),
        }
    }
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        Self::Transient(status_text(&status))
    }
}

/// Returns a status's message, or its causes where the transport failed.
pub(super) fn status_text(status: &Status) -> String {
    match (status.message(), status.source()) {
        ("", None) => status.code().to_string(),
        (message, None) => message.to_owned(),
        (_, Some(source)) => error_chain(source),
    }
}
