//! `[clients]`, `[checkpoints]` and `[evaluate]`: the cohorts, the checkpoints, and the evaluations
//! after averaging.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The clients of a round, and what happens if some of them do not report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientsSpec {
    /// The number of clients.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub count: u32,
    /// The number of clients that are drawn for a round, without replacement; by default all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub per_round: Option<u32>,
    /// The probability that a client of the cohort drops out of a round.
    #[serde(default)]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// The smallest number of clients that must report before the round is committed.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub min_clients: u32,
    /// The time limit of a round in seconds, from handing it to the workers. The round then goes on
    /// without the clients that have not reported. By default it waits for all clients. Which
    /// clients are late depends on the machine: a run with a deadline may not repeat byte for byte.
    #[serde(default)]
    #[schemars(range(max = 31_536_000), extend("exclusiveMinimum" = 0))]
    pub deadline: Option<f64>,
    /// The number of attempts at a round. An attempt fails if fewer than `min_clients` report; the
    /// run fails if all attempts do.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub attempts: u32,
}

impl ClientsSpec {
    /// Returns the number of clients that are drawn for a round.
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

/// How often checkpoints are written, and how many are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointSpec {
    /// A checkpoint is written after every `every`-th round, and after the last.
    #[schemars(range(min = 1))]
    pub every: u32,
    /// The number of checkpoints that are kept, latest first, or "all".
    pub keep: Keep,
}

impl Default for CheckpointSpec {
    fn default() -> Self {
        Self { every: 1, keep: Keep::Latest(2) }
    }
}

/// The number of checkpoints that are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Keep {
    /// All checkpoints.
    All(KeepAll),
    /// This many of the latest checkpoints.
    Latest(#[schemars(range(min = 1))] u32),
}

/// The word `"all"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeepAll {
    /// All checkpoints are kept.
    All,
}

/// The evaluation right after averaging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateSpec {
    /// Models are evaluated after every `every`-th round, and after the last.
    #[schemars(range(min = 1))]
    pub every: u32,
    /// The clients that are evaluated.
    pub clients: EvaluatedClients,
    /// The round that is reported: the last, or beside it the best one by validation. The model of
    /// the best round is kept as `checkpoints/best.safetensors`. Test data never choose.
    #[serde(skip_serializing_if = "Select::is_last")]
    pub select: Select,
    /// The value that decides which round is best; the earliest of equal ones. By default it is
    /// `"validation-loss"`, or `"client-validation-loss"` if only the clients have validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<SelectBy>,
    /// The run ends after this many evaluations in a row without a better round. By default it goes
    /// on to the last round.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub patience: Option<u32>,
}

impl Default for EvaluateSpec {
    fn default() -> Self {
        let (select, clients) = (Select::Last, EvaluatedClients::Cohort);
        Self { every: 1, clients, select, by: None, patience: None }
    }
}

/// The round that is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The last round.
    Last,
    /// The best round by validation, beside the last one.
    Best,
}

impl Select {
    /// Returns whether only the last round is reported.
    pub fn is_last(&self) -> bool {
        *self == Self::Last
    }
}

/// The value that decides which round is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SelectBy {
    /// The smallest loss on the common validation set.
    ValidationLoss,
    /// The largest accuracy on the common validation set.
    ValidationAccuracy,
    /// The smallest mean over the clients of the loss on their own validation data.
    ClientValidationLoss,
    /// The largest mean over the clients of the accuracy on their own validation data.
    ClientValidationAccuracy,
}

impl SelectBy {
    /// Returns whether the value is measured on the clients' own validation data.
    pub fn is_of_clients(self) -> bool {
        matches!(self, Self::ClientValidationLoss | Self::ClientValidationAccuracy)
    }

    /// Returns whether the value is an accuracy: larger is better.
    pub fn is_accuracy(self) -> bool {
        matches!(self, Self::ValidationAccuracy | Self::ClientValidationAccuracy)
    }

    /// Returns the value's name, as a scenario writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ValidationLoss => "validation-loss",
            Self::ValidationAccuracy => "validation-accuracy",
            Self::ClientValidationLoss => "client-validation-loss",
            Self::ClientValidationAccuracy => "client-validation-accuracy",
        }
    }
}

/// The clients that are evaluated right after averaging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EvaluatedClients {
    /// The clients that reported in the round.
    Cohort,
    /// All clients.
    All,
}
