//! [`sweep_csv`]: the summary of a sweep, seed by seed, as comma-separated values.

use fedlayer_core::{
    compare::{Quantity, quantities_of},
    record::SummaryRow,
    spec::SweptValue,
};

use super::csv_text::csv_text;
use crate::swept_keys::{swept_keys, swept_value};

/// Writes one line per variant, strategy and seed: the swept keys with their whole paths, strategy,
/// seed and committed rounds, all measures of the summary (those of the best round if there is
/// one), the layer with the largest barrier, and the folder of the records. A cell is empty if the
/// variant does not set the key or the measure has no value.
pub fn sweep_csv(rows: &[SummaryRow]) -> String {
    let (keys, measures) = (swept_keys(rows), quantities_of(rows));
    let cells = rows.iter().map(|row| cells(row, &keys, measures));
    csv_text(std::iter::once(heading(&keys, measures)).chain(cells))
}

fn heading(keys: &[&SweptValue], measures: &[Quantity]) -> Vec<String> {
    let mut heading: Vec<String> = keys.iter().map(|key| key.key.clone()).collect();
    heading.extend(["strategy", "seed", "committed_rounds"].map(str::to_owned));
    heading.extend(measures.iter().map(|measure| measure.name.to_owned()));
    heading.extend(["max_layer", "folder"].map(str::to_owned));
    heading
}

fn cells(row: &SummaryRow, keys: &[&SweptValue], measures: &[Quantity]) -> Vec<String> {
    let mut cells: Vec<String> =
        keys.iter().map(|key| swept_value(row, key).unwrap_or_default().to_owned()).collect();
    cells.extend([row.strategy.clone(), row.seed.to_string(), row.rounds.to_string()]);
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    cells.extend(measures.iter().map(|measure| number((measure.of)(row))));
    cells.push(row.max_layer.as_ref().map_or(String::new(), ToString::to_string));
    cells.push(row.folder());
    cells
}
