//! [`RunError`]: why a run ended before its last round.

use fedlayer_core::{
    data::ClientId,
    round::{AverageError, RoundFailure, ScheduleError},
};
use thiserror::Error;

use crate::{JournalError, LinkError};

/// Why a run ended before its last round.
#[derive(Debug, Error)]
pub enum RunError {
    /// Too few clients reported.
    #[error(transparent)]
    Failed(#[from] RoundFailure),
    /// A worker failed at work that the round cannot do without.
    #[error("a worker failed: {0}")]
    Link(#[from] LinkError),
    /// The models could not be averaged.
    #[error(transparent)]
    Average(#[from] AverageError),
    /// A committed round could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The strategy's layers are not the model's: the plan was not validated.
    #[error("the strategy does not fit the model: {0}")]
    Strategy(ScheduleError),
    /// The caller stopped the run. The round in training is abandoned.
    #[error("interrupted in round {round}")]
    Interrupted {
        /// The abandoned round.
        round: u32,
    },
    /// The model that a client started the round from is not known.
    #[error("the start model of client {client} is not known, so its update cannot be measured")]
    UnknownStart {
        /// The client.
        client: ClientId,
    },
    /// The state machine committed a round that was not measured.
    #[error("the round to be committed is not measured")]
    NotMeasured,
    /// A task of the runtime panicked.
    #[error("a task of the round panicked: {0}")]
    Broken(#[from] tokio::task::JoinError),
}
