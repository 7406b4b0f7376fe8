//! The arguments of `fedlayer compare`.

use std::path::PathBuf;

use clap::Args;
use fedlayer_report::{SortBy, SortDirection, TableColumn};

use crate::numbers::within;

/// `fedlayer compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The run folders.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// The strategy that the others are compared with, by its name in the table. By default it is
    /// the first strategy of the first run.
    #[arg(long, value_name = "NAME")]
    pub(crate) to: Option<String>,
    /// Where the results are read: `last`, the last evaluated round; `best`, the best round by
    /// validation; `mean:K`, the mean of the last K evaluated rounds; `bytes:10MB`, the last
    /// evaluated round until which at most these bytes were spent, up and down together.
    #[arg(long, value_name = "POINT", value_parser = point, default_value = "last")]
    pub(crate) at: PointArg,
    /// Short for `--at bytes:SIZE`.
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "at")]
    pub(crate) at_bytes: Option<u64>,
    /// Add the rounds and the bytes until the test accuracy is at least this fraction, such as
    /// `0.9`.
    #[arg(long, value_name = "ACCURACY", value_parser = fraction)]
    pub(crate) target: Option<f64>,
    /// The columns, separated by commas, such as `rounds,test_accuracy,delta_test_accuracy`.
    /// `delta_` before a quantity is its difference from the reference, `p_` its p-value.
    #[arg(long, value_name = "COLUMNS", value_parser = column, value_delimiter = ',')]
    pub(crate) columns: Option<Vec<TableColumn>>,
    /// The column that the rows are sorted by, the best first; or `strategy`. `:asc` or `:desc`
    /// behind it is a direction.
    #[arg(long, value_name = "COLUMN", value_parser = order)]
    pub(crate) sort: Option<SortBy>,
    /// Print differences (Δ) even between runs with other data, models, clients, seeds or rounds.
    /// They are paired by seed only if the same seed means the same in both runs.
    #[arg(long)]
    pub(crate) anyway: bool,
    /// The form of the output.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// The form of the output; a table for people by default.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct FormArgs {
    /// Print CSV on stdout: a line for each strategy, numbers with all digits.
    #[arg(long)]
    pub(crate) csv: bool,
    /// Print a Markdown table on stdout.
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Print a LaTeX table on stdout.
    #[arg(long)]
    pub(crate) latex: bool,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

impl CompareArgs {
    /// Returns the point at which results are read.
    pub(crate) fn point(&self) -> PointArg {
        self.at_bytes.map_or(self.at, PointArg::Bytes)
    }

    /// Returns whether the table of the run itself is asked for, without any choice.
    pub(crate) fn is_plain(&self) -> bool {
        let is_chosen = self.to.is_some()
            || self.target.is_some()
            || self.columns.is_some()
            || self.sort.is_some()
            || self.form.csv
            || self.form.markdown
            || self.form.latex;
        self.point() == PointArg::Last && !is_chosen
    }
}

/// The point of a run at which results are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PointArg {
    /// The last evaluated round.
    Last,
    /// The best round by validation.
    Best,
    /// The mean of the last evaluated rounds.
    Mean(u32),
    /// The last evaluated round within these bytes.
    Bytes(u64),
}

fn point(text: &str) -> Result<PointArg, String> {
    let allowed = "`last`, `best`, `mean:K` and `bytes:SIZE` are allowed";
    match text.split_once(':') {
        None if text == "last" => Ok(PointArg::Last),
        None if text == "best" => Ok(PointArg::Best),
        Some(("mean", count)) => within(1..=1_000_000)(count).map(PointArg::Mean),
        Some(("bytes", bytes)) => size(bytes).map(PointArg::Bytes),
        _ => Err(allowed.to_owned()),
    }
}

/// The units of sizes.
const UNITS: [(&str, f64); 9] = [
    ("", 1.0),
    ("B", 1.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KIB", 1024.0),
    ("MIB", 1_048_576.0),
    ("GIB", 1_073_741_824.0),
];

/// Reads a size in bytes: `500000`, `10MB`, `"1.5 GB"`, `64MiB`. A unit may be written small.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || "a size from 0 B to 1e6 TB is allowed, such as `10MB` or `1.5GiB`".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_uppercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1;
    let bytes = number.parse::<f64>().map_err(|_| wrong())? * factor;
    if (0.0..=1e18).contains(&bytes) { Ok(bytes.round() as u64) } else { Err(wrong()) }
}

fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && *number <= 1.0);
    number.ok_or_else(|| {
        "a fraction above 0 and up to 1 is allowed: `0.9` is an accuracy of 90 %".to_owned()
    })
}

fn column(text: &str) -> Result<TableColumn, String> {
    TableColumn::named(text).ok_or_else(|| {
        let names: Vec<&str> = TableColumn::names().collect();
        format!(
            "allowed are {}; except for the first three also with `delta_` or `p_` before the name",
            names.join(", ")
        )
    })
}

fn order(text: &str) -> Result<SortBy, String> {
    let (name, direction) = match text.rsplit_once(':') {
        Some((name, "asc")) => (name, Some(SortDirection::Ascending)),
        Some((name, "desc")) => (name, Some(SortDirection::Descending)),
        Some(_) => return Err("`:asc` or `:desc` is allowed behind the column".to_owned()),
        None => (text, None),
    };
    let column = if name == "strategy" { None } else { Some(column(name)?) };
    Ok(SortBy { column, direction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0", 0),
            ("500000", 500_000),
            ("10MB", 10_000_000),
            ("1.5 GB", 1_500_000_000),
            ("2mb", 2_000_000),
            ("64KiB", 65_536),
            ("7 B", 7),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for odd in ["", "MB", "-1", "1e3", "10 XB", "1..2", "NaN", "9999999TB"] {
            assert!(size(odd).unwrap_err().contains("`10MB`"), "{odd}");
        }
    }

    #[test]
    fn points_targets_and_orders_are_read_or_named() {
        assert_eq!(point("mean:5"), Ok(PointArg::Mean(5)));
        assert_eq!(point("bytes:1kB"), Ok(PointArg::Bytes(1000)));
        for odd in ["", "first", "mean", "mean:0", "mean:-1", "bytes:", "best:3", "Last"] {
            assert!(point(odd).unwrap_err().contains("allowed"), "{odd}");
        }
        assert_eq!(fraction("0.9"), Ok(0.9));
        for odd in ["0", "90", "-0.1", "nan", "inf", "90%"] {
            assert!(fraction(odd).unwrap_err().contains("`0.9`"), "{odd}");
        }
        let sort = order("test_loss:desc").unwrap();
        assert_eq!(sort.direction, Some(SortDirection::Descending));
        assert_eq!(order("strategy").unwrap().column, None);
        assert!(order("test_loss:up").is_err() && order("tset_loss").is_err());
    }
}
