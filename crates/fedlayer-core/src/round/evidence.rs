//! [`Evidence`]: the measurements of a round that the choice of its layers sees.

use crate::{
    record::{BarrierRow, LayerMovement},
    seed::Seed,
};

/// The measurements of a round when the layers to average are chosen: all clients have reported,
/// their updates and the barriers between their models are measured, and nothing is averaged yet.
///
/// A rule that decides by measurements averages no layer if these measurements are missing.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The round, counted from 1.
    pub round: u32,
    /// The seed of all random numbers of the run.
    pub seed: Seed,
    /// The barriers of this round; empty if they are not due in it.
    pub barriers: &'a [BarrierRow],
    /// The clients' updates, layer by layer from the input; empty before the clients have trained.
    pub layers: &'a [LayerMovement],
}

impl Evidence<'_> {
    /// Returns the evidence before a round begins: nothing is measured. With it, the layers of
    /// rules that need no measurements are known in advance.
    pub fn foreseen(round: u32, seed: Seed) -> Self {
        Self { round, seed, barriers: &[], layers: &[] }
    }
}
