//! `fedlayer compare`, and the table at the end of a run.

use std::{collections::BTreeSet, path::PathBuf};

use fedlayer_core::{Summary, SummaryRow, compare};
use fedlayer_report::{sweep_sheet, sweep_table};

use crate::{args::CompareArgs, exit::Failure, run_folder, screen::Screen};

/// `fedlayer compare`: the strategies of several runs in one table. Of several runs, the folder stands before the strategy's name, and of a sweep its variant:
/// each variant of a strategy is then one to be compared.
pub(crate) fn compare_runs(args: &CompareArgs, screen: &Screen) -> Result<(), Failure> {
    let summaries: Result<Vec<Summary>, Failure> =
        args.runs.iter().map(|run| run_folder::read_summary(run)).collect();
    let summaries = summaries?;
    if let [summary] = &summaries[..] {
        return Ok(screen.data(&render(summary, args.json)?)?);
    }
    let labels = labels(&args.runs)?;
    let rows = summaries.iter().zip(&labels).flat_map(|(summary, label)| {
        summary.rows.iter().map(move |row| {
            let variant = row.variant.as_ref();
            let variant = variant.map_or(String::new(), |variant| variant.label() + ": ");
            let strategy = format!("{label}{variant}{}", row.strategy);
            SummaryRow { variant: None, strategy, ..row.clone() }
        })
    });
    let names: Vec<&str> = summaries.iter().map(|summary| summary.scenario.as_str()).collect();
    let merged = Summary { scenario: names.join(", "), rows: rows.collect() };
    Ok(screen.data(&render(&merged, args.json)?)?)
}

/// What stands before the strategies of each of several runs: the folders' names, or their whole paths where names meet.
fn labels(runs: &[PathBuf]) -> Result<Vec<String>, Failure> {
    if let Some((_, twice)) =
        runs.iter().enumerate().find(|&(index, run)| runs[..index].contains(run))
    {
        return Err(Failure::Twice(twice.clone()));
    }
    let name = |run: &PathBuf| run.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: BTreeSet<Option<String>> = runs.iter().map(name).collect();
    let label = |run: &PathBuf| match name(run).filter(|_| names.len() == runs.len()) {
        Some(name) => format!("{name}: "),
        None => format!("{}: ", run.display()),
    };
    Ok(runs.iter().map(label).collect())
}

/// A summary for people, or as JSON.
pub(crate) fn render(summary: &Summary, json: bool) -> Result<String, Failure> {
    if json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(summary)?));
    }
    if is_sweep(summary) {
        return Ok(sweep_table(&summary.rows));
    }
    Ok(fedlayer_report::table(&compare(&summary.rows)))
}

/// Every row of a sweep's summary as CSV; nothing where there is no sweep.
pub(crate) fn sheet(summary: &Summary) -> Option<String> {
    is_sweep(summary).then(|| sweep_sheet(&summary.rows))
}

fn is_sweep(summary: &Summary) -> bool {
    summary.rows.iter().any(|row| row.variant.is_some())
}
