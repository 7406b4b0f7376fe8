//! [`PlanFolder`]: the part of a run folder that belongs to one strategy and seed.

use std::path::{Path, PathBuf};

use fedlayer_core::{
    Plan,
    record::{BestRow, RoundRecord, SummaryRow},
};

use super::{checkpoint::Checkpoint, line_checks::CHECKSUMS};
use crate::{
    exit::Failure,
    files::{self, FileError},
    timings::TIMINGS,
};

/// The part of a run folder that belongs to one strategy and seed.
#[derive(Debug, Clone)]
pub(crate) struct PlanFolder {
    path: PathBuf,
}

/// The file name of the checkpoint of the best round.
pub(crate) const BEST: &str = "best.safetensors";

/// A file of a plan's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordFile {
    /// `rounds.jsonl`.
    Rounds,
    /// `barriers.jsonl`.
    Barriers,
    /// `checksums.jsonl`.
    Checksums,
    /// `timings.jsonl`.
    Timings,
}

impl RecordFile {
    /// All record files.
    pub(crate) const ALL: [Self; 4] =
        [Self::Rounds, Self::Barriers, Self::Checksums, Self::Timings];

    /// Returns the file's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rounds => "rounds.jsonl",
            Self::Barriers => "barriers.jsonl",
            Self::Checksums => CHECKSUMS,
            Self::Timings => TIMINGS,
        }
    }
}

impl PlanFolder {
    /// Returns the part of a run folder that belongs to a plan.
    pub(crate) fn of(run: &Path, plan: &Plan) -> Self {
        Self::at(run.join(plan.folder()))
    }

    /// Returns the part of a run folder at this path.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a record file.
    pub(crate) fn record_file(&self, file: RecordFile) -> PathBuf {
        self.path.join(file.name())
    }

    /// Returns the path of the checkpoint of a round.
    pub(crate) fn checkpoint_file(&self, round: u32) -> PathBuf {
        self.checkpoints().join(checkpoint_name(round))
    }

    /// Returns the path of the checkpoint of the best round by validation.
    pub(crate) fn best_file(&self) -> PathBuf {
        self.checkpoints().join(BEST)
    }

    /// Returns the folder of the checkpoints.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Returns the rounds with a checkpoint, ascending.
    pub(crate) fn kept_rounds(&self) -> Result<Vec<u32>, FileError> {
        checkpoint_rounds(&self.checkpoints())
    }

    /// Reads the checkpoint of a round.
    pub(crate) fn checkpoint(&self, round: u32, plan: &Plan) -> Result<Checkpoint, Failure> {
        let path = self.checkpoint_file(round);
        let bytes = files::read_bytes(&path)?;
        Checkpoint::from_bytes(&bytes, plan).map_err(|error| Failure::damaged(&path, error))
    }

    /// Summarises the committed rounds.
    pub(crate) fn summary(&self, plan: &Plan) -> Result<SummaryRow, Failure> {
        let path = self.record_file(RecordFile::Rounds);
        let text = files::read_text_if_any(&path)?;
        let records: Result<Vec<RoundRecord>, _> = text.lines().map(serde_json::from_str).collect();
        let records = records.map_err(|error| Failure::damaged(&path, error))?;
        let row = SummaryRow::new(&plan.strategy.name, plan.seed, &records);
        let best = BestRow::of(plan, &records);
        Ok(SummaryRow { variant: plan.variant.clone(), best, ..row })
    }
}

/// Returns the file name of a round's checkpoint.
pub(crate) fn checkpoint_name(round: u32) -> String {
    format!("round-{round:07}.safetensors")
}

/// Returns the rounds of the checkpoints in a folder, ascending.
pub(crate) fn checkpoint_rounds(folder: &Path) -> Result<Vec<u32>, FileError> {
    let round =
        |name: &String| name.strip_prefix("round-")?.strip_suffix(".safetensors")?.parse().ok();
    let mut rounds: Vec<u32> = files::names_in(folder)?.iter().filter_map(round).collect();
    rounds.sort_unstable();
    Ok(rounds)
}
