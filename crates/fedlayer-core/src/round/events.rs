//! [`Event`] and [`Action`]: the inputs and the outputs of the state machine.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    data::ClientId,
    record::MissingRecord,
    trainer::{Update, UpdateError},
};

/// The training that an update belongs to. A client reports once per ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    /// The round, counted from 1.
    pub round: u32,
    /// The attempt at the round, counted from 1.
    pub attempt: u32,
    /// The client.
    pub client: ClientId,
}

/// An input of the state machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Workers have joined, and `committed` rounds are done.
    Joined {
        /// The number of committed rounds.
        committed: u32,
    },
    /// A client has returned its update, or has failed.
    Reported {
        /// The training that is reported.
        ticket: Ticket,
        /// The update, or the reason of the failure.
        result: Result<Box<Update>, String>,
    },
    /// The deadline of an attempt has passed.
    Deadline {
        /// The round.
        round: u32,
        /// The attempt.
        attempt: u32,
    },
    /// Barriers, average and evaluation of a round are done; the round can be committed.
    Probed {
        /// The round.
        round: u32,
        /// Whether the run ends with it, because further rounds no longer improve the best one.
        is_last: bool,
    },
}

/// A task for the caller of the state machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Train these clients, and report each of them.
    Train {
        /// The round.
        round: u32,
        /// The attempt at the round.
        attempt: u32,
        /// The clients in ascending order.
        clients: Vec<ClientId>,
    },
    /// Report an [`Event::Deadline`] when the plan's deadline has passed.
    StartDeadline {
        /// The round.
        round: u32,
        /// The attempt at the round.
        attempt: u32,
    },
    /// Tell the sender that its report was refused, and count it.
    Refuse {
        /// The training that was reported.
        ticket: Ticket,
        /// The reason.
        refusal: Refusal,
    },
    /// Measure the barriers, average, and evaluate; then report [`Event::Probed`].
    Probe(CohortUpdates),
    /// Commit the round to the run folder.
    Commit {
        /// The round.
        round: u32,
    },
}

/// The updates of a cohort.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortUpdates {
    /// The round.
    pub round: u32,
    /// The attempt that succeeded.
    pub attempt: u32,
    /// The updates, in ascending order of the clients.
    pub updates: Vec<Update>,
    /// The clients of the cohort without an update, and the causes.
    pub missing: BTreeMap<ClientId, MissingCause>,
}

/// The cause why a client of the cohort has no update.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MissingCause {
    /// The client was drawn to drop out.
    #[error("{}", MissingRecord::DROPPED)]
    Dropped,
    /// The client had not reported by the deadline.
    #[error("not back by the deadline")]
    Late,
    /// The training failed.
    #[error("failed: {0}")]
    Failed(String),
    /// The update could not be averaged.
    #[error("refused: {0}")]
    Refused(UpdateError),
}

/// The reason why a report is refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refusal {
    /// No round is in training.
    #[error("no round is in training")]
    NoTraining,
    /// The report belongs to another round or attempt.
    #[error("round {round}, attempt {attempt} is in training now")]
    OtherRound {
        /// The round in training.
        round: u32,
        /// The attempt in training.
        attempt: u32,
    },
    /// The client is not in the cohort.
    #[error("the client is not in this round's cohort")]
    Foreign,
    /// The client has already reported.
    #[error("the client has reported already")]
    Repeated,
    /// The update cannot be averaged.
    #[error("{0}")]
    Update(#[from] UpdateError),
    /// The update belongs to another client.
    #[error("the update is client {0}'s")]
    OtherClient(ClientId),
}

/// The reason why a run ended before its last round.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RoundFailure {
    /// Too few clients reported in every attempt.
    #[error(
        "round {round}, attempt {attempts} of {attempts}: {reported} of {needed} needed clients reported ({missing})"
    )]
    TooFewClients {
        /// The round.
        round: u32,
        /// The number of clients that reported in the last attempt.
        reported: usize,
        /// The plan's `clients.min_clients`.
        needed: u32,
        /// The plan's `clients.attempts`.
        attempts: u32,
        /// The missing clients by cause.
        missing: String,
    },
}
