//! [`Plan`]: a scenario that is known to be valid, for one strategy and one seed.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    Layout, Seed,
    spec::{
        BarrierSpec, CheckpointSpec, ClientsSpec, DataSpec, EvaluateSpec, LocalSpec, ModelSpec,
        StrategySpec,
    },
};

/// Everything that decides the bytes of one run: one strategy, one seed.
///
/// Plans are made by `fedlayer-scenario`, which has checked every value; past it nothing is checked again.
/// Two plans that differ only in the strategy draw the same data, initial weights, cohorts and batches: common random numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The scenario's seed.
    pub seed: u64,
    /// The number of rounds.
    pub rounds: u32,
    /// The examples and their partition.
    pub data: DataSpec,
    /// Who takes part.
    pub clients: ClientsSpec,
    /// The network.
    pub model: ModelSpec,
    /// The file of the values that every client starts from; drawn where it is not given.
    pub initial: Option<String>,
    /// The layers of the network on this data.
    pub layout: Arc<Layout>,
    /// How clients train.
    pub local: LocalSpec,
    /// Which barriers are measured, if any.
    pub barriers: Option<BarrierSpec>,
    /// What is measured after averaging.
    pub evaluate: EvaluateSpec,
    /// What is written, and how often.
    pub checkpoints: CheckpointSpec,
    /// Which layers are averaged when.
    pub strategy: StrategySpec,
}

impl Plan {
    /// Where all random numbers of the run come from.
    pub fn root_seed(&self) -> Seed {
        Seed::new(self.seed)
    }

    /// The folder of this plan inside the run folder: `one-layer-rotating/seed-1`.
    pub fn folder(&self) -> String {
        format!("{}/seed-{}", slug(&self.strategy.name), self.seed)
    }

    /// Whether a trainer of one of the two plans serves the other: they may differ in what is averaged, measured and kept, but not in what is
    /// computed of a client or a model.
    pub fn trains_as(&self, other: &Self) -> bool {
        self.seed == other.seed
            && self.rounds == other.rounds
            && self.data == other.data
            && self.clients.count == other.clients.count
            && self.model == other.model
            && self.initial == other.initial
            && self.layout == other.layout
            && self.local == other.local
            && self.strategy.statistics == other.strategy.statistics
    }

    /// Whether something that happens every `every` rounds, and in the last, happens in `round`.
    pub fn is_due(&self, every: u32, round: u32) -> bool {
        round.is_multiple_of(every) || round == self.rounds
    }
}

/// A strategy's name as the name of a folder: letters and digits in lower case, everything between them one `-`.
pub fn slug(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}
