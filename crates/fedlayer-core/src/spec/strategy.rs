//! `[[strategy]]`: which layers are averaged in which round, and with which weights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which layers are averaged in which round, and with which weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StrategySpec {
    /// The name in tables and, with everything but letters and digits turned into `-`, of the folder.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// Which layers are averaged.
    pub average: Average,
    /// How much each client counts.
    #[serde(default)]
    pub weights: Weighting,
    /// What becomes of the running statistics of batch normalisations.
    #[serde(default)]
    pub statistics: Statistics,
}

/// What becomes of the running statistics of batch normalisations where models are averaged or mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// They are averaged with their layer.
    #[default]
    Average,
    /// They stay with the model: every client keeps its own (SiloBN, Andreux et al. 2020), every mix its base's.
    Keep,
    /// They are averaged with their layer; before a model is evaluated they are measured anew on training examples.
    Recompute,
    /// As `recompute`; a mix's are then set so that every channel has the mean and the standard deviation between those of the two
    /// models that are mixed (REPAIR, Jordan et al., ICLR 2023).
    Repair,
}

/// Which layers are averaged: one rule for all rounds, or a list of rules with their rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Average {
    /// Rules by rounds. A round that no entry names averages nothing; two entries may not name the same round.
    Schedule(#[schemars(length(min = 1))] Vec<ScheduleEntry>),
    /// One rule for all rounds.
    Always(Rule),
}

/// A rule and the rounds in which it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleEntry {
    /// The rounds, counted from 1: `"3"`, `"1-5"`, or `"6-"` up to the last.
    pub rounds: String,
    /// Which layers are averaged in them.
    pub average: Rule,
}

/// Which layers are averaged in a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Every layer: federated averaging (McMahan et al. 2017).
    All,
    /// No layer: local training.
    None,
    /// The layers that match these names or globs.
    Layers(#[schemars(length(min = 1))] Vec<String>),
    /// All layers but those that match these names or globs.
    Except(#[schemars(length(min = 1))] Vec<String>),
    /// The first k layers, from the input.
    First(#[schemars(range(min = 1))] u32),
    /// The last k layers.
    Last(#[schemars(range(min = 1))] u32),
    /// The k layers in the middle; where they cannot be centred, the one nearer the input is taken.
    Middle(#[schemars(range(min = 1))] u32),
    /// k layers drawn anew in every round.
    Random(#[schemars(range(min = 1))] u32),
    /// k neighbouring layers, moving on by k in every round and starting again at the input after the last.
    Rotate(#[schemars(range(min = 1))] u32),
}

/// How much each client counts in an average.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// By the number of its training examples: right where the examples are what counts (McMahan et al. 2017).
    #[default]
    Examples,
    /// Every client the same: right where the clients are what counts.
    Equal,
}
