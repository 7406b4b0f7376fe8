//! [`Plan`]: a scenario that is known to be valid, for one strategy and one seed.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    model::Layout,
    seed::Seed,
    spec::{
        BarrierSpec, CheckpointSpec, ClientsSpec, DataSpec, EvaluateSpec, LocalSpec, ModelSpec,
        StrategySpec, Variant,
    },
    text::slug,
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
    /// Which of the scenario's variants this is, where it has a sweep. Its values are in the other fields already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
}

impl Plan {
    /// Where all random numbers of the run come from.
    pub fn root_seed(&self) -> Seed {
        Seed::new(self.seed)
    }

    /// The folder of this plan inside the run folder: `one-layer-rotating/seed-1`; of a variant, below the variant's.
    pub fn folder(&self) -> String {
        let own = format!("{}/seed-{}", slug(&self.strategy.name), self.seed);
        match &self.variant {
            Some(variant) => format!("{}/{own}", variant.folder),
            None => own,
        }
    }

    /// What messages call the plan, but for its seed: the strategy's name, behind the variant where there is one (`lr=0.1: all`).
    pub fn title(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}: {}", variant.label(), self.strategy.name),
            None => self.strategy.name.clone(),
        }
    }

    /// Whether two plans have the same examples, shared out among their clients in the same way.
    pub fn shares_data(&self, other: &Self) -> bool {
        (self.seed, self.clients.count, &self.data)
            == (other.seed, other.clients.count, &other.data)
    }

    /// Whether a trainer of one of the two plans serves the other: they may differ in what is averaged, measured and kept, but not in what is
    /// computed of a client or a model.
    pub fn trains_as(&self, other: &Self) -> bool {
        self.shares_data(other)
            && self.rounds == other.rounds
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
