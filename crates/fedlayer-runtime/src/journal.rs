//! [`Journal`]: where committed rounds go.

use std::{sync::Arc, time::Duration};

use fedlayer_core::{BarrierRow, Federation, RoundRecord};

/// A round that is over, with the state after it.
#[derive(Debug)]
pub struct CommittedRound<'a> {
    /// The round.
    pub record: &'a RoundRecord,
    /// The barriers measured in it; none where none were due.
    pub barriers: &'a [BarrierRow],
    /// The models of all clients after averaging.
    pub federation: &'a Arc<Federation>,
    /// How long its parts took. Nothing that is compared between runs may depend on it.
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

/// Writes committed rounds down. It is called on a thread that may block.
pub trait Journal: Send + 'static {
    /// Writes a round down for good, or not at all.
    ///
    /// # Errors
    /// Says what could not be written, and where. The run ends then; what was committed before stays.
    fn commit(&mut self, committed: &CommittedRound<'_>) -> Result<(), String>;

    /// Makes sure that a run which ends early can go on after its last committed round.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn persist(&mut self, _committed: u32, _federation: &Arc<Federation>) -> Result<(), String> {
        Ok(())
    }
}
