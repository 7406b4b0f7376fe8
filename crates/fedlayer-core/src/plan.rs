//! [`Plan`]: a validated scenario, for one strategy and one seed.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    model::Layout,
    seed::Seed,
    spec::{
        BarrierSpec, CheckpointSpec, ClientsSpec, DataSpec, EvaluateSpec, LocalSpec, ModelSpec,
        SelectBy, StrategySpec, Variant,
    },
    text::slug,
};

/// Everything that decides the bytes of one run: one strategy, one seed.
///
/// `fedlayer-scenario` makes plans and checks every value. No later code checks them again. Two
/// plans that differ only in the strategy draw the same data, initial weights, cohorts and batches:
/// common random numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The scenario's seed.
    pub seed: u64,
    /// The number of rounds.
    pub rounds: u32,
    /// The examples and their partition.
    pub data: DataSpec,
    /// The number of clients, and how many of them train in a round.
    pub clients: ClientsSpec,
    /// The network.
    pub model: ModelSpec,
    /// The file of the initial model; drawn from the seed if it is absent.
    pub initial: Option<String>,
    /// The layers of the network on this data.
    pub layout: Arc<Layout>,
    /// The local training.
    pub local: LocalSpec,
    /// The barriers that are measured, if any.
    pub barriers: Option<BarrierSpec>,
    /// The evaluations after averaging.
    pub evaluate: EvaluateSpec,
    /// The files that are written, and how often.
    pub checkpoints: CheckpointSpec,
    /// The layers that are averaged in each round.
    pub strategy: StrategySpec,
    /// The variant of the scenario's sweep, if it has one. The other fields hold its values
    /// already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
}

impl Plan {
    /// Returns the seed of all random numbers of the run.
    pub fn root_seed(&self) -> Seed {
        Seed::new(self.seed)
    }

    /// Returns the folder of this plan inside the run folder: `one-layer-rotating/seed-1`. The
    /// folder of a variant's plan is inside the variant's folder.
    pub fn folder(&self) -> String {
        let own = format!("{}/seed-{}", slug(&self.strategy.name), self.seed);
        match &self.variant {
            Some(variant) => format!("{}/{own}", variant.folder),
            None => own,
        }
    }

    /// Returns the name of the plan in messages, without its seed: `all`, or `lr=0.1: all` for a
    /// variant.
    pub fn title(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}: {}", variant.label(), self.strategy.name),
            None => self.strategy.name.clone(),
        }
    }

    /// Returns whether two plans have the same examples with the same partition.
    pub fn shares_data(&self, other: &Self) -> bool {
        (self.seed, self.clients.count, &self.data)
            == (other.seed, other.clients.count, &other.data)
    }

    /// Returns whether a trainer of one plan serves the other. Such plans may differ in the layers
    /// that are averaged, in measurements and in files, but not in the computations of a client or
    /// a model.
    pub fn trains_as(&self, other: &Self) -> bool {
        self.shares_data(other)
            && self.rounds == other.rounds
            && self.model == other.model
            && self.initial == other.initial
            && self.layout == other.layout
            && self.local == other.local
            && self.strategy.statistics == other.strategy.statistics
    }

    /// Returns the value that decides which round is best.
    pub fn selects_by(&self) -> SelectBy {
        let is_common = self.data.validation_share > 0.0;
        let default =
            if is_common { SelectBy::ValidationLoss } else { SelectBy::ClientValidationLoss };
        self.evaluate.by.unwrap_or(default)
    }

    /// Returns whether something that happens every `every` rounds, and in the last round, happens
    /// in `round`.
    pub fn is_due(&self, every: u32, round: u32) -> bool {
        round.is_multiple_of(every) || round == self.rounds
    }
}
