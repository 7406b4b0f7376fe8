//! [`Journal`]: where committed rounds are written.

use std::{error::Error, sync::Arc, time::Duration};

use fedlayer_core::{
    record::{BarrierRow, RoundRecord},
    round::Federation,
};

/// A finished round, with the models after it.
#[derive(Debug)]
pub struct CommittedRound<'a> {
    /// The round's record.
    pub record: &'a RoundRecord,
    /// The barriers measured in the round; empty if none were due.
    pub barriers: &'a [BarrierRow],
    /// The models of all clients after averaging.
    pub federation: &'a Arc<Federation>,
    /// Whether it is the best round so far by validation.
    pub is_best: bool,
    /// Whether the run ends with it.
    pub is_last: bool,
    /// How long the parts of the round took. They differ between equal runs.
    pub timings: Timings,
}

/// How long the parts of a round took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Local training, retries included.
    pub train: Duration,
    /// Barriers.
    pub barriers: Duration,
    /// Averaging.
    pub average: Duration,
    /// Evaluation after averaging.
    pub evaluate: Duration,
}

/// Writes committed rounds. It is called on a thread that may block.
pub trait Journal: Send + 'static {
    /// Writes a round completely, or not at all.
    ///
    /// # Errors
    /// When the round could not be written. The run ends; earlier rounds stay committed.
    fn commit(&mut self, committed: &CommittedRound<'_>) -> Result<(), JournalError>;

    /// Ensures that a run which is stopped can be resumed after its last committed round.
    ///
    /// # Errors
    /// When the models could not be written.
    fn persist(
        &mut self,
        _committed: u32,
        _federation: &Arc<Federation>,
    ) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A round could not be written. It shows the journal's own error.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JournalError(Box<dyn Error + Send + Sync>);

impl JournalError {
    /// Wraps the error of a journal.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}
