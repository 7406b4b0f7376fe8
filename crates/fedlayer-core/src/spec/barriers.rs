//! `[barriers]`: which barriers are measured, between which models, and how often.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which barriers are measured after local training and before averaging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BarrierSpec {
    /// Barriers are measured in every this many rounds, and in the last.
    #[schemars(range(min = 1))]
    pub every: u32,
    /// The layer sets.
    #[schemars(length(min = 1))]
    pub sets: Vec<SetSpec>,
    /// How far the base goes towards the other models, in (0, 1]; ½ is the average.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0, "maximum": 1 }))]
    pub alpha: Vec<f64>,
    /// Where the losses are measured.
    #[schemars(length(min = 1))]
    pub splits: Vec<SplitSpec>,
    /// What the loss of a mix is compared with. `chord` costs one evaluation more per layer set.
    #[schemars(length(min = 1))]
    pub baselines: Vec<Baseline>,
    /// Between which models.
    pub between: Between,
    /// Draws of the equal-norm twin: the loss at the base plus a random direction of the same norm on the same layers.
    #[schemars(range(max = 1000))]
    pub twins: u32,
}

impl Default for BarrierSpec {
    fn default() -> Self {
        Self {
            every: 1,
            sets: vec![SetSpec::Full, SetSpec::Layers],
            alpha: vec![0.5],
            splits: vec![SplitSpec::Train, SplitSpec::Test],
            baselines: Baseline::ALL.to_vec(),
            between: Between::Cohort,
            twins: 0,
        }
    }
}

/// A family of layer sets, each of which gets its barrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SetSpec {
    /// All layers at once.
    Full,
    /// Every layer alone.
    Layers,
    /// Cumulative: the first layer, the first two, …, all.
    Shallow,
    /// Cumulative: the last layer, the last two, …, all.
    Deep,
    /// Cumulative in an order drawn once per run.
    Random,
    /// Cumulative: the first five layers, the last five, then the middle from the input on.
    Alternating,
    /// Every run of this many neighbouring layers.
    Window(#[schemars(range(min = 1))] u32),
    /// The layers that match these names or globs, together.
    Named(#[schemars(length(min = 1))] Vec<String>),
}

/// Where a loss is measured.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SplitSpec {
    /// On the union of all clients' training examples.
    Train,
    /// On the common test set.
    Test,
}

impl fmt::Display for SplitSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// What the loss of a mix is compared with. L_i is the loss of the base θ_i, L̄ the weighted mean of the losses of the unmixed models.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// L̄: the paper's.
    Mean,
    /// The line through L_i at α = 0 and L̄ at α = ½; for two models (1−α)L₁ + αL₂.
    Linear,
    /// The largest loss of the unmixed models.
    Max,
    /// L_i: what averaging did to this client.
    Base,
    /// The line between L_i and the loss at α = 1 on the same layers: the convexity test.
    Chord,
}

impl Baseline {
    /// All of them, in the order of records.
    pub const ALL: [Self; 5] = [Self::Mean, Self::Linear, Self::Max, Self::Base, Self::Chord];
}

/// Between which models barriers are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// Each model of the cohort against the weighted mean of all of them.
    Cohort,
    /// Each model of the cohort against each other one.
    Pairs,
}
