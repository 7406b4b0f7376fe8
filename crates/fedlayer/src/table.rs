//! The table at the end of a run.

use fedlayer_core::{compare::compare, record::Summary};
use fedlayer_report::{ComparisonView, comparison_table, sweep_csv, sweep_table};

use crate::exit::Failure;

/// Renders a summary as a table, or as JSON.
pub(crate) fn render(summary: &Summary, json: bool) -> Result<String, Failure> {
    if json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(summary)?));
    }
    if is_sweep(summary) {
        return Ok(sweep_table(&summary.rows));
    }
    Ok(comparison_table(&compare(&summary.rows), &ComparisonView::default()))
}

/// Renders the summary of a sweep as CSV, with all its rows; `None` if there is no sweep.
pub(crate) fn sheet(summary: &Summary) -> Option<String> {
    is_sweep(summary).then(|| sweep_csv(&summary.rows))
}

fn is_sweep(summary: &Summary) -> bool {
    summary.rows.iter().any(|row| row.variant.is_some())
}
