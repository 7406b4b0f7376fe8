//! `fedlayer compare`, and the table at the end of a run.

use fedlayer_core::{Summary, SummaryRow, compare};

use crate::{args::CompareArgs, exit::Failure, run_folder, screen::Screen};

/// `fedlayer compare`: the strategies of several runs in one table. Where runs differ in the scenario, its name stands before the strategy's.
pub(crate) fn compare_runs(args: &CompareArgs, screen: &Screen) -> Result<(), Failure> {
    let summaries: Result<Vec<Summary>, Failure> =
        args.runs.iter().map(|run| run_folder::read_summary(run)).collect();
    let summaries = summaries?;
    let several = summaries.len() > 1;
    let row = |folder: String, row: SummaryRow| SummaryRow {
        strategy: if several { format!("{folder}: {}", row.strategy) } else { row.strategy },
        ..row
    };
    let rows = summaries.iter().zip(&args.runs).flat_map(|(summary, run)| {
        let folder = run
            .file_name()
            .map_or(&summary.scenario[..], |name| name.to_str().unwrap_or_default())
            .to_owned();
        summary.rows.iter().map(move |r| row(folder.clone(), r.clone()))
    });
    let names: Vec<&str> = summaries.iter().map(|summary| summary.scenario.as_str()).collect();
    let merged = Summary { scenario: names.join(", "), rows: rows.collect() };
    screen.data(&render(&merged, args.json)?);
    Ok(())
}

/// A summary for people, or as JSON.
pub(crate) fn render(summary: &Summary, json: bool) -> Result<String, Failure> {
    if json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(summary)?));
    }
    Ok(fedlayer_report::table(&compare(&summary.rows)))
}
