//! `[clients]`, `[checkpoints]` and `[evaluate]`: who takes part, what is kept, what is measured after averaging.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who takes part in a round, and what happens when some do not report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientsSpec {
    /// The number of clients.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub count: u32,
    /// How many of them are drawn for a round, without replacement. All of them where it is not given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub per_round: Option<u32>,
    /// The probability that a client of the cohort drops out of a round.
    #[serde(default)]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// The fewest clients that must report for the round to be committed.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub min_clients: u32,
    /// Seconds, from handing the round to the workers, after which it goes on without the clients that have not reported. It waits for all
    /// where it is not given. Which clients are late depends on the machine: a run with a deadline need not repeat byte for byte.
    #[serde(default)]
    #[schemars(range(max = 31_536_000), extend("exclusiveMinimum" = 0))]
    pub deadline: Option<f64>,
    /// How often a round with fewer than `min_clients` reports is tried before the run fails.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub attempts: u32,
}

impl ClientsSpec {
    /// The number of clients drawn for a round.
    pub fn cohort(&self) -> u32 {
        self.per_round.unwrap_or(self.count)
    }
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

/// How often the state of a run is written, and how much of it stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointSpec {
    /// A checkpoint after every this many rounds, and after the last.
    #[schemars(range(min = 1))]
    pub every: u32,
    /// How many of the latest checkpoints stay: a number, or "all".
    pub keep: Keep,
}

impl Default for CheckpointSpec {
    fn default() -> Self {
        Self { every: 1, keep: Keep::Latest(2) }
    }
}

/// How many of the latest checkpoints stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Keep {
    /// Every checkpoint.
    All(KeepAll),
    /// This many.
    Latest(#[schemars(range(min = 1))] u32),
}

/// The word `"all"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeepAll {
    /// Every checkpoint stays.
    All,
}

/// What is measured right after averaging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateSpec {
    /// An evaluation after every this many rounds, and after the last.
    #[schemars(range(min = 1))]
    pub every: u32,
    /// Whose models are evaluated.
    pub clients: EvaluatedClients,
}

impl Default for EvaluateSpec {
    fn default() -> Self {
        Self { every: 1, clients: EvaluatedClients::Cohort }
    }
}

/// Whose models are evaluated right after averaging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EvaluatedClients {
    /// Those of the clients that reported in the round.
    Cohort,
    /// Those of every client.
    All,
}
