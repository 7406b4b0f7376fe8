//! [`FileJournal`]: writes committed rounds into a plan's folder.

use std::{path::PathBuf, sync::Arc};

use fedlayer_core::{
    Plan,
    round::Federation,
    spec::{CheckpointSpec, Keep},
};
use fedlayer_runtime::{CommittedRound, Journal, JournalError};

use super::{
    checkpoint::{Checkpoint, CommittedRecords, PlanHash, RecordHashes},
    checksums,
    json::json_lines,
    line_checks::{LineChecks, RoundChecks},
    plan_folder::{BEST, PlanFolder, RecordFile, checkpoint_name, checkpoint_rounds},
};
use crate::{
    exit::Failure,
    files::{self, FileError, FolderLock, LineFile},
    timings::{self, TimingRow},
};

/// Writes committed rounds into a plan's folder, as long as the folder is the one that this process
/// has locked.
#[derive(Debug)]
pub(crate) struct FileJournal {
    rounds: LineFile,
    barriers: LineFile,
    checksums: LineFile,
    timings: LineFile,
    checkpoints: PathBuf,
    hash: PlanHash,
    plan: Arc<Plan>,
    lock: Arc<FolderLock>,
}

impl FileJournal {
    /// Opens the journal after a checkpoint, or at the beginning; later lines are cut off.
    ///
    /// # Errors
    /// When a file cannot be written, or the run folder was moved.
    pub(crate) fn open(
        folder: &PlanFolder,
        plan: &Arc<Plan>,
        after: Option<&Checkpoint>,
        lock: Arc<FolderLock>,
    ) -> Result<Self, Failure> {
        lock.check()?;
        files::create_folders(&folder.checkpoints())?;
        let lines = |file, keep| LineFile::open(folder.record_file(file), keep);
        let committed = after.map_or(0, |checkpoint| checkpoint.round);
        let records = after.map(|checkpoint| &checkpoint.records);
        let (rounds, barriers) = records.map_or((0, 0), |r| (r.rounds_bytes, r.barriers_bytes));
        let checksums = checksums::up_to(folder, records)?;
        let spent = timings::length_up_to(&folder.record_file(RecordFile::Timings), committed)?;
        Ok(Self {
            rounds: lines(RecordFile::Rounds, rounds)?,
            barriers: lines(RecordFile::Barriers, barriers)?,
            checksums: lines(RecordFile::Checksums, checksums)?,
            timings: lines(RecordFile::Timings, spent)?,
            checkpoints: folder.checkpoints(),
            hash: PlanHash::of(plan)?,
            plan: plan.clone(),
            lock,
        })
    }

    fn write(&mut self, committed: &CommittedRound<'_>) -> Result<(), Failure> {
        self.check()?;
        let round = committed.record.round;
        let (record, barriers) = (json_lines([committed.record])?, json_lines(committed.barriers)?);
        let checks = RoundChecks {
            round,
            rounds: LineChecks::of(&record),
            barriers: LineChecks::of(&barriers),
        };
        self.rounds.append(&record)?;
        self.barriers.append(&barriers)?;
        self.checksums.append(&json_lines([&checks])?)?;
        let spent = committed.timings;
        let row = TimingRow {
            round,
            train: spent.train.as_secs_f64(),
            barriers: spent.barriers.as_secs_f64(),
            average: spent.average.as_secs_f64(),
            evaluate: spent.evaluate.as_secs_f64(),
        };
        self.timings.append(row.line(&self.hash)?.as_bytes())?;
        let is_due = self.plan.is_due(self.plan.checkpoints.every, round);
        if is_due || committed.is_best || committed.is_last {
            let bytes = self.checkpoint(round, committed.federation)?;
            if committed.is_best {
                files::write_atomically_if(&self.checkpoints.join(BEST), &bytes, || self.check())?;
            }
            self.prune(round)?;
        }
        Ok(())
    }

    /// Checks that the run folder and the files are at their paths: otherwise another process may
    /// be writing there.
    fn check(&self) -> Result<(), FileError> {
        self.lock.check()?;
        [&self.rounds, &self.barriers, &self.checksums, &self.timings]
            .into_iter()
            .try_for_each(LineFile::check)
            .inspect_err(|_| self.lock.give_up())
    }

    /// Writes a checkpoint and returns its bytes. Its rename commits everything before it.
    fn checkpoint(&self, round: u32, federation: &Arc<Federation>) -> Result<Vec<u8>, Failure> {
        self.rounds.sync()?;
        self.barriers.sync()?;
        self.checksums.sync()?;
        let checkpoint = Checkpoint {
            plan: self.hash.clone(),
            round,
            records: self.records(),
            federation: federation.clone(),
        };
        let path = self.checkpoints.join(checkpoint_name(round));
        let bytes = checkpoint.to_bytes().map_err(|error| Failure::damaged(&path, error))?;
        files::write_atomically_if(&path, &bytes, || self.check())?;
        Ok(bytes)
    }

    /// Returns the lengths and hashes of the record files.
    fn records(&self) -> CommittedRecords {
        let (rounds, barriers) = (self.rounds.content(), self.barriers.content());
        CommittedRecords {
            rounds_bytes: rounds.bytes,
            barriers_bytes: barriers.bytes,
            hashes: Some(RecordHashes {
                rounds: rounds.blake3,
                barriers: barriers.blake3,
                checksums: self.checksums.content(),
            }),
        }
    }

    /// Removes the checkpoints that the scenario does not keep: the older ones, and those of
    /// earlier interruptions.
    fn prune(&self, latest: u32) -> Result<(), Failure> {
        let CheckpointSpec { every, keep } = &self.plan.checkpoints;
        let mut wanted = Vec::new();
        for round in checkpoint_rounds(&self.checkpoints)?.into_iter().rev() {
            let fits = match keep {
                Keep::All(_) => true,
                Keep::Latest(keep) => wanted.len() < *keep as usize,
            };
            if round == latest || (fits && self.plan.is_due(*every, round)) {
                wanted.push(round);
            } else {
                files::remove(&self.checkpoints.join(checkpoint_name(round)))?;
            }
        }
        Ok(())
    }
}

impl Journal for FileJournal {
    fn commit(&mut self, committed: &CommittedRound<'_>) -> Result<(), JournalError> {
        self.write(committed).map_err(JournalError::new)
    }

    fn persist(
        &mut self,
        committed: u32,
        federation: &Arc<Federation>,
    ) -> Result<(), JournalError> {
        if committed == 0 || self.plan.is_due(self.plan.checkpoints.every, committed) {
            return Ok(());
        }
        let written = self.checkpoint(committed, federation).and_then(|_| self.prune(committed));
        written.map_err(JournalError::new)
    }
}
