//! [`PlanRounds`]: the committed rounds of a plan, one after the other.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    iter::Peekable,
    marker::PhantomData,
    path::PathBuf,
};

use fedlayer_core::record::{BarrierRow, RoundRecord};
use fedlayer_export::{ExportedRound, RoundTimes};
use serde::de::DeserializeOwned;

use super::source::PlanSource;
use crate::{
    exit::Failure,
    files::{self, FileError},
    run_folder::plan_folder::RecordFile,
    screen::Screen,
    timings::{self, TimingRow},
};

/// The committed rounds of a plan, one after the other. One round is in memory at a time.
pub(super) struct PlanRounds {
    rounds: JsonLines<RoundRecord>,
    barriers: Peekable<JsonLines<BarrierRow>>,
    times: BTreeMap<u32, RoundTimes>,
}

impl PlanRounds {
    /// Opens the records of a plan up to its last checkpoint.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn open(plan: &PlanSource, screen: &Screen) -> Result<Self, Failure> {
        let path = |file| plan.folder.record_file(file);
        let (rounds, barriers) = (path(RecordFile::Rounds), path(RecordFile::Barriers));
        Ok(Self {
            rounds: JsonLines::open(rounds, plan.records.rounds_bytes)?,
            barriers: JsonLines::open(barriers, plan.records.barriers_bytes)?.peekable(),
            times: times(plan, screen)?,
        })
    }

    /// Takes the barriers of a round.
    fn barriers_of(&mut self, round: u32) -> Result<Vec<BarrierRow>, Failure> {
        let is_of_round =
            |row: &Result<BarrierRow, Failure>| !row.as_ref().is_ok_and(|row| row.round > round);
        std::iter::from_fn(|| self.barriers.next_if(is_of_round)).collect()
    }
}

impl Iterator for PlanRounds {
    type Item = Result<ExportedRound, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = match self.rounds.next()? {
            Ok(record) => record,
            Err(failure) => return Some(Err(failure)),
        };
        let times = self.times.remove(&record.round);
        let barriers = self.barriers_of(record.round);
        Some(barriers.map(|barriers| ExportedRound { record, barriers, times }))
    }
}

/// Reads the seconds of the committed rounds. Nothing vouches for them but their own checksums: a
/// line that is missing or has changed ends them.
fn times(plan: &PlanSource, screen: &Screen) -> Result<BTreeMap<u32, RoundTimes>, FileError> {
    let path = plan.folder.record_file(RecordFile::Timings);
    let rows = timings::rows_up_to(&path, &plan.hash, plan.rounds)?;
    if (rows.len() as u64) < plan.rounds.into() {
        screen.talk(&format!(
            "warning: `{}` has {} intact lines of {} rounds: the other rounds have no timings",
            path.display(),
            rows.len(),
            plan.rounds
        ));
    }
    let times = |row: TimingRow| RoundTimes {
        round: row.round,
        train: row.train,
        barriers: row.barriers,
        average: row.average,
        evaluate: row.evaluate,
    };
    Ok(rows.into_iter().map(|row| (row.round, times(row))).collect())
}

/// The values of the first bytes of a file of JSON lines.
struct JsonLines<T> {
    path: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    number: u64,
    of: PhantomData<T>,
}

impl<T> JsonLines<T> {
    fn open(path: PathBuf, bytes: u64) -> Result<Self, FileError> {
        let reader: Box<dyn Read> = match files::open_if_any(&path)? {
            Some(file) => Box::new(file.take(bytes)),
            None => Box::new(std::io::empty()),
        };
        let reader = BufReader::new(reader);
        Ok(Self { path, reader, line: Vec::new(), number: 0, of: PhantomData })
    }
}

impl<T: DeserializeOwned> Iterator for JsonLines<T> {
    type Item = Result<T, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line.clear();
        self.number += 1;
        match self.reader.read_until(b'\n', &mut self.line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_slice(&self.line).map_err(|error| {
                Failure::damaged(&self.path, format!("line {}: {error}", self.number))
            })),
            Err(error) => Some(Err(FileError::reading(&self.path, error).into())),
        }
    }
}
