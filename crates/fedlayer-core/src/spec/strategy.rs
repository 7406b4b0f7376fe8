//! `[[strategy]]`: the layers that are averaged in each round, the weights of the clients, and the
//! keys of `[local]` that differ.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LocalOverlay;

/// The layers that are averaged in each round, and the weights of the clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StrategySpec {
    /// The name in tables and, with `-` between its words, of the folder.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// The layers that are averaged.
    pub average: Average,
    /// The weights of the clients.
    #[serde(default)]
    pub weights: Weighting,
    /// The handling of the running statistics of batch normalisations.
    #[serde(default)]
    pub statistics: Statistics,
    /// Keys of `[local]` that have other values in this strategy. A table is merged with that of
    /// `[local]` key by key; another form, such as another optimizer, replaces it.
    // A plan's strategy has none: the plan's own `local` contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalOverlay>,
}

/// The handling of the running statistics of batch normalisations in averages and mixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// They are averaged with their layer.
    #[default]
    Average,
    /// They stay with the model: every client keeps its own (SiloBN, Andreux et al. 2020), and
    /// every mix its base's.
    Keep,
    /// They are averaged with their layer, and measured anew on training examples before a model is
    /// evaluated.
    Recompute,
    /// As `recompute`. The statistics of a mix are then set so that the mean and the standard
    /// deviation of every channel are interpolated between the two models of the mix (REPAIR,
    /// Jordan et al., ICLR 2023).
    Repair,
}

/// The layers that are averaged: one rule for all rounds, or a list of rules with their rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Average {
    /// Rules with their rounds. A round without an entry averages nothing; two entries may not have
    /// a round in common.
    Schedule(#[schemars(length(min = 1))] Vec<ScheduleEntry>),
    /// One rule for all rounds.
    Always(Rule),
}

/// A rule and its rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleEntry {
    /// The rounds, counted from 1: `"3"`, `"1-5"`, or `"6-"` for all rounds from the sixth.
    pub rounds: String,
    /// The layers that are averaged in these rounds.
    pub average: Rule,
}

/// The layers that are averaged in a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Every layer: federated averaging (McMahan et al. 2017).
    All,
    /// No layer: local training.
    None,
    /// The layers that match these names or globs.
    Layers(#[schemars(length(min = 1))] Vec<String>),
    /// All layers except those that match these names or globs.
    Except(#[schemars(length(min = 1))] Vec<String>),
    /// The first k layers, from the input.
    First(#[schemars(range(min = 1))] u32),
    /// The last k layers.
    Last(#[schemars(range(min = 1))] u32),
    /// The k layers in the middle. If they cannot be centred, they are nearer to the input.
    Middle(#[schemars(range(min = 1))] u32),
    /// k layers drawn anew in every round.
    Random(#[schemars(range(min = 1))] u32),
    /// k adjacent layers, which move on by k in every round and start again at the input after the
    /// last layer.
    Rotate(#[schemars(range(min = 1))] u32),
}

/// The weights of the clients in an average.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// The number of training examples of the client: every example counts the same (McMahan et al.
    /// 2017).
    #[default]
    Examples,
    /// Equal weights: every client counts the same.
    Equal,
}
