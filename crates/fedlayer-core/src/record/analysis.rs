//! [`AnalysisRow`]: one measured value, as in `analyses/NAME.jsonl` and `.csv`.

use serde::{Deserialize, Serialize};

use crate::{
    estimate::Estimate,
    record::{BarrierRow, Metric},
    spec::{Baseline, SplitSpec},
};

/// One measured value of an analysis. Columns that do not apply to a value are absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AnalysisRow {
    /// The round of the models; 0 for models from files or values.
    pub round: u32,
    /// The examples of the loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitSpec>,
    /// The unit: loss, error in percent, norm, cosine, number of parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// The kind of value, in the measurement's own terms.
    pub kind: String,
    /// The layers: `all`, `none`, or names joined by `+`. On a plane of two layer sets, both sets
    /// joined by `|`.
    pub set: String,
    /// The base: a model, `a<-b` for a pair, or `mean` or `max` over the bases.
    pub base: String,
    /// The position on a segment, or on the first axis of a plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The position on the second axis of a plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// The length or the standard deviation of noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// The draw, counted from 0; absent for values over all draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<u32>,
    /// The round that a layer was rewound to; 0 is the initial model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// The version of the models: `before` or `after` alignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The baseline that the value was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The value; absent if it was not finite.
    pub value: Option<f64>,
    /// The standard error of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
}

impl AnalysisRow {
    /// Makes a row without a value.
    pub fn new(kind: &str, set: impl ToString, base: impl ToString) -> Self {
        Self {
            kind: kind.to_owned(),
            set: set.to_string(),
            base: base.to_string(),
            ..Self::default()
        }
    }

    /// Returns the row with this estimate.
    #[must_use]
    pub fn estimate(self, estimate: Estimate) -> Self {
        Self { value: estimate.value, std_error: estimate.std_error, ..self }
    }

    /// Returns the row with this value, if it is finite.
    #[must_use]
    pub fn value(self, value: f64) -> Self {
        Self { value: Some(value).filter(|value| value.is_finite()), std_error: None, ..self }
    }
}

impl From<BarrierRow> for AnalysisRow {
    fn from(row: BarrierRow) -> Self {
        Self {
            round: row.round,
            split: row.split,
            metric: Some(row.metric),
            kind: row.kind.to_string(),
            set: row.set,
            base: row.base,
            alpha: row.alpha,
            baseline: row.baseline,
            value: row.value,
            std_error: row.std_error,
            ..Self::default()
        }
    }
}
