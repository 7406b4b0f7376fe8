//! [`comparison_csv`], [`comparison_rows`]: strategies side by side, for other programs. Numbers
//! have as many digits as they need to be read back exactly, in the units of the records.

use std::collections::BTreeMap;

use fedlayer_core::compare::{ComparedStrategy, Difference, quantity_names};
use serde::Serialize;

use super::csv_text::csv_text;
use crate::tables::{ComparisonView, TableColumn, needs};

/// Writes one line per strategy, under a line of column names. A quantity gives its mean and, with
/// `_std` behind its name, its sample standard deviation; a difference its mean, the ends of its
/// interval (`_low`, `_high`), its p-value (`_p`) and the corrected one (`_holm`). An absent number
/// is an empty cell.
pub fn comparison_csv(strategies: &[ComparedStrategy], view: &ComparisonView) -> String {
    let columns = view.columns(strategies);
    let names = columns.iter().flat_map(column_names);
    let heading: Vec<String> = ["strategy".to_owned()].into_iter().chain(names).collect();
    let row = |strategy: &ComparedStrategy| -> Vec<String> {
        let cells = columns.iter().flat_map(|column| column_cells(strategy, column));
        std::iter::once(strategy.strategy.clone()).chain(cells).collect()
    };
    let rows = view.sorted(strategies).into_iter().map(row);
    csv_text(std::iter::once(heading).chain(rows))
}

/// Returns the names of the CSV columns of a table's column.
fn column_names(column: &TableColumn) -> Vec<String> {
    match column {
        TableColumn::Rounds => vec!["rounds_min".to_owned(), "rounds_max".to_owned()],
        TableColumn::Seeds => vec!["seeds".to_owned()],
        TableColumn::MaxLayer => vec!["max_layer".to_owned()],
        TableColumn::Value(quantity) => {
            vec![quantity.name.to_owned(), format!("{}_std", quantity.name)]
        }
        TableColumn::Delta(quantity) => {
            let ends = ["", "_low", "_high", "_p", "_holm"];
            ends.map(|end| format!("delta_{}{end}", quantity.name)).to_vec()
        }
        TableColumn::PValue(quantity) => vec![format!("p_{}", quantity.name)],
    }
}

/// Returns the cells of [`column_names`].
fn column_cells(strategy: &ComparedStrategy, column: &TableColumn) -> Vec<String> {
    match column {
        TableColumn::Rounds => {
            vec![strategy.rounds.0.to_string(), strategy.rounds.1.to_string()]
        }
        TableColumn::Seeds => vec![strategy.seeds.to_string()],
        TableColumn::MaxLayer => vec![strategy.max_layers.first().cloned().unwrap_or_default()],
        TableColumn::Value(quantity) => {
            let spread = strategy.spread(quantity.name);
            let deviation = spread.and_then(|spread| spread.deviation);
            vec![number(spread.map(|spread| spread.mean)), number(deviation)]
        }
        TableColumn::Delta(quantity) => {
            let found = strategy.difference(quantity.name);
            let shown = found.as_ref().map(ShownDifference::of).unwrap_or_default();
            [shown.mean, shown.low, shown.high, shown.p, shown.p_holm].map(number).to_vec()
        }
        TableColumn::PValue(quantity) => {
            let difference = strategy.difference(quantity.name);
            vec![number(difference.and_then(|difference| difference.adjusted_p))]
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A strategy of a comparison.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonRow {
    strategy: String,
    is_reference: bool,
    seeds: usize,
    /// The fewest and the most committed rounds of a seed.
    rounds: [u32; 2],
    max_layer: Option<String>,
    /// All quantities by name.
    quantities: BTreeMap<&'static str, QuantityCell>,
}

/// A quantity of a strategy over the seeds.
#[derive(Debug, Clone, Serialize)]
struct QuantityCell {
    mean: Option<f64>,
    deviation: Option<f64>,
    /// The seeds without a value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingCell>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<ShownDifference>,
}

/// A seed without a value, and the reason.
#[derive(Debug, Clone, Serialize)]
struct MissingCell {
    seed: u64,
    reason: &'static str,
}

/// A difference from the reference.
#[derive(Debug, Clone, Default, Serialize)]
struct ShownDifference {
    mean: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    p: Option<f64>,
    p_holm: Option<f64>,
    is_tie: Option<bool>,
}

impl ShownDifference {
    fn of(difference: &Difference) -> Self {
        let Difference { mean, half_width, p, adjusted_p } = *difference;
        Self {
            mean: Some(mean),
            low: half_width.map(|half| mean - half),
            high: half_width.map(|half| mean + half),
            p,
            p_holm: adjusted_p,
            is_tie: difference.is_tie(),
        }
    }
}

/// Returns all numbers of a comparison, for JSON.
pub fn comparison_rows(
    strategies: &[ComparedStrategy],
    view: &ComparisonView,
) -> Vec<ComparisonRow> {
    let row = |strategy: &ComparedStrategy| ComparisonRow {
        strategy: strategy.strategy.clone(),
        is_reference: strategy.is_reference,
        seeds: strategy.seeds,
        rounds: [strategy.rounds.0, strategy.rounds.1],
        max_layer: strategy.max_layers.first().cloned(),
        quantities: quantity_names().map(|name| (name, quantity_cell(strategy, name))).collect(),
    };
    view.sorted(strategies).into_iter().map(row).collect()
}

fn quantity_cell(strategy: &ComparedStrategy, name: &str) -> QuantityCell {
    let spread = strategy.spread(name);
    let difference = strategy.difference(name);
    let missing = strategy
        .missing_values(name)
        .iter()
        .map(|missing| MissingCell { seed: missing.seed, reason: needs(missing.absence) });
    QuantityCell {
        mean: spread.map(|spread| spread.mean),
        deviation: spread.and_then(|spread| spread.deviation),
        missing: missing.collect(),
        difference: difference.as_ref().map(ShownDifference::of),
    }
}
