//! [`Scenario`]: one file, one question: a shared set-up and the strategies that are compared on it.

use std::sync::Arc;

use fedlayer_core::{
    Layout, Plan,
    spec::{
        AnalysisSpec, BarrierSpec, CheckpointSpec, ClientsSpec, DataSpec, EvaluateSpec, LocalSpec,
        ModelSpec, StrategySpec, SweepSpec, Variant,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a scenario file says: a shared set-up, and the strategies that are compared on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A fedlayer scenario")]
pub struct Scenario {
    /// The seeds, at most 10,000. Every strategy is run once with each, on the same data, initial weights, cohorts and batches.
    #[serde(default = "one_seed")]
    #[schemars(length(min = 1, max = 10_000))]
    pub seeds: Vec<u64>,
    /// The number of rounds.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rounds: u32,
    /// Which examples there are, and how the clients share them.
    pub data: DataSpec,
    /// Who takes part in a round, and what happens when some do not report.
    pub clients: ClientsSpec,
    /// The network that clients train.
    pub model: ModelSpec,
    /// The values that every client starts from: a safetensors file with the model's names and shapes (a PyTorch `state_dict`, or a checkpoint of
    /// a run that averages all layers), or a model of a run: `RUN:STRATEGY:SEED:ROUND:CLIENT`, such as `runs/digits:local:1:last:0`. Drawn from the
    /// seed where it is not given. Looked for beside the scenario, in the data folders, then where the program was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub initial: Option<String>,
    /// How a client trains in a round.
    pub local: LocalSpec,
    /// Which barriers are measured. None where the table is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barriers: Option<BarrierSpec>,
    /// What is measured right after averaging.
    #[serde(default)]
    pub evaluate: EvaluateSpec,
    /// How often the state of a run is written, and how much of it stays.
    #[serde(default)]
    pub checkpoints: CheckpointSpec,
    /// What is measured on the models once all rounds are over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analysis: Vec<AnalysisSpec>,
    /// Other values of some keys: every choice of them is a variant, run with every strategy and seed. None where the table is not given.
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
    /// One plan per strategy and seed, all of them of this variant: all seeds of the first strategy, then all of the second, ….
    pub(crate) fn plans(&self, layout: &Arc<Layout>, variant: Option<&Variant>) -> Vec<Plan> {
        let pairs = self
            .strategy
            .iter()
            .flat_map(|strategy| self.seeds.iter().map(move |&seed| (strategy, seed)));
        let layouts = |strategy: &StrategySpec| match strategy.statistics.ownership() {
            ownership if ownership == layout.ownership() => layout.clone(),
            ownership => Arc::new(layout.with_ownership(ownership)),
        };
        pairs
            .map(|(strategy, seed)| Plan {
                seed,
                rounds: self.rounds,
                data: self.data.clone(),
                clients: self.clients.clone(),
                model: self.model.clone(),
                initial: self.initial.clone(),
                layout: layouts(strategy),
                local: self.local.clone(),
                barriers: self.barriers.clone(),
                evaluate: self.evaluate.clone(),
                checkpoints: self.checkpoints.clone(),
                strategy: strategy.clone(),
                variant: variant.cloned(),
            })
            .collect()
    }
}

/// The JSON Schema (draft 2020-12) of a scenario, with descriptions, ranges and defaults.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Scenario).to_value()
}

/// A scenario with every section, and a line of explanation for each key: what `fedlayer init` prints.
pub fn example() -> &'static str {
    include_str!("example.toml")
}
