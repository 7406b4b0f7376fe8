//! [`RunFolder`]: the folder of a run and its files.
//!
//! * `plan_folder`: the part of one strategy and seed; `journal` writes its records.
//! * `checkpoint`: the models after a round; `best_model`: those of the best round; `line_checks` and `checksums`: hashes of the records'
//!   lines.
//! * `note`: `run.json`; `inputs_note`: `inputs.json`; `sealed`: JSON files with a checksum;
//!   `json`: all others.

pub(crate) mod best_model;
pub(crate) mod checkpoint;
pub(crate) mod inputs_note;
pub(crate) mod journal;
pub(crate) mod json;
pub(crate) mod line_checks;
pub(crate) mod note;
pub(crate) mod plan_folder;
pub(crate) mod sealed;

mod checksums;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use fedlayer_core::{Plan, record::Summary};
use serde::Serialize;

use self::{
    inputs_note::InputsNote,
    json::pretty,
    note::{Provenance, RunNote},
    plan_folder::PlanFolder,
    sealed::{Sealed, seal},
};
use crate::{
    exit::Failure,
    files::{self, FileError, FolderLock},
};

/// The folder of a run, locked for this process.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// The folders that this process made for it, the innermost first; empty if it existed.
    made: Vec<PathBuf>,
    lock: Arc<FolderLock>,
}

/// The first files of a run folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InitialFiles<'a> {
    /// The scenario's text, with `--set` applied.
    pub(crate) scenario: &'a str,
    /// The note on the run.
    pub(crate) note: &'a RunNote,
    /// The note on the files that the scenario names.
    pub(crate) inputs: &'a InputsNote,
}

/// The scenario.
pub(crate) const SCENARIO: &str = "scenario.toml";
/// The note on the run.
pub(crate) const NOTE: &str = "run.json";
/// The note on the files that the run was made from.
pub(crate) const INPUTS: &str = "inputs.json";
/// The rows of the summary table.
pub(crate) const SUMMARY: &str = "summary.json";
/// The same rows as CSV, for a sweep.
pub(crate) const SWEEP: &str = "sweep.csv";
/// The names of classes.
pub(crate) const DATA: &str = "data.json";

impl RunFolder {
    /// Makes a new folder, completely or not at all. The scenario is written last: from then on the
    /// folder is a run.
    pub(crate) fn create(path: PathBuf, beginning: InitialFiles<'_>) -> Result<Self, Failure> {
        Self::check_free(&path)?;
        let made = files::absent_folders(&path);
        let kept = match files::create_new_folder(&path) {
            Ok(true) => Self::lock_folder(path),
            // Another process has made the folder in the meantime.
            Ok(false) => return Err(Failure::FolderExists(path)),
            Err(error) => Err(error.into()),
        };
        let kept = kept.inspect_err(|_| files::remove_empty_folders(&made))?;
        let folder = Self { made, ..kept };
        folder.begin(beginning).inspect_err(|_| folder.discard())?;
        Ok(folder)
    }

    /// Checks that nothing exists at the path of a new run folder.
    pub(crate) fn check_free(path: &Path) -> Result<(), Failure> {
        if files::exists(path) { Err(Failure::FolderExists(path.to_owned())) } else { Ok(()) }
    }

    /// Makes every plan's folder and writes the first files. A plan's folder that is deleted later
    /// is noticed.
    fn begin(&self, beginning: InitialFiles<'_>) -> Result<(), Failure> {
        let plans = beginning.note.provenance.iter().flat_map(|provenance| &provenance.plans);
        for plan in plans {
            files::create_folders(&PlanFolder::at(self.path.join(&plan.folder)).checkpoints())?;
        }
        self.write_note(beginning.note)?;
        self.write_inputs(beginning.inputs)?;
        let scenario = beginning.scenario.as_bytes();
        Ok(files::write_atomically(&self.path.join(SCENARIO), scenario)?)
    }

    /// Removes a folder that this process made, and the folders around it that it made; does
    /// nothing to a folder that existed before.
    pub(crate) fn discard(&self) {
        let Some((own, around)) = self.made.split_first() else { return };
        // A folder that cannot be removed stays: the error that ended the start matters more.
        if files::remove_folder(own).is_ok() {
            files::remove_empty_folders(around);
        }
    }

    /// Tells whether this process made the folder.
    pub(crate) fn is_new(&self) -> bool {
        !self.made.is_empty()
    }

    /// Makes a new folder below `runs`, named after the scenario: the first of `digits`,
    /// `digits-2`, … that is free.
    pub(crate) fn create_below(
        runs: &Path,
        name: &str,
        beginning: InitialFiles<'_>,
    ) -> Result<Self, Failure> {
        let mut number = 1;
        loop {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            match Self::create(runs.join(format!("{name}{suffix}")), beginning) {
                Err(Failure::FolderExists(_)) => number += 1,
                folder => return folder,
            }
        }
    }

    /// Tells whether a folder holds a run.
    pub(crate) fn is_one(path: &Path) -> bool {
        [SCENARIO, NOTE].iter().all(|name| files::exists(&path.join(name)))
    }

    /// Opens a run folder and locks it for this process.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Failure> {
        if !Self::is_one(&path) {
            return Err(Failure::NoRun(path));
        }
        Self::lock_folder(path)
    }

    fn lock_folder(path: PathBuf) -> Result<Self, Failure> {
        match FolderLock::take(&path)? {
            Some(lock) => Ok(Self { path, made: Vec::new(), lock: Arc::new(lock) }),
            None => Err(Failure::FolderBusy(path)),
        }
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the scenario's path and text.
    pub(crate) fn scenario(&self) -> Result<(PathBuf, String), FileError> {
        let path = self.path.join(SCENARIO);
        let text = files::read_text(&path)?;
        Ok((path, text))
    }

    /// Returns the lock.
    pub(crate) fn lock(&self) -> &Arc<FolderLock> {
        &self.lock
    }

    /// Checks that the folder is still at its path.
    ///
    /// # Errors
    /// When it was moved or replaced.
    pub(crate) fn check_place(&self) -> Result<(), FileError> {
        self.lock.check()
    }

    /// Writes `run.json`.
    pub(crate) fn write_note(&self, note: &RunNote) -> Result<(), Failure> {
        self.write(NOTE, &seal(note)?).map(drop)
    }

    /// Reads `run.json`.
    pub(crate) fn note(&self) -> Result<RunNote, Failure> {
        read_note(&self.path)
    }

    /// Writes `inputs.json`.
    pub(crate) fn write_inputs(&self, inputs: &InputsNote) -> Result<(), Failure> {
        self.write(INPUTS, &seal(inputs)?).map(drop)
    }

    /// Removes the summary of an earlier, unfinished run.
    pub(crate) fn remove_summary(&self) -> Result<(), FileError> {
        self.check_place()?;
        files::remove(&self.path.join(SWEEP))?;
        files::remove(&self.path.join(SUMMARY))
    }

    /// Writes `summary.json`; returns whether its contents have changed.
    pub(crate) fn write_summary(&self, summary: &Summary) -> Result<bool, Failure> {
        self.write(SUMMARY, &pretty(summary)?)
    }

    /// Writes `data.json`; returns whether its contents have changed.
    pub(crate) fn write_data(&self, classes: &impl Serialize) -> Result<bool, Failure> {
        self.write(DATA, &pretty(classes)?)
    }

    /// Writes `sweep.csv`; returns whether its contents have changed.
    pub(crate) fn write_sweep(&self, sheet: &str) -> Result<bool, Failure> {
        self.write(SWEEP, sheet.as_bytes())
    }

    /// Writes a file of the folder if the folder is at its path and the contents differ; returns
    /// whether it was written.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<bool, Failure> {
        self.check_place()?;
        Ok(files::write_if_other(&self.path.join(name), bytes)?)
    }

    /// Returns the part of the folder that belongs to a plan.
    pub(crate) fn plan(&self, plan: &Plan) -> PlanFolder {
        PlanFolder::of(&self.path, plan)
    }
}

/// Reads the `summary.json` of a run folder without locking the folder.
pub(crate) fn read_summary(folder: &Path) -> Result<Summary, Failure> {
    let path = folder.join(SUMMARY);
    match (files::exists(&path), RunFolder::is_one(folder)) {
        (true, _) => read_json(&path),
        (false, true) => Err(Failure::Unfinished(folder.to_owned())),
        (false, false) => Err(Failure::NoRun(folder.to_owned())),
    }
}

/// Returns the path of the scenario in a run folder.
pub(crate) fn scenario_file(folder: &Path) -> PathBuf {
    folder.join(SCENARIO)
}

/// Reads the `run.json` of a run folder without locking the folder.
///
/// # Errors
/// When the file is missing or has changed.
pub(crate) fn read_note(folder: &Path) -> Result<RunNote, Failure> {
    let path = folder.join(NOTE);
    let note = Sealed::read(&path)?.checked(|note: &RunNote| note.provenance.is_some());
    note.map_err(|reason| Failure::damaged(&path, reason))
}

/// Reads the `inputs.json` of a run folder without locking the folder; a run of an earlier version
/// may have none.
///
/// # Errors
/// When the file is missing although the run's note has a checksum, or has changed.
pub(crate) fn read_inputs(folder: &Path, note: &RunNote) -> Result<Option<InputsNote>, Failure> {
    let path = folder.join(INPUTS);
    let is_old = note.provenance.is_none();
    if is_old && !files::exists(&path) {
        return Ok(None);
    }
    let inputs: Result<InputsNote, _> = Sealed::read(&path)?.checked(|_| !is_old);
    let inputs = inputs.map_err(|reason| Failure::damaged(&path, reason))?;
    let of_run = note.provenance.as_ref().map(Provenance::blake3).transpose()?;
    if inputs.provenance.is_some() && inputs.provenance != of_run {
        return Err(Failure::damaged(
            &path,
            "it is another run's: `run.json` began with another scenario",
        ));
    }
    Ok(Some(inputs))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = files::read_text(path)?;
    serde_json::from_str(&text).map_err(|error| Failure::damaged(path, error))
}
