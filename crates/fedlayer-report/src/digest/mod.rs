//! [`analysis_summary`]: the most important numbers of an analysis, as a short table.
//!
//! `mixes`: those of barriers; `moves`: those of moved models; `derivatives`: those of derivatives. A digest is of the last round, and of the test split where
//! there is one; all values are in the files of the analysis.

mod derivatives;
mod mixes;
mod moves;

use fedlayer_core::{AnalysisRow, LayerName, Metric, spec::SplitSpec};

use crate::{
    draw::number::short,
    grid::{ColumnAlign, text_table},
    quantity::spread,
    rows::Rows,
    wording,
};

/// As many layers as a digest names.
const MOST: usize = 5;

/// The most important numbers of an analysis under a heading, with what they are below: `measure` is the measurement's word, `layers` the model's layers from the input.
pub fn analysis_summary(measure: &str, rows: &[AnalysisRow], layers: &[LayerName]) -> String {
    let Some(focus) = Focus::of(&Rows::new(rows, layers)) else {
        return format!("{measure}: no values\n");
    };
    let table = match measure {
        "barriers" => mixes::barriers(&focus),
        "cumulative" => mixes::cumulative(&focus),
        "window" => mixes::window(&focus),
        "align" => mixes::align(&focus),
        "robustness" => moves::robustness(&focus),
        "subspace" => moves::subspace(&focus),
        "surface" => moves::surface(&focus),
        "criticality" => moves::criticality(&focus),
        "hessian" => derivatives::hessian(&focus),
        "flatness" => derivatives::flatness(&focus),
        "predict" => derivatives::predict(&focus),
        _ => Table::default(),
    };
    table.text(&focus)
}

/// The rows that a digest is of.
struct Focus<'a> {
    /// Of the round, the split or none, and the loss or what is no loss.
    rows: Rows<'a>,
    round: u32,
    split: Option<SplitSpec>,
}

impl<'a> Focus<'a> {
    fn of(rows: &Rows<'a>) -> Option<Self> {
        let round = rows.rounds().pop()?;
        let split = rows.splits().pop()?;
        let rows = rows.round(round);
        let rows = rows.only(|row| row.split.is_none() || row.split == split);
        Some(Self { rows: rows.only(|row| row.metric != Some(Metric::Error)), round, split })
    }

    /// What the values are of: `test loss, after round 20`.
    fn caption(&self) -> String {
        let what = wording::measured(self.split, Metric::Loss);
        let after = wording::after(self.round);
        if after.is_empty() { what } else { format!("{what}, {after}") }
    }
}

/// A table and what is said below it.
#[derive(Default)]
struct Table {
    heading: Vec<(String, ColumnAlign)>,
    rows: Vec<Vec<String>>,
    foot: String,
}

impl Table {
    /// Words first, then numbers.
    fn new(words: &[&str], numbers: impl IntoIterator<Item = String>) -> Self {
        let words = words.iter().map(|title| ((*title).to_owned(), ColumnAlign::Left));
        let numbers = numbers.into_iter().map(|title| (title, ColumnAlign::Right));
        Self { heading: words.chain(numbers).collect(), ..Self::default() }
    }

    fn text(&self, focus: &Focus<'_>) -> String {
        let heading: Vec<(&str, ColumnAlign)> =
            self.heading.iter().map(|(title, align)| (title.as_str(), *align)).collect();
        let table = if self.rows.is_empty() {
            String::new()
        } else {
            text_table(&heading, &self.rows) + "\n"
        };
        let foot = if self.foot.is_empty() { String::new() } else { format!("; {}", self.foot) };
        format!("{table}{}{foot}\n", focus.caption())
    }
}

/// A value with two standard errors, with as many digits as they leave; `-` where there is no row.
fn shown(row: Option<&AnalysisRow>) -> String {
    row.map_or_else(
        || crate::quantity::NOTHING.to_owned(),
        |row| estimate(row.value, row.std_error),
    )
}

fn estimate(value: Option<f64>, std_error: Option<f64>) -> String {
    match (value, std_error.map(|error| 2.0 * error)) {
        (None, _) => wording::LOST.to_owned(),
        (Some(value), Some(error)) if error > 0.0 => {
            let decimals = (1.0 - error.log10().floor()).clamp(0.0, 6.0) as usize;
            spread(value, Some(error), decimals)
        }
        (Some(value), _) => plain(value),
    }
}

/// A number without an error, in few characters.
fn plain(value: f64) -> String {
    short(value).replace('−', "-")
}

/// The sets that have the largest values, largest first, at most [`MOST`]: the value of a set is the largest over its rows; one that is not finite comes first.
fn largest<'a>(rows: &Rows<'a>) -> Vec<&'a str> {
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

/// `the 5 largest of 21 layers`; nothing where all are shown.
fn of_all(shown: usize, rows: &Rows<'_>) -> String {
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
