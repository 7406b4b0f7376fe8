//! `checkpoints/best.safetensors`: a copy of the checkpoint of the best round by validation.
//!
//! A round that is the best so far gets a checkpoint of its own, whatever `checkpoints.every` says.
//! Its rename commits the round, and the copy follows. So the copy is never of a round that is cut
//! back; if a process is killed in between, the next one finds the checkpoint and makes the copy.

use std::path::Path;

use fedlayer_core::{Plan, record::RoundRecord, round::Selection};

use super::{
    checkpoint::{CheckpointFile, CommittedRecords, PlanHash},
    plan_folder::{PlanFolder, RecordFile},
};
use crate::{
    exit::Failure,
    files::{self, FileError},
};

/// A plan's folder with the best of its committed rounds.
pub(crate) struct BestModel<'a> {
    folder: &'a PlanFolder,
    plan: PlanHash,
    /// The best round; `None` if no round has a validation value.
    round: Option<u32>,
}

/// Where the checkpoint of the best round was found.
enum FoundModel {
    /// It is in its file.
    InItsFile,
    /// Its file is absent or another one; these are the bytes of the round's own checkpoint.
    Kept(Vec<u8>),
    /// It is nowhere.
    Nowhere,
}

/// Selects the best of the committed rounds; `None` if the plan reports only its last round.
///
/// # Errors
/// When the records cannot be read.
pub(crate) fn selection(
    folder: &PlanFolder,
    plan: &Plan,
    records: Option<&CommittedRecords>,
) -> Result<Option<Selection>, Failure> {
    let (Some(selection), Some(records)) = (Selection::of(plan), records) else {
        return Ok(Selection::of(plan));
    };
    let path = folder.record_file(RecordFile::Rounds);
    let bytes = files::read_first(&path, records.rounds_bytes)?;
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let select = |mut selection: Selection, line| {
        let record: RoundRecord = serde_json::from_slice(line)?;
        selection.observe(&record);
        Ok(selection)
    };
    let selected: Result<Selection, serde_json::Error> =
        lines.into_iter().try_fold(selection, select);
    selected.map(Some).map_err(|error| Failure::damaged(&path, error))
}

/// Tells whether a run can go on after these records: the model of their best round is there, or
/// none is needed.
pub(crate) fn is_there(
    folder: &PlanFolder,
    plan: &Plan,
    hash: &PlanHash,
    records: &CommittedRecords,
) -> bool {
    match selection(folder, plan, Some(records)) {
        Ok(None) => true,
        Ok(Some(selection)) => BestModel::of(folder, hash.clone(), &selection).check().is_ok(),
        Err(_) => false,
    }
}

impl<'a> BestModel<'a> {
    /// Takes the best of the committed rounds.
    pub(crate) fn of(folder: &'a PlanFolder, plan: PlanHash, selection: &Selection) -> Self {
        Self { folder, plan, round: selection.best().map(|best| best.round) }
    }

    /// Checks that the model is there, in its file or as the round's checkpoint.
    ///
    /// # Errors
    /// When it is nowhere: then its round must be computed anew.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.found().map(|_| ())
    }

    /// Makes the file what it was when the last committed round was written, if `may` allows it.
    ///
    /// # Errors
    /// When the model is nowhere, or the file cannot be written.
    pub(crate) fn restore(&self, may: impl Fn() -> Result<(), FileError>) -> Result<(), Failure> {
        let path = self.folder.best_file();
        match self.found()? {
            FoundModel::Nowhere => {
                may()?;
                Ok(files::remove(&path)?)
            }
            FoundModel::Kept(bytes) => Ok(files::write_atomically_if(&path, &bytes, may)?),
            FoundModel::InItsFile => Ok(()),
        }
    }

    /// Finds the model; without a best round it is nowhere.
    ///
    /// # Errors
    /// When there is a best round and its model is nowhere.
    fn found(&self) -> Result<FoundModel, Failure> {
        match (self.round, self.find()) {
            (Some(round), FoundModel::Nowhere) => Err(Failure::damaged(
                &self.folder.best_file(),
                format!(
                    "it is not the model of round {round}, the best one so far, which has no other checkpoint\nhint: `--previous` computes the rounds anew, to the same bytes"
                ),
            )),
            (_, found) => Ok(found),
        }
    }

    fn find(&self) -> FoundModel {
        let Some(round) = self.round else { return FoundModel::Nowhere };
        let is_it = |bytes: &[u8]| {
            CheckpointFile::read(bytes)
                .is_ok_and(|file| file.round() == round && *file.plan() == self.plan)
        };
        let read = |path: &Path| files::read_bytes(path).ok().filter(|bytes| is_it(bytes));
        if read(&self.folder.best_file()).is_some() {
            return FoundModel::InItsFile;
        }
        read(&self.folder.checkpoint_file(round)).map_or(FoundModel::Nowhere, FoundModel::Kept)
    }
}
