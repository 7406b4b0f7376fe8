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
    /// The layer with the largest barrier.
    pub max_layer: Option<LayerName>,
    /// The largest test loss of the unmixed models minus the smallest. If it exceeds a barrier, the
    /// `mean` baseline is misleading.
    pub end_loss_spread: Option<f64>,
}

/// One line of `barriers.jsonl`: one measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BarrierRow {
    /// The round, counted from 1.
    pub round: u32,
    /// The examples of the loss; absent for values that need no data.
    pub split: Option<SplitSpec>,
    /// The measured quantity.
    pub metric: Metric,
    /// The sweep or the extra value.
    pub kind: BarrierKind,
    /// The layers: `all`, or names joined by `+`.
    pub set: String,
    /// The base: a client, `a<-b` for a pair, or `mean` or `max` over all bases.
    pub base: String,
    /// The position between base and target; ½ is the average.
    pub alpha: Option<f64>,
    /// The baseline that the value was compared with.
    pub baseline: Option<Baseline>,
    /// The value; absent if a loss was not finite.
    pub value: Option<f64>,
    /// The standard error: of the mean of the paired differences per example, or of the mean over
    /// the draws of twins.
    pub std_error: Option<f64>,
}

/// A measured quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The mean loss over the examples.
    Loss,
    /// 100 − accuracy, in percent.
    Error,
    /// The distance ‖Δ‖₂ from the base to the other model (twice the distance to the cohort's
    /// mean), over trained values.
    Norm,
    /// The cosine between the movements of the base and of the others in the round, over trained
    /// values.
    Cosine,
    /// The number of trained values of the set.
    Parameters,
}

/// A sweep, or an extra value beside the sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BarrierKind {
    /// The loss of an unmixed model; not a barrier.
    End,
    /// All layers.
    Full,
    /// One layer.
    Layer,
    /// Cumulative sweep from the input.
    Shallow,
    /// Cumulative sweep from the output.
    Deep,
    /// Cumulative sweep in a random order.
    Random,
    /// Cumulative sweep: the first five layers, the last five, then the middle.
    Alternating,
    /// A fixed number of adjacent layers.
    Window,
    /// Layers that the scenario names.
    Named,
    /// The largest value over the α grid, with its α.
    Peak,
    /// The mean over the draws of the equal-norm twin.
    Twin,
    /// The full barrier minus the sum of the layer-wise barriers.
    Interaction,
    /// A distance, a cosine or a number of parameters; it needs no data.
    Geometry,
}

/// Writes the word that records use.
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
