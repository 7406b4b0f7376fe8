//! `fedlayer compare`: the strategies of several runs in one table, and the other differences
//! between the runs.
//!
//! * `compared_run`: a run, and the keys in which its set-up differs from another's.
//! * `training`: the strategies of a run that do not train alike.
//! * `readings`: the results of runs at a chosen point.
//! * `output`: the table in the form that is asked for.

mod compared_run;
mod output;
mod readings;
mod training;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use fedlayer_core::{
    compare::{Candidate, Pairing, Reading, compare_candidates},
    record::Summary,
};
use fedlayer_report::{ComparisonView, DifferingRun, TableColumn};

use self::{
    compared_run::{ComparedRun, SetupFiles, differing_runs},
    output::{Comparison, output},
    readings::{Wanted, readings},
    training::{differing_training, locals},
};
use crate::{
    args::CompareArgs,
    exit::Failure,
    files,
    run_folder::{self, NOTE, SCENARIO, SUMMARY},
    screen::Screen,
    table,
    verify::{self, Depth},
};

/// Prints the table of one or several runs. With several, a strategy's name begins with the folder
/// of its run and with its variant of a sweep.
pub(super) fn compare(args: &CompareArgs, screen: &Screen) -> Result<(), Failure> {
    let summaries: Result<Vec<Summary>, Failure> =
        args.runs.iter().map(|run| checked_summary(run, screen)).collect();
    let summaries = summaries?;
    let labels = labels(&args.runs)?;
    let mut compared = Vec::new();
    for ((summary, label), run) in summaries.iter().zip(&labels).zip(&args.runs) {
        let label = (args.runs.len() > 1).then_some(label.as_str());
        let files = SetupFiles::read(run)?;
        let of_variant = |rows| ComparedRun::new(run, label, &files, rows);
        compared.extend(summary.rows.chunk_by(|a, b| a.variant == b.variant).map(of_variant));
    }
    if let ([summary], true) = (&summaries[..], args.is_plain()) {
        return Ok(screen.data(&table::render(summary, &locals(&compared), args.form.json)?)?);
    }
    let names: Vec<&str> = summaries.iter().map(|summary| summary.scenario.as_str()).collect();
    let text = compared_text(args, names.join(", "), &compared)?;
    Ok(screen.data(&text)?)
}

/// Compares the strategies of runs, and writes the result in the form that is asked for.
fn compared_text(
    args: &CompareArgs,
    scenario: String,
    compared: &[ComparedRun<'_>],
) -> Result<String, Failure> {
    let names: Vec<(usize, &str)> = compared
        .iter()
        .enumerate()
        .flat_map(|(run, compared)| compared.strategies().into_iter().map(move |name| (run, name)))
        .collect();
    let reference = reference(args.to.as_deref(), compared, &names)?;
    let of_run = names.get(reference).map_or(0, |(run, _)| *run);
    let differing = differing_runs(compared, of_run, args.anyway)?;
    let wanted = wanted(args);
    let (at, readings) = readings(compared, wanted)?;
    let candidates: Vec<Candidate> = names
        .iter()
        .map(|&(run, name)| candidate(&compared[run], name, &readings[run], &differing))
        .collect();
    let view =
        ComparisonView { columns: args.columns.clone(), sort: args.sort, at, target: args.target };
    let comparison = Comparison {
        scenario,
        reference: compared.get(of_run).map_or("", |run| &run.label),
        strategies: compare_candidates(&candidates, reference),
        candidates,
        differing,
        training: differing_training(compared)?,
        view,
    };
    output(&args.form, comparison)
}

/// Returns the values that the arguments ask for.
fn wanted(args: &CompareArgs) -> Wanted {
    let sorted = args.sort.and_then(|sort| sort.column);
    let columns: Vec<TableColumn> = args.columns.iter().flatten().copied().chain(sorted).collect();
    let is_about = |names: &[&str]| columns.iter().any(|column| column.is_about(names));
    Wanted {
        point: args.point(),
        target: args.target,
        rounds: args.form.json || is_about(&["at_round", "macro_f1"]),
        clients: args.form.json || is_about(&["fairness", "worst_decile", "incentive"]),
    }
}

/// Makes the candidate of a strategy of a run.
fn candidate(
    run: &ComparedRun<'_>,
    strategy: &str,
    readings: &[Reading],
    differing: &[DifferingRun],
) -> Candidate {
    let note = differing.iter().find(|note| note.run == run.label);
    let own = readings.iter().filter(|reading| reading.row.strategy == strategy);
    Candidate {
        name: run.name(strategy),
        readings: own.cloned().collect(),
        pairing: note.map_or(Pairing::Paired, |note| note.pairing),
    }
}

/// Finds the strategy with the name in the table, or the only one with this name in its run.
fn reference(
    to: Option<&str>,
    compared: &[ComparedRun<'_>],
    names: &[(usize, &str)],
) -> Result<usize, Failure> {
    let Some(to) = to else { return Ok(0) };
    let full: Vec<String> = names.iter().map(|&(run, name)| compared[run].name(name)).collect();
    if let Some(index) = full.iter().position(|name| name == to) {
        return Ok(index);
    }
    let bare = |(_, (_, name)): &(usize, &(usize, &str))| *name == to;
    let found: Vec<usize> = names.iter().enumerate().filter(bare).map(|(index, _)| index).collect();
    let list = |indices: &mut dyn Iterator<Item = usize>| {
        indices.map(|index| format!("`{}`", full[index])).collect::<Vec<_>>().join(", ")
    };
    match found[..] {
        [index] => Ok(index),
        [] => Err(Failure::Usage(format!(
            "`--to {to}`: no strategy has this name\nhint: one of {}",
            list(&mut (0..full.len()))
        ))),
        _ => Err(Failure::Usage(format!(
            "`--to {to}`: several runs have a strategy of this name\nhint: one of {}",
            list(&mut found.iter().copied())
        ))),
    }
}

/// Reads the summary of a run after its records and tables were verified.
///
/// # Errors
/// When there is no run, it is not finished, or a file of it is damaged.
fn checked_summary(run: &Path, screen: &Screen) -> Result<Summary, Failure> {
    let is_alone = [NOTE, SCENARIO].iter().all(|name| !files::exists(&run.join(name)));
    if is_alone && files::exists(&run.join(SUMMARY)) {
        // A summary may have been copied without the rest of its run.
        return run_folder::read_summary(run);
    }
    verify::check(run, Depth::Tables, |_, _| {})?.demand(run, screen)?;
    run_folder::read_summary(run)
}

/// Returns a label for each run: the name of its folder, or its whole path if two names are equal.
pub(in crate::commands) fn labels(runs: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let paths: Result<Vec<PathBuf>, _> = runs.iter().map(std::path::absolute).collect();
    let paths = paths?;
    let twice = (1..paths.len()).find(|&index| paths[..index].contains(&paths[index]));
    if let Some(twice) = twice {
        return Err(Failure::Twice(runs[twice].clone()));
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: BTreeSet<Option<String>> = paths.iter().map(|path| name(path)).collect();
    let label = |(path, run): (&PathBuf, &PathBuf)| {
        name(path).filter(|_| names.len() == paths.len()).unwrap_or(run.display().to_string())
    };
    Ok(paths.iter().zip(runs).map(label).collect())
}
