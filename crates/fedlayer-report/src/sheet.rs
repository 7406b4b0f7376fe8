//! [`analysis_csv`]: the rows of an analysis as comma-separated values, one value a line.

use fedlayer_core::AnalysisRow;
use fedlayer_core::{Metric, spec::Baseline};

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

/// The rows as CSV (RFC 4180, but with plain line ends) under a line of column names. A column that says nothing of a row is empty; numbers have as many
/// digits as they need to be read back the same.
pub fn analysis_csv(rows: &[AnalysisRow]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for row in rows {
        let cells = cells(row).map(|cell| quoted(&cell));
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
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

/// The word of the JSON lines.
fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Loss => "loss",
        Metric::Error => "error",
        Metric::Norm => "norm",
        Metric::Cosine => "cosine",
        Metric::Parameters => "parameters",
    }
}

/// The word of the JSON lines.
fn baseline(baseline: Baseline) -> &'static str {
    match baseline {
        Baseline::Mean => "mean",
        Baseline::Linear => "linear",
        Baseline::Max => "max",
        Baseline::Base => "base",
        Baseline::Chord => "chord",
    }
}

/// A cell in quotes where its text could be taken for more than one cell. A text that a spreadsheet would
/// take for a formula gets a `'` before it.
pub(crate) fn quoted(cell: &str) -> String {
    if is_formula(cell) {
        return quoted(&format!("'{cell}"));
    }
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// Whether a spreadsheet would compute a cell: `=`, `+`, `-` or `@` at its beginning, and no number.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula_of_a_spreadsheet() {
        for (cell, written) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("@sum", "'@sum"),
            ("+head", "'+head"),
            ("-1+1", "'-1+1"),
            ("-0.5", "-0.5"),
            ("-inf", "-inf"),
            ("+1e-5", "+1e-5"),
            ("one layer", "one layer"),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
