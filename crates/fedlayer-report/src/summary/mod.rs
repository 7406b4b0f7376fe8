//! [`SummaryTable`]: the most important numbers of an analysis, as a short table.
//!
//! The files of `measurements` fill the tables. A summary shows the last round, and the test split
//! if there is one. The files of the analysis have all values.

use fedlayer_core::{
    record::{AnalysisRow, Metric},
    spec::{Baseline, SplitSpec},
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

/// The rows that a summary shows.
pub(crate) struct SummaryRows<'a> {
    /// Those of the round and split. Rows that need no data have no split; errors are left out.
    pub(crate) rows: AnalysisRows<'a>,
    round: u32,
    split: Option<SplitSpec>,
}

impl<'a> SummaryRows<'a> {
    pub(crate) fn of(rows: &AnalysisRows<'a>) -> Option<Self> {
        let round = rows.rounds().pop()?;
        let split = rows.splits().pop()?;
        let rows = rows.round(round);
        let rows = rows.only(|row| row.split.is_none() || row.split == split);
        Some(Self { rows: rows.only(|row| row.metric != Some(Metric::Error)), round, split })
    }

    /// Returns what the values are: `test loss, after round 20`. Values that need no data have no
    /// split, and say what they are below the table.
    fn caption(&self) -> String {
        let measured = self.split.map(|split| labels::measured(Some(split), Metric::Loss));
        let after = Some(labels::after(self.round)).filter(|after| !after.is_empty());
        measured.into_iter().chain(after).collect::<Vec<_>>().join(", ")
    }
}

/// A table and the text below it.
#[derive(Default)]
pub(crate) struct SummaryTable {
    pub(crate) heading: Vec<(String, ColumnAlign)>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) foot: String,
}

impl SummaryTable {
    /// A table with columns of words, then columns of numbers.
    pub(crate) fn new(words: &[&str], numbers: impl IntoIterator<Item = String>) -> Self {
        let words = words.iter().map(|title| ((*title).to_owned(), ColumnAlign::Left));
        let numbers = numbers.into_iter().map(|title| (title, ColumnAlign::Right));
        Self { heading: words.chain(numbers).collect(), ..Self::default() }
    }

    pub(crate) fn text(&self, selected: &SummaryRows<'_>) -> String {
        let heading: Vec<(&str, ColumnAlign)> =
            self.heading.iter().map(|(title, align)| (title.as_str(), *align)).collect();
        let table = if self.rows.is_empty() {
            String::new()
        } else {
            text_table(&heading, &self.rows) + "\n"
        };
        let mut below = vec![selected.caption(), self.foot.clone()];
        below.retain(|part| !part.is_empty());
        format!("{table}{}\n", below.join("; "))
    }
}

/// Returns a value ± two standard errors; `-` if there is no row.
pub(crate) fn shown(row: Option<&AnalysisRow>) -> String {
    row.map_or_else(|| NOTHING.to_owned(), |row| estimate(row.value, row.std_error))
}

/// Writes a value with as many decimals as its standard error allows.
pub(crate) fn estimate(value: Option<f64>, std_error: Option<f64>) -> String {
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
pub(crate) fn plain(value: f64) -> String {
    short(value).replace('−', "-")
}

/// Returns the at most [`MOST`] sets with the largest values, largest first. The value of a set is
/// the largest of its rows; one that is not finite counts as the largest.
pub(crate) fn largest<'a>(rows: &AnalysisRows<'a>) -> Vec<&'a str> {
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

/// Says which barriers a table has, for the text below it.
pub(crate) fn barriers_at_half(baseline: Baseline) -> String {
    format!("barriers at α = ½, baseline {}; ± 2 standard errors", labels::baseline(baseline))
}

/// Returns the row with the largest value; one that is not finite counts as the largest.
pub(crate) fn highest<'a>(rows: &AnalysisRows<'a>) -> Option<&'a AnalysisRow> {
    let size = |row: &AnalysisRow| row.value.unwrap_or(f64::INFINITY);
    rows.iter().reduce(|best, next| if size(next) > size(best) { next } else { best })
}

/// Returns a loss without its standard error. The error over the examples does not apply to the
/// difference from another loss on the same examples.
pub(crate) fn plain_loss(row: Option<&AnalysisRow>) -> String {
    row.map_or_else(|| "-".to_owned(), |row| estimate(row.value, None))
}

/// Returns `the 5 largest of 21 layers`; empty if all are shown.
pub(crate) fn of_all(shown: usize, rows: &AnalysisRows<'_>) -> String {
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
