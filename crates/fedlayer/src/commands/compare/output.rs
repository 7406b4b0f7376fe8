//! [`output`]: a comparison in the form that is asked for.

use fedlayer_core::{
    compare::{Candidate, ComparedStrategy, ReadAt},
    record::{Summary, SummaryRow},
};
use fedlayer_report::{
    ComparisonRow, ComparisonView, DifferingRun, comparison_csv, comparison_latex,
    comparison_markdown, comparison_rows, comparison_table, setup_differences,
};
use serde::Serialize;

use super::training::DifferingTraining;
use crate::{args::FormArgs, exit::Failure};

/// Strategies side by side, and the differences between the set-ups of their runs.
pub(super) struct Comparison<'r> {
    /// The names of the scenarios.
    pub(super) scenario: String,
    /// The label of the reference's run.
    pub(super) reference: &'r str,
    pub(super) strategies: Vec<ComparedStrategy>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) differing: Vec<DifferingRun>,
    pub(super) training: Vec<DifferingTraining>,
    pub(super) view: ComparisonView,
}

/// The rows of all runs, the differences of their set-ups, and the numbers of the table.
#[derive(Serialize)]
struct ComparisonFile {
    #[serde(flatten)]
    summary: Summary,
    differing: Vec<DifferingRun>,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<f64>,
    comparison: Vec<ComparisonRow>,
}

impl Comparison<'_> {
    /// Lists the keys in which runs differ, and those in which the strategies of a run do.
    fn differences(&self) -> String {
        let of_run = |run: &DifferingTraining| setup_differences(&run.reference, &run.strategies);
        setup_differences(self.reference, &self.differing)
            + &self.training.iter().map(of_run).collect::<String>()
    }
}

/// Writes a comparison in the form that is asked for. The differences between set-ups are below a
/// table and in JSON; in LaTeX they are comments, and CSV has none.
pub(super) fn output(form: &FormArgs, comparison: Comparison<'_>) -> Result<String, Failure> {
    let Comparison { strategies, view, .. } = &comparison;
    let differences = || comparison.differences();
    if form.json {
        return as_json(comparison);
    }
    if form.csv {
        return Ok(comparison_csv(strategies, view));
    }
    if form.markdown {
        let block = match differences() {
            none if none.is_empty() => none,
            text => format!("\n```text\n{text}```\n"),
        };
        return Ok(comparison_markdown(strategies, view) + &block);
    }
    if form.latex {
        let comments = differences().lines().map(|line| format!("% {line}\n")).collect::<String>();
        return Ok(comparison_latex(strategies, view) + &comments);
    }
    Ok(comparison_table(strategies, view) + &differences())
}

fn as_json(comparison: Comparison<'_>) -> Result<String, Failure> {
    let Comparison { scenario, strategies, candidates, mut differing, training, view, .. } =
        comparison;
    differing.extend(training.into_iter().flat_map(|run| run.strategies));
    let rows = candidates.iter().flat_map(|candidate| {
        let row = |row: &SummaryRow| SummaryRow {
            variant: None,
            strategy: candidate.name.clone(),
            ..row.clone()
        };
        candidate.readings.iter().map(move |reading| row(&reading.row))
    });
    let file = ComparisonFile {
        summary: Summary { scenario, rows: rows.collect() },
        differing,
        at: point(view.at),
        target: view.target,
        comparison: comparison_rows(&strategies, &view),
    };
    Ok(format!("{}\n", serde_json::to_string_pretty(&file)?))
}

/// Returns the point as the command line takes it.
fn point(at: ReadAt) -> String {
    match at {
        ReadAt::Last => "last".to_owned(),
        ReadAt::Best(_) => "best".to_owned(),
        ReadAt::Mean(rounds) => format!("mean:{rounds}"),
        ReadAt::Bytes(bytes) => format!("bytes:{bytes}"),
    }
}
