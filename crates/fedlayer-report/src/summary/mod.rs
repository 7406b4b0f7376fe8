//! [`analysis_summary`]: the most important numbers of an analysis, as a short table.
//!
//! * `barriers`: measurements of mixed models.
//! * `moved_models`: losses of models that were moved, in one layer or along a plane.
//! * `derivatives`: Hessian, flatness, predicted barriers.
//!
//! A summary shows the last round, and the test split if there is one. The files of the analysis
//! have all values.

mod barriers;
mod derivatives;
mod moved_models;

use fedlayer_core::{
    model::LayerName,
    record::{AnalysisRow, Metric},
    spec::SplitSpec,
};

use crate::{
    analysis_rows::AnalysisRows,
    labels,
    plot::number::short,
    quantity::{NOTHING, spread},
    tables::{ColumnAlign, text_table},
};

/// The largest number of layers in a summary.
const MOST: usize = 5;

/// Returns the most important numbers of an analysis as a table, with an explanation below it.
/// `measure` is the measurement's word, `layers` are the model's layers from the input.
pub fn analysis_summary(measure: &str, rows: &[AnalysisRow], layers: &[LayerName]) -> String {
    let Some(selected) = SummaryRows::of(&AnalysisRows::new(rows, layers)) else {
        return format!("{measure}: no values\n");
    };
    let table = match measure {
        "barriers" => barriers::barriers(&selected),
        "cumulative" => barriers::cumulative(&selected),
        "window" => barriers::window(&selected),
        "align" => barriers::align(&selected),
        "robustness" => moved_models::robustness(&selected),
        "subspace" => moved_models::subspace(&selected),
        "surface" => moved_models::surface(&selected),
        "criticality" => moved_models::criticality(&selected),
        "hessian" => derivatives::hessian(&selected),
        "flatness" => derivatives::flatness(&selected),
        "predict" => derivatives::predict(&selected),
        _ => SummaryTable::default(),
    };
    table.text(&selected)
}

/// The rows that a summary shows.
struct SummaryRows<'a> {
    /// Those of the round and split. Rows that need no data have no split; errors are left out.
    rows: AnalysisRows<'a>,
    round: u32,
    split: Option<SplitSpec>,
}

impl<'a> SummaryRows<'a> {
    fn of(rows: &AnalysisRows<'a>) -> Option<Self> {
        let round = rows.rounds().pop()?;
        let split = rows.splits().pop()?;
        let rows = rows.round(round);
        let rows = rows.only(|row| row.split.is_none() || row.split == split);
        Some(Self { rows: rows.only(|row| row.metric != Some(Metric::Error)), round, split })
    }

    /// Returns what the values are: `test loss, after round 20`.
    fn caption(&self) -> String {
        let measured = labels::measured(self.split, Metric::Loss);
        let after = labels::after(self.round);
        if after.is_empty() { measured } else { format!("{measured}, {after}") }
    }
}

/// A table and the text below it.
#[derive(Default)]
struct SummaryTable {
    heading: Vec<(String, ColumnAlign)>,
    rows: Vec<Vec<String>>,
    foot: String,
}

impl SummaryTable {
    /// A table with columns of words, then columns of numbers.
    fn new(words: &[&str], numbers: impl IntoIterator<Item = String>) -> Self {
        let words = words.iter().map(|title| ((*title).to_owned(), ColumnAlign::Left));
        let numbers = numbers.into_iter().map(|title| (title, ColumnAlign::Right));
        Self { heading: words.chain(numbers).collect(), ..Self::default() }
    }

    fn text(&self, selected: &SummaryRows<'_>) -> String {
        let heading: Vec<(&str, ColumnAlign)> =
            self.heading.iter().map(|(title, align)| (title.as_str(), *align)).collect();
        let table = if self.rows.is_empty() {
            String::new()
        } else {
            text_table(&heading, &self.rows) + "\n"
        };
        let foot = if self.foot.is_empty() { String::new() } else { format!("; {}", self.foot) };
        format!("{table}{}{foot}\n", selected.caption())
    }
}

/// Returns a value ± two standard errors; `-` if there is no row.
fn shown(row: Option<&AnalysisRow>) -> String {
    row.map_or_else(|| NOTHING.to_owned(), |row| estimate(row.value, row.std_error))
}

/// Writes a value with as many decimals as its standard error allows.
fn estimate(value: Option<f64>, std_error: Option<f64>) -> String {
    match (value, std_error.map(|error| 2.0 * error)) {
        (None, _) => labels::NOT_FINITE.to_owned(),
        (Some(value), Some(error)) if error > 0.0 => {
            let decimals = (1.0 - error.log10().floor()).clamp(0.0, 6.0) as usize;
            spread(value, Some(error), decimals)
        }
        (Some(value), _) => plain(value),
    }
}

/// Writes a number in few characters.
fn plain(value: f64) -> String {
    short(value).replace('−', "-")
}

/// Returns the at most [`MOST`] sets with the largest values, largest first. The value of a set is
/// the largest of its rows; one that is not finite counts as the largest.
fn largest<'a>(rows: &AnalysisRows<'a>) -> Vec<&'a str> {
    let size = |set: &str| {
        let values = rows.set(set);
        values
            .iter()
            .map(|row| row.value.unwrap_or(f64::INFINITY))
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let mut sets = rows.sets();
    sets.sort_by(|a, b| size(b).total_cmp(&size(a)));
    sets.truncate(MOST);
    sets
}

/// Returns `the 5 largest of 21 layers`; empty if all are shown.
fn of_all(shown: usize, rows: &AnalysisRows<'_>) -> String {
    let all = rows.sets().len();
    if shown < all { format!("; the {shown} largest of {all} layers") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_digits_that_their_errors_leave() {
        assert_eq!(estimate(Some(1.351_87), Some(0.006)), "1.352±0.012");
        assert_eq!(estimate(Some(-0.004_21), Some(0.000_21)), "-0.00421±0.00042");
        assert_eq!(estimate(Some(31.27), Some(1.1)), "31.3±2.2");
        assert_eq!(estimate(Some(-0.25), None), "-0.250");
        assert_eq!(estimate(Some(0.0), Some(0.0)), "0");
        assert_eq!(estimate(None, Some(0.1)), "not finite");
    }
}
