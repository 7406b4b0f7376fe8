//! [`readings`]: the results of compared runs at a chosen point, read from their records.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use fedlayer_core::{
    compare::{
        Absence, ClientAccuracies, ComparedClient, ComparedRound, ReadAt, Reading,
        default_select_by,
    },
    record::SummaryRow,
    spec::{Average, Rule, SelectBy},
};
use serde::de::DeserializeOwned;

use super::compared_run::ComparedRun;
use crate::{
    args::PointArg,
    exit::Failure,
    files::{self, FileError},
    run_folder::plan_folder::{PlanFolder, RecordFile},
};

/// The records of clients.
const CLIENTS: &str = "clients.jsonl";

/// The values that a comparison needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The point at which they are read.
    pub(super) point: PointArg,
    /// The test accuracy to reach.
    pub(super) target: Option<f64>,
    /// Whether a column is about the records of rounds.
    pub(super) rounds: bool,
    /// Whether a column is about the distribution over the clients.
    pub(super) clients: bool,
}

impl Wanted {
    /// Returns whether the summary is enough.
    fn is_in_summary(&self) -> bool {
        let needs_records = self.target.is_some() || self.rounds || self.clients;
        self.point == PointArg::Last && !needs_records
    }
}

/// Reads the results of every run, row by row, and the point at which they were read.
pub(super) fn readings(
    compared: &[ComparedRun<'_>],
    wanted: Wanted,
) -> Result<(ReadAt, Vec<Vec<Reading>>), Failure> {
    if wanted.is_in_summary() {
        let of_run = |run: &ComparedRun<'_>| run.rows.iter().map(Reading::from).collect();
        return Ok((ReadAt::Last, compared.iter().map(of_run).collect()));
    }
    let at = resolved(compared, wanted.point)?;
    let read = |run: &ComparedRun<'_>| -> Result<Vec<Reading>, Failure> {
        run.rows.iter().map(|row| reading(run.folder, row, at, wanted)).collect()
    };
    let mut readings = compared.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if wanted.clients {
        take_clients(compared, &mut readings)?;
    }
    Ok((at, readings))
}

/// Finds the validation value that decides about the best round: the one that the scenario of the
/// first run names, or the one that its records have.
///
/// # Errors
/// When `best` is asked for and a run has no validation values.
fn resolved(compared: &[ComparedRun<'_>], point: PointArg) -> Result<ReadAt, Failure> {
    match point {
        PointArg::Last => Ok(ReadAt::Last),
        PointArg::Mean(rounds) => Ok(ReadAt::Mean(rounds)),
        PointArg::Bytes(bytes) => Ok(ReadAt::Bytes(bytes)),
        PointArg::Best => {
            let mut decides = compared.first().and_then(|run| run.setup.as_ref()?.evaluate.by);
            for run in compared {
                let found = default_by(run)?;
                decides = decides.or(found);
                if found.is_none() {
                    return Err(no_validation(run.folder));
                }
            }
            decides.map(ReadAt::Best).ok_or_else(|| Failure::Usage("no run is named".to_owned()))
        }
    }
}

/// Returns the validation value that a run has by default; `None` if no row has any.
fn default_by(run: &ComparedRun<'_>) -> Result<Option<SelectBy>, Failure> {
    for row in run.rows {
        let by = rounds(run.folder, row)?.as_deref().and_then(default_select_by);
        if by.is_some() {
            return Ok(by);
        }
    }
    Ok(None)
}

fn no_validation(run: &Path) -> Failure {
    Failure::Usage(format!(
        "`--at best` chooses the round by validation, and the records of `{}` have no validation values\nhint: add `validation_share = 0.1` to `[data]` of its scenario and run it again, or choose another point: `--at last`, `--at mean:5`",
        run.display()
    ))
}

/// Reads the results of one strategy and seed.
///
/// # Errors
/// When the point needs records that are not there.
fn reading(run: &Path, row: &SummaryRow, at: ReadAt, wanted: Wanted) -> Result<Reading, Failure> {
    let Some(rounds) = rounds(run, row)? else {
        if at != ReadAt::Last {
            return Err(no_records(run));
        }
        let mut reading = Reading::from(row);
        if wanted.target.is_some() {
            reading.more.rounds_to_target = Err(Absence::NoRounds);
            reading.more.bytes_to_target = Err(Absence::NoRounds);
        }
        return Ok(reading);
    };
    let mut reading = Reading::at(row, &rounds, at);
    if let Some(target) = wanted.target {
        reading.seek_target(&rounds, target);
    }
    Ok(reading)
}

fn no_records(run: &Path) -> Failure {
    Failure::Usage(format!(
        "`--at` needs the records of every round, and `{}` has only `summary.json`\nhint: copy the whole run folder, or leave `--at` out",
        run.display()
    ))
}

/// Reads the rounds of a strategy and seed; `None` if their file is not there.
fn rounds(run: &Path, row: &SummaryRow) -> Result<Option<Vec<ComparedRound>>, Failure> {
    let path = plan_folder(run, row).record_file(RecordFile::Rounds);
    lines(&path)?.map(Iterator::collect::<Result<_, _>>).transpose()
}

fn plan_folder(run: &Path, row: &SummaryRow) -> PlanFolder {
    PlanFolder::at(run.join(row.folder()))
}

/// Reads a file of JSON lines, line by line; `None` if it is not there. Each line that is not
/// understood is an error with its number.
fn lines<T: DeserializeOwned>(
    path: &Path,
) -> Result<Option<impl Iterator<Item = Result<T, Failure>> + use<T>>, Failure> {
    let Some(file) = files::open_if_any(path)? else { return Ok(None) };
    let path: PathBuf = path.to_owned();
    let lines = BufReader::new(file).lines().zip(1_u64..);
    Ok(Some(lines.map(move |(line, number)| {
        let line = line.map_err(|error| FileError::reading(&path, error))?;
        serde_json::from_str(&line)
            .map_err(|error| Failure::damaged(&path, format!("line {number}: {error}")))
    })))
}

/// Takes the distribution over the clients into readings, with local training and federated
/// averaging of the same seed as references: those of the same run, or of another one.
fn take_clients(
    compared: &[ComparedRun<'_>],
    readings: &mut [Vec<Reading>],
) -> Result<(), Failure> {
    let mut tables = Vec::new();
    for (run, readings) in compared.iter().zip(readings.iter()) {
        let of_run = readings.iter().map(|reading| accuracies(run.folder, reading));
        tables.push(of_run.collect::<Result<Vec<_>, _>>()?);
    }
    for index in 0..compared.len() {
        for (row, reading) in readings[index].iter_mut().enumerate() {
            let Some(own) = &tables[index][row] else { continue };
            let of = |rule: &Rule| {
                let others = (0..compared.len()).filter(|other| *other != index);
                let mut runs = std::iter::once(index).chain(others);
                runs.find_map(|run| reference(&compared[run], &tables[run], rule, reading.row.seed))
            };
            let (local, averaged) = (of(&Rule::None), of(&Rule::All));
            reading.take_clients(own, local, averaged);
        }
    }
    Ok(())
}

/// Reads the accuracies of the clients in the rounds of a reading; `None` without their records.
fn accuracies(run: &Path, reading: &Reading) -> Result<Option<ClientAccuracies>, Failure> {
    let path = plan_folder(run, &reading.row).path().join(CLIENTS);
    let Some(clients) = lines::<ComparedClient>(&path)? else { return Ok(None) };
    ClientAccuracies::over(&reading.evaluated, clients).map(Some)
}

/// Returns the accuracies of the first strategy of a run that always averages by this rule, with a
/// seed.
fn reference<'t>(
    run: &ComparedRun<'_>,
    table: &'t [Option<ClientAccuracies>],
    rule: &Rule,
    seed: u64,
) -> Option<&'t ClientAccuracies> {
    let strategies = &run.setup.as_ref()?.strategy;
    let always = |average: &Average| matches!(average, Average::Always(own) if own == rule);
    let strategy = strategies.iter().find(|strategy| always(&strategy.average))?;
    let is_meant = |row: &&SummaryRow| row.strategy == strategy.name && row.seed == seed;
    let index = run.rows.iter().position(|row| is_meant(&row))?;
    table.get(index)?.as_ref()
}
