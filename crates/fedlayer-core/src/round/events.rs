//! [`Event`] and [`Action`]: what happens to a run, and what has to be done about it.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    data::ClientId,
    record::MissingRecord,
    trainer::{Update, UpdateError},
};

/// Which training an update belongs to. A client reports once for each ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    /// The round, counted from 1.
    pub round: u32,
    /// The attempt at the round, counted from 1.
    pub attempt: u32,
    /// The client.
    pub client: ClientId,
}

/// What happens to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// There are workers, and `committed` rounds are done.
    Joined {
        /// The rounds that need no more doing.
        committed: u32,
    },
    /// A client returned its update, or failed.
    Reported {
        /// The training it answers.
        ticket: Ticket,
        /// The update, or what went wrong.
        result: Result<Box<Update>, String>,
    },
    /// The time of an attempt is over.
    Deadline {
        /// The round.
        round: u32,
        /// The attempt whose time is over.
        attempt: u32,
    },
    /// The barriers, the average and the evaluation of a round are done, and it can be committed.
    Probed {
        /// The round.
        round: u32,
    },
}

/// What has to be done about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Train these clients, and report each.
    Train {
        /// The round.
        round: u32,
        /// The attempt at it.
        attempt: u32,
        /// The clients, ascending.
        clients: Vec<ClientId>,
    },
    /// Report a [`Event::Deadline`] when the plan's deadline has passed.
    StartDeadline {
        /// The round.
        round: u32,
        /// The attempt at it.
        attempt: u32,
    },
    /// Tell whoever reported that the report was not taken, and count it.
    Refuse {
        /// The training that the report answered.
        ticket: Ticket,
        /// Why it was not taken.
        refusal: Refusal,
    },
    /// Measure the barriers, average, and evaluate; then report [`Event::Probed`].
    Probe(CohortUpdates),
    /// Write the round down for good.
    Commit {
        /// The round.
        round: u32,
    },
}

/// What the clients of a round came to.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortUpdates {
    /// The round.
    pub round: u32,
    /// The attempt that succeeded.
    pub attempt: u32,
    /// The updates, by client, ascending.
    pub updates: Vec<Update>,
    /// The clients of the cohort that did not report, and why.
    pub missing: BTreeMap<ClientId, MissingCause>,
}

/// Why a client of the cohort has no update.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MissingCause {
    /// It was drawn to drop out.
    #[error("{}", MissingRecord::DROPPED)]
    Dropped,
    /// It had not reported by the deadline.
    #[error("not back by the deadline")]
    Late,
    /// Its training failed.
    #[error("failed: {0}")]
    Failed(String),
    /// Its update could not be averaged.
    #[error("refused: {0}")]
    Refused(UpdateError),
}

/// Why a report was not taken.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refusal {
    /// No round is waiting for clients.
    #[error("no round is in training")]
    NoTraining,
    /// It belongs to another round or attempt.
    #[error("round {round}, attempt {attempt} is in training now")]
    OtherRound {
        /// The round in training.
        round: u32,
        /// The attempt in training.
        attempt: u32,
    },
    /// The client is not in this round's cohort.
    #[error("the client is not in this round's cohort")]
    Foreign,
    /// The client has reported already.
    #[error("the client has reported already")]
    Repeated,
    /// The update cannot be averaged.
    #[error("{0}")]
    Update(#[from] UpdateError),
    /// The update is another client's.
    #[error("the update is client {0}'s")]
    OtherClient(ClientId),
}

/// Why a run ended before its last round.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Failure {
    /// Too few clients reported, in every attempt.
    #[error(
        "round {round}, attempt {attempts} of {attempts}: {reported} of {needed} needed clients reported ({missing})"
    )]
    TooFewClients {
        /// The round.
        round: u32,
        /// How many reported in the last attempt.
        reported: usize,
        /// The plan's `clients.min_clients`.
        needed: u32,
        /// The plan's `clients.attempts`.
        attempts: u32,
        /// Who is missing and why, cause by cause.
        missing: String,
    },
}
