//! [`BarrierRow`]: one line of `barriers.jsonl`; [`BarrierSummary`]: the barriers that tables show.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::LayerName,
    spec::{Baseline, SplitSpec},
};

/// The barriers that tables show: test loss, baseline `mean`, α = ½, mean over the bases.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BarrierSummary {
    /// The barrier of averaging all layers.
    pub full_barrier: Option<f64>,
    /// The largest barrier of averaging one layer.
    pub max_layer_barrier: Option<f64>,
    /// The layer that has it.
    pub max_layer: Option<LayerName>,
    /// The largest test loss of the unmixed models less the smallest. Where it is large against a barrier, the `mean` baseline misleads.
    pub end_loss_spread: Option<f64>,
}

/// One line of `barriers.jsonl`: one measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BarrierRow {
    /// The round, counted from 1.
    pub round: u32,
    /// Where the loss was measured; absent for values that need no data.
    pub split: Option<SplitSpec>,
    /// What was measured.
    pub metric: Metric,
    /// Which sweep or which extra the value belongs to.
    pub kind: BarrierKind,
    /// The layers: `all`, or names joined by `+`.
    pub set: String,
    /// The base: a client, `a<-b` for a pair, or `mean` or `max` over all bases.
    pub base: String,
    /// How far the base went; ½ is the average.
    pub alpha: Option<f64>,
    /// What the value was compared with.
    pub baseline: Option<Baseline>,
    /// The value; absent where a loss was not finite.
    pub value: Option<f64>,
    /// Its standard error: of the mean of the paired per-example differences, or, for twins, of the mean over the draws.
    pub std_error: Option<f64>,
}

/// What a barrier row measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Mean loss over the examples.
    Loss,
    /// 100 − accuracy, in percent.
    Error,
    /// ‖Δ‖₂ of the step from the base to the other model (twice the step to the cohort's mean), over trained values.
    Norm,
    /// Cosine between the base's movement in the round and the others', over trained values.
    Cosine,
    /// Trained values in the set.
    Parameters,
}

/// Which sweep or which extra a barrier row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BarrierKind {
    /// An unmixed model: its own loss, no barrier.
    End,
    /// All layers.
    Full,
    /// One layer alone.
    Layer,
    /// Cumulative from the input.
    Shallow,
    /// Cumulative from the output.
    Deep,
    /// Cumulative in a drawn order.
    Random,
    /// Cumulative: first five, last five, the middle.
    Alternating,
    /// Neighbouring layers of a fixed number.
    Window,
    /// Layers that the scenario names.
    Named,
    /// The largest value over the α grid, with its α.
    Peak,
    /// The mean over the draws of the equal-norm twin.
    Twin,
    /// The full barrier less the sum of the layer-wise ones.
    Interaction,
    /// A value of the models' geometry, which needs no data.
    Geometry,
}

/// The word that records use.
impl fmt::Display for BarrierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::End => "end",
            Self::Full => "full",
            Self::Layer => "layer",
            Self::Shallow => "shallow",
            Self::Deep => "deep",
            Self::Random => "random",
            Self::Alternating => "alternating",
            Self::Window => "window",
            Self::Named => "named",
            Self::Peak => "peak",
            Self::Twin => "twin",
            Self::Interaction => "interaction",
            Self::Geometry => "geometry",
        })
    }
}
