//! [`ExportedRound`]: the records of one round of a plan.

use fedlayer_core::{
    model::LayerName,
    record::{BarrierKind, BarrierRow, Metric, RoundRecord},
    spec::{Baseline, SplitSpec},
};

/// The records of one round of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedRound {
    /// Its line of `rounds.jsonl`.
    pub record: RoundRecord,
    /// Its lines of `barriers.jsonl`.
    pub barriers: Vec<BarrierRow>,
    /// Its line of `timings.jsonl`, if there is one.
    pub times: Option<RoundTimes>,
}

/// The seconds of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundTimes {
    /// The round, counted from 1.
    pub round: u32,
    /// Local training.
    pub train: f64,
    /// Measuring barriers.
    pub barriers: f64,
    /// Averaging.
    pub average: f64,
    /// Evaluation.
    pub evaluate: f64,
}

impl RoundTimes {
    /// Returns the sum.
    pub fn total(&self) -> f64 {
        self.train + self.barriers + self.average + self.evaluate
    }
}

impl ExportedRound {
    /// Returns the barrier of averaging one layer, as tables show it: test loss, baseline `mean`,
    /// α = ½, mean over the bases.
    pub(crate) fn layer_barrier(&self, layer: &LayerName) -> Option<f64> {
        self.barriers.iter().find(|row| is_shown(row) && row.set == layer.as_str())?.value
    }

    /// Returns the norms ‖Δ_l‖₂ of a layer: one for each base, over trained values.
    pub(crate) fn norms(&self, layer: &LayerName) -> Vec<f64> {
        let of_layer = |row: &&BarrierRow| {
            row.kind == BarrierKind::Geometry
                && row.metric == Metric::Norm
                && row.set == layer.as_str()
                && !["mean", "max"].contains(&&*row.base)
        };
        self.barriers.iter().filter(of_layer).filter_map(|row| row.value).collect()
    }
}

/// Returns whether a row is the barrier of a single layer that tables show.
fn is_shown(row: &BarrierRow) -> bool {
    row.kind == BarrierKind::Layer
        && row.metric == Metric::Loss
        && row.split == Some(SplitSpec::Test)
        && row.baseline == Some(Baseline::Mean)
        && row.base == "mean"
        && row.alpha == Some(0.5)
}
