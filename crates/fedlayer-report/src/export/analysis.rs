//! [`analysis_csv`]: the rows of an analysis as comma-separated values, one measured value a line.

use fedlayer_core::{
    record::{AnalysisRow, Metric},
    spec::Baseline,
};

use super::csv_text::csv_text;

/// The columns, in order.
const COLUMNS: [&str; 15] = [
    "round",
    "split",
    "metric",
    "kind",
    "set",
    "base",
    "alpha",
    "beta",
    "sigma",
    "draw",
    "epoch",
    "variant",
    "baseline",
    "value",
    "std_error",
];

/// Writes all rows as CSV under a line of column names. A column that does not apply to a row is
/// empty; numbers have as many digits as they need to be read back exactly.
pub fn analysis_csv(rows: &[AnalysisRow]) -> String {
    let heading = COLUMNS.map(str::to_owned);
    csv_text(std::iter::once(heading).chain(rows.iter().map(cells)))
}

fn cells(row: &AnalysisRow) -> [String; COLUMNS.len()] {
    [
        row.round.to_string(),
        written(row.split),
        written(row.metric.map(metric)),
        row.kind.clone(),
        row.set.clone(),
        row.base.clone(),
        written(row.alpha),
        written(row.beta),
        written(row.sigma),
        written(row.draw),
        written(row.epoch),
        written(row.variant.as_deref()),
        written(row.baseline.map(baseline)),
        written(row.value),
        written(row.std_error),
    ]
}

fn written<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Returns the metric's word in the JSON lines.
fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Loss => "loss",
        Metric::Error => "error",
        Metric::Norm => "norm",
        Metric::Cosine => "cosine",
        Metric::Parameters => "parameters",
    }
}

/// Returns the baseline's word in the JSON lines.
fn baseline(baseline: Baseline) -> &'static str {
    match baseline {
        Baseline::Mean => "mean",
        Baseline::Linear => "linear",
        Baseline::Max => "max",
        Baseline::Base => "base",
        Baseline::Chord => "chord",
    }
}
