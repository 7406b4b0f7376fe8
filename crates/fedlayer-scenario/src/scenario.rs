//! [`Scenario`]: the content of a scenario file: one set-up, and the strategies that are compared
//! on it.

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    model::Layout,
    spec::{
        AnalysisSpec, BarrierSpec, CheckpointSpec, ClientsSpec, DataSpec, EvaluateSpec, LocalSpec,
        ModelSpec, StrategySpec, SweepSpec, Variant,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The content of a scenario file: one set-up, and the strategies that are compared on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A fedlayer scenario")]
pub struct Scenario {
    /// The seeds, at most 10,000. Every strategy is run once with each seed; with the same seed,
    /// all have the same data, initial weights, cohorts and batches.
    #[serde(default = "one_seed")]
    #[schemars(length(min = 1, max = 10_000))]
    pub seeds: Vec<u64>,
    /// The number of rounds.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rounds: u32,
    /// The examples, and how the clients share them.
    pub data: DataSpec,
    /// The clients, how many take part in a round, and how missing reports are handled.
    pub clients: ClientsSpec,
    /// The network that clients train.
    pub model: ModelSpec,
    /// The model that every client starts from; drawn from the seed by default. It is a safetensors
    /// file with the model's names and shapes (a PyTorch `state_dict`, or a checkpoint of a run
    /// that averages all layers), or a model of a run, `RUN:STRATEGY:SEED:ROUND:CLIENT`, such as
    /// `runs/digits:local:1:last:0`. It is searched beside the scenario, in the data folders, then
    /// in the folder in which the program was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub initial: Option<String>,
    /// The local training of a client in a round.
    pub local: LocalSpec,
    /// The barriers that are measured in rounds. Without this table, none are measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barriers: Option<BarrierSpec>,
    /// The evaluation after averaging.
    #[serde(default)]
    pub evaluate: EvaluateSpec,
    /// How often a run's state is written, and how many states are kept.
    #[serde(default)]
    pub checkpoints: CheckpointSpec,
    /// The measurements on the trained models, after the last round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analysis: Vec<AnalysisSpec>,
    /// Other values of some keys. Every combination is a variant, which is run with every strategy
    /// and seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepSpec>,
    /// The strategies that are compared, at most 10,000.
    #[schemars(length(min = 1, max = 10_000))]
    pub strategy: Vec<StrategySpec>,
}

fn one_seed() -> Vec<u64> {
    vec![1]
}

impl Scenario {
    /// Returns one plan per strategy and seed, all of this variant: all seeds of the first
    /// strategy, then all of the second, and so on. `locals` has the local training of each
    /// strategy.
    pub(crate) fn plans(
        &self,
        locals: &[LocalSpec],
        layout: &Arc<Layout>,
        variant: Option<&Variant>,
    ) -> Vec<Plan> {
        let strategies = self.strategy.iter().zip(locals);
        let each =
            strategies.flat_map(|strategy| self.seeds.iter().map(move |&seed| (strategy, seed)));
        let layouts = |strategy: &StrategySpec| match strategy.statistics.ownership() {
            ownership if ownership == layout.ownership() => layout.clone(),
            ownership => Arc::new(layout.with_ownership(ownership)),
        };
        each.map(|((strategy, local), seed)| Plan {
            seed,
            rounds: self.rounds,
            data: self.data.clone(),
            clients: self.clients.clone(),
            model: self.model.clone(),
            initial: self.initial.clone(),
            layout: layouts(strategy),
            local: local.clone(),
            barriers: self.barriers.clone(),
            evaluate: self.evaluate.clone(),
            checkpoints: self.checkpoints.clone(),
            strategy: StrategySpec { local: None, ..strategy.clone() },
            variant: variant.cloned(),
        })
        .collect()
    }

    /// Returns the scenario that has this plan alone, in this variant of a sweep.
    pub(crate) fn of_plan(plan: &Plan) -> Self {
        let Plan {
            seed,
            rounds,
            data,
            clients,
            model,
            initial,
            layout: _,
            local,
            barriers,
            evaluate,
            checkpoints,
            strategy,
            variant: _,
        } = plan.clone();
        Self {
            seeds: vec![seed],
            rounds,
            data,
            clients,
            model,
            initial,
            local,
            barriers,
            evaluate,
            checkpoints,
            analysis: Vec::new(),
            sweep: None,
            strategy: vec![strategy],
        }
    }
}

/// Returns the JSON Schema (draft 2020-12) of a scenario, with descriptions, ranges and defaults.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Scenario).to_value()
}

/// Returns a scenario with all sections and an explanation of each key. `fedlayer init` prints it.
pub fn example() -> &'static str {
    include_str!("example.toml")
}
