//! [`AnalysisRow`]: one measured value, as `analyses/NAME.jsonl` and `.csv` hold it.

use serde::{Deserialize, Serialize};

use crate::{
    estimate::Estimate,
    record::{BarrierRow, Metric},
    spec::{Baseline, SplitSpec},
};

/// One measured value of an analysis. Columns that say nothing of a value are absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AnalysisRow {
    /// The round after which the models were; 0 for models that come from files or values.
    pub round: u32,
    /// Where the loss was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitSpec>,
    /// The unit: loss, error in percent, norm, cosine, number of parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// What the value is, in the measurement's own words.
    pub kind: String,
    /// The layers: `all`, `none`, or names joined by `+`; on a plane of two layer sets the first `|` the second.
    pub set: String,
    /// The model that it is seen from, `a<-b` for a pair, or `mean` or `max` over them.
    pub base: String,
    /// A share of a way: along the segment, or along the first axis of a plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Along the second axis of a plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// The length or the standard deviation of noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// Which draw it is, counted from 0; absent for values over all draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<u32>,
    /// The round to which a layer was put back; 0 is the initial model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Which of several versions of the models: `before` or `after` alignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What the value was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The value; absent where it was not finite.
    pub value: Option<f64>,
    /// Its standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
}

impl AnalysisRow {
    /// A value of a kind, of a layer set, seen from a base.
    pub fn new(kind: &str, set: impl ToString, base: impl ToString) -> Self {
        Self {
            kind: kind.to_owned(),
            set: set.to_string(),
            base: base.to_string(),
            ..Self::default()
        }
    }

    /// The same row with this estimate.
    #[must_use]
    pub fn estimate(self, estimate: Estimate) -> Self {
        Self { value: estimate.value, std_error: estimate.std_error, ..self }
    }

    /// The same row with this value, where it is finite.
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
