//! `[barriers]`: the barriers that a run measures, between which models, and how often.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The barriers that are measured after local training and before averaging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BarrierSpec {
    /// Barriers are measured in every `every`-th round, and in the last.
    #[schemars(range(min = 1))]
    pub every: u32,
    /// The layer sets.
    #[schemars(length(min = 1))]
    pub sets: Vec<SetSpec>,
    /// The positions between base and other models, in (0, 1]; ½ is the average.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0, "maximum": 1 }))]
    pub alpha: Vec<f64>,
    /// The splits on which losses are measured.
    #[schemars(length(min = 1))]
    pub splits: Vec<SplitSpec>,
    /// The baselines that the loss of a mix is compared with. `chord` costs one more evaluation per
    /// layer set.
    #[schemars(length(min = 1))]
    pub baselines: Vec<Baseline>,
    /// The models that barriers are measured between.
    pub between: Between,
    /// The number of draws of the equal-norm twin: the base plus a random direction with the same
    /// norm on the same layers.
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

impl BarrierSpec {
    /// Returns the splits in their fixed order, each once.
    pub fn distinct_splits(&self) -> Vec<SplitSpec> {
        let mut splits = self.splits.clone();
        splits.sort_unstable();
        splits.dedup();
        splits
    }
}

/// A family of layer sets; the barrier of each set is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SetSpec {
    /// All layers at once.
    Full,
    /// Every layer by itself.
    Layers,
    /// Cumulative: the first layer, the first two, …, all.
    Shallow,
    /// Cumulative: the last layer, the last two, …, all.
    Deep,
    /// Cumulative in an order that is drawn once per run.
    Random,
    /// Cumulative: the first five layers, the last five, then the middle layers from the input.
    Alternating,
    /// Every window of this many adjacent layers.
    Window(#[schemars(range(min = 1))] u32),
    /// The layers that match these names or globs, as one set.
    Named(#[schemars(length(min = 1))] Vec<String>),
}

/// A split on which losses are measured.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SplitSpec {
    /// The union of all clients' training examples.
    Train,
    /// The common test set.
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

/// A baseline that the loss of a mix is compared with. L_i is the loss of the base θ_i, and L̄ the
/// weighted mean of the losses of the unmixed models.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// L̄, as in the paper.
    Mean,
    /// The line through L_i at α = 0 and L̄ at α = ½; for two models (1−α)L₁ + αL₂.
    Linear,
    /// The largest loss of the unmixed models.
    Max,
    /// L_i: the effect of averaging on this client.
    Base,
    /// The line between L_i and the loss at α = 1 on the same layers: a test of convexity.
    Chord,
}

impl Baseline {
    /// All baselines, in the order of records.
    pub const ALL: [Self; 5] = [Self::Mean, Self::Linear, Self::Max, Self::Base, Self::Chord];
}

/// The models that barriers are measured between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// From each model of the cohort to the weighted mean of all of them.
    Cohort,
    /// From each model of the cohort to each other model.
    Pairs,
}

impl Between {
    /// Returns the number of directions between `models` models: one per model, or one per ordered
    /// pair. A count that exceeds 64 bits is [`u64::MAX`].
    pub fn directions(self, models: u64) -> u64 {
        match self {
            Self::Cohort => models,
            Self::Pairs => models.saturating_mul(models.saturating_sub(1)),
        }
    }
}
