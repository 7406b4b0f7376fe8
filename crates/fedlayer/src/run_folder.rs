//! The run folder: which file lies where, and how one plan's part of it is written and read.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use fedlayer_core::{
    Federation, Plan, RoundRecord, Summary, SummaryRow,
    spec::{CheckpointSpec, Keep},
};
use fedlayer_runtime::{Committed, Journal};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::{Checkpoint, PlanHash},
    classes::NamedClasses,
    exit::Failure,
    files::{self, FileError, LineFile, Lock},
    input_files::InputsNote,
};

/// A folder that holds everything of one run, kept for this process.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// The folders that were made for it by this process, the innermost first; none where it was there.
    made: Vec<PathBuf>,
    _lock: Lock,
}

/// What a run folder begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning<'a> {
    /// The scenario's text, with `--set` applied.
    pub(crate) scenario: &'a str,
    /// The note on the run.
    pub(crate) note: &'a RunNote,
    /// The note on the files that the scenario names.
    pub(crate) inputs: &'a InputsNote,
}

/// `run.json`: what a run was, and how far it came. It may depend on time and machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunNote {
    /// The version of the program that wrote the folder.
    pub(crate) fedlayer: String,
    /// The scenario's name.
    pub(crate) scenario: String,
    /// The device that clients trained on.
    pub(crate) device: String,
    /// The version of libtorch.
    pub(crate) libtorch: String,
    /// The folder that `--data` named, if it did.
    #[serde(default)]
    pub(crate) data: Option<PathBuf>,
    /// What becomes of a number x of the data before the model sees it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inputs: Option<String>,
    /// Workers.
    pub(crate) workers: usize,
    /// The scenario's seeds.
    pub(crate) seeds: Vec<u64>,
    /// How far it came.
    pub(crate) state: RunState,
    /// When it was begun or resumed last, in seconds since 1970 (UTC).
    pub(crate) started: u64,
    /// Seconds that the last process spent on it, analyses included.
    pub(crate) seconds: f64,
    /// Seconds of them for the rounds.
    #[serde(default)]
    pub(crate) training_seconds: f64,
    /// Seconds of them for the analyses.
    #[serde(default)]
    pub(crate) analysis_seconds: f64,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RunState {
    /// A process is at it, or was killed.
    Running,
    /// Every plan is finished.
    Finished,
    /// It was ended early.
    Interrupted,
    /// At least one plan could not be finished.
    Failed,
}

const SCENARIO: &str = "scenario.toml";
const NOTE: &str = "run.json";
const INPUTS: &str = "inputs.json";
const SUMMARY: &str = "summary.json";
const SWEEP: &str = "sweep.csv";
const DATA: &str = "data.json";

impl RunFolder {
    /// Makes a new folder, whole or not at all. It is a run's as soon as the scenario is in it; the notes are there before.
    pub(crate) fn create(path: PathBuf, beginning: Beginning<'_>) -> Result<Self, Failure> {
        Self::check_free(&path)?;
        let made = files::absent_folders(&path);
        let kept = match files::create_new_folder(&path) {
            Ok(true) => Self::keep(path),
            // Another process made it meanwhile.
            Ok(false) => return Err(Failure::FolderExists(path)),
            Err(error) => Err(error.into()),
        };
        let kept = kept.inspect_err(|_| files::remove_empty_folders(&made))?;
        let folder = Self { made, ..kept };
        folder.begin(beginning).inspect_err(|_| folder.discard())?;
        Ok(folder)
    }

    /// Checks that nothing is where a new run folder is to be.
    pub(crate) fn check_free(path: &Path) -> Result<(), Failure> {
        if files::exists(path) { Err(Failure::FolderExists(path.to_owned())) } else { Ok(()) }
    }

    fn begin(&self, beginning: Beginning<'_>) -> Result<(), Failure> {
        self.write_note(beginning.note)?;
        self.write_inputs(beginning.inputs)?;
        let scenario = beginning.scenario.as_bytes();
        Ok(files::write_atomically(&self.path.join(SCENARIO), scenario)?)
    }

    /// Removes a folder that this process made, with those around it that it made; leaves one that was there alone.
    pub(crate) fn discard(&self) {
        let Some((own, around)) = self.made.split_first() else { return };
        // What cannot be removed is left; why the run could not begin is the news.
        if files::remove_folder(own).is_ok() {
            files::remove_empty_folders(around);
        }
    }

    /// Whether this process made it.
    pub(crate) fn is_new(&self) -> bool {
        !self.made.is_empty()
    }

    /// Makes a new folder below `runs`, called after the scenario: the first of `digits`, `digits-2`, … that is free.
    pub(crate) fn create_below(
        runs: &Path,
        name: &str,
        beginning: Beginning<'_>,
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

    /// Whether there is a run in a folder.
    pub(crate) fn is_one(path: &Path) -> bool {
        [SCENARIO, NOTE].iter().all(|name| files::exists(&path.join(name)))
    }

    /// Opens a run folder and keeps it for this process.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Failure> {
        if !Self::is_one(&path) {
            return Err(Failure::NoRun(path));
        }
        Self::keep(path)
    }

    fn keep(path: PathBuf) -> Result<Self, Failure> {
        match Lock::take(&path.join(".lock"))? {
            Some(lock) => Ok(Self { path, made: Vec::new(), _lock: lock }),
            None => Err(Failure::FolderBusy(path)),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The scenario as it was given.
    pub(crate) fn scenario(&self) -> Result<(PathBuf, String), FileError> {
        let path = self.path.join(SCENARIO);
        let text = files::read_text(&path)?;
        Ok((path, text))
    }

    /// Writes `run.json`.
    pub(crate) fn write_note(&self, note: &RunNote) -> Result<(), Failure> {
        Ok(files::write_atomically(&self.path.join(NOTE), &pretty(note)?)?)
    }

    /// Reads `run.json`.
    pub(crate) fn note(&self) -> Result<RunNote, Failure> {
        read_json(&self.path.join(NOTE))
    }

    /// Writes `inputs.json`.
    pub(crate) fn write_inputs(&self, inputs: &InputsNote) -> Result<(), Failure> {
        Ok(files::write_atomically(&self.path.join(INPUTS), &pretty(inputs)?)?)
    }

    /// Takes the summary of an earlier, unfinished end away.
    pub(crate) fn remove_summary(&self) -> Result<(), FileError> {
        files::remove(&self.path.join(SWEEP))?;
        files::remove(&self.path.join(SUMMARY))
    }

    /// Writes `summary.json`.
    pub(crate) fn write_summary(&self, summary: &Summary) -> Result<(), Failure> {
        Ok(files::write_atomically(&self.path.join(SUMMARY), &pretty(summary)?)?)
    }

    /// Writes `data.json`.
    pub(crate) fn write_data(&self, sets: &[NamedClasses]) -> Result<(), Failure> {
        Ok(files::write_atomically(&self.path.join(DATA), &pretty(&sets)?)?)
    }

    /// Writes `sweep.csv`.
    pub(crate) fn write_sweep(&self, sheet: &str) -> Result<(), FileError> {
        files::write_atomically(&self.path.join(SWEEP), sheet.as_bytes())
    }

    /// The part of the folder that belongs to a plan.
    pub(crate) fn plan(&self, plan: &Plan) -> PlanFolder {
        PlanFolder::of(&self.path, plan)
    }
}

/// Reads the `summary.json` of a run folder without keeping the folder.
pub(crate) fn read_summary(folder: &Path) -> Result<Summary, Failure> {
    let path = folder.join(SUMMARY);
    match (files::exists(&path), RunFolder::is_one(folder)) {
        (true, _) => read_json(&path),
        (false, true) => Err(Failure::Unfinished(folder.to_owned())),
        (false, false) => Err(Failure::NoRun(folder.to_owned())),
    }
}

/// The scenario in a run folder.
pub(crate) fn scenario_file(folder: &Path) -> PathBuf {
    folder.join(SCENARIO)
}

/// Reads the `run.json` of a run folder without keeping the folder.
pub(crate) fn read_note(folder: &Path) -> Result<RunNote, Failure> {
    read_json(&folder.join(NOTE))
}

/// Reads the `inputs.json` of a run folder without keeping the folder; a run of an older version has none.
pub(crate) fn read_inputs(folder: &Path) -> Result<Option<InputsNote>, Failure> {
    let path = folder.join(INPUTS);
    if files::exists(&path) { read_json(&path).map(Some) } else { Ok(None) }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = files::read_text(path)?;
    serde_json::from_str(&text).map_err(|error| Failure::damaged(path, error))
}

/// A value as JSON for people.
pub(crate) fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The part of a run folder that belongs to one strategy and seed.
#[derive(Debug)]
pub(crate) struct PlanFolder {
    path: PathBuf,
}

impl PlanFolder {
    /// The part of a run folder that belongs to a plan.
    pub(crate) fn of(run: &Path, plan: &Plan) -> Self {
        Self::at(run.join(plan.folder()))
    }

    /// The part of a run folder that is in this folder of it.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file of the checkpoint of a round.
    pub(crate) fn checkpoint_file(&self, round: u32) -> PathBuf {
        self.checkpoints().join(checkpoint_name(round))
    }

    /// The rounds whose checkpoints are there, ascending.
    pub(crate) fn kept_rounds(&self) -> Result<Vec<u32>, FileError> {
        checkpoint_rounds(&self.checkpoints())
    }

    /// The checkpoint of a round.
    pub(crate) fn checkpoint(&self, round: u32, plan: &Plan) -> Result<Checkpoint, Failure> {
        let path = self.checkpoint_file(round);
        let bytes = files::read_bytes(&path)?;
        Checkpoint::from_bytes(&bytes, plan).map_err(|error| Failure::damaged(&path, error))
    }

    /// The latest checkpoint, if there is one.
    pub(crate) fn latest(&self, plan: &Plan) -> Result<Option<Checkpoint>, Failure> {
        self.last_but(0, plan)
    }

    /// The checkpoint before the latest, if there is one.
    pub(crate) fn previous(&self, plan: &Plan) -> Result<Option<Checkpoint>, Failure> {
        self.last_but(1, plan)
    }

    /// The last checkpoint but so many.
    fn last_but(&self, later: usize, plan: &Plan) -> Result<Option<Checkpoint>, Failure> {
        let rounds = self.kept_rounds()?;
        let Some(round) = rounds.into_iter().rev().nth(later) else { return Ok(None) };
        self.checkpoint(round, plan).map(Some)
    }

    /// Goes on writing after a checkpoint, or from the start; lines past it are cut off.
    pub(crate) fn journal(
        &self,
        plan: &Arc<Plan>,
        after: Option<&Checkpoint>,
    ) -> Result<FileJournal, Failure> {
        files::create_folders(&self.checkpoints())?;
        let (rounds, barriers) = after.map_or((0, 0), |c| (c.rounds_bytes, c.barriers_bytes));
        let timings = self.timings_up_to(after.map_or(0, |checkpoint| checkpoint.round))?;
        let lines = |name: &str, keep| LineFile::open(self.path.join(name), keep);
        Ok(FileJournal {
            rounds: lines("rounds.jsonl", rounds)?,
            barriers: lines("barriers.jsonl", barriers)?,
            timings: lines("timings.jsonl", timings)?,
            checkpoints: self.checkpoints(),
            hash: PlanHash::of(plan)?,
            plan: plan.clone(),
        })
    }

    /// The length of `timings.jsonl` up to a round. Checkpoints do not speak of it, because it differs from run to run.
    fn timings_up_to(&self, round: u32) -> Result<u64, FileError> {
        let text = files::read_text_if_any(&self.path.join("timings.jsonl"))?;
        let is_kept =
            |line: &&str| serde_json::from_str(line).is_ok_and(|row: TimingRow| row.round <= round);
        Ok(text.split_inclusive('\n').take_while(is_kept).map(|line| line.len() as u64).sum())
    }

    /// The summary of what is committed.
    pub(crate) fn summary(&self, plan: &Plan) -> Result<SummaryRow, Failure> {
        let path = self.path.join("rounds.jsonl");
        let text = files::read_text_if_any(&path)?;
        let records: Result<Vec<RoundRecord>, _> = text.lines().map(serde_json::from_str).collect();
        let records = records.map_err(|error| Failure::damaged(&path, error))?;
        let row = SummaryRow::new(&plan.strategy.name, plan.seed, &records);
        Ok(SummaryRow { variant: plan.variant.clone(), ..row })
    }

    fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
}

/// The name of a round's checkpoint.
fn checkpoint_name(round: u32) -> String {
    format!("round-{round:07}.safetensors")
}

/// The rounds of the checkpoints in a folder, ascending.
fn checkpoint_rounds(folder: &Path) -> Result<Vec<u32>, FileError> {
    let round =
        |name: &String| name.strip_prefix("round-")?.strip_suffix(".safetensors")?.parse().ok();
    let mut rounds: Vec<u32> = files::names_in(folder)?.iter().filter_map(round).collect();
    rounds.sort_unstable();
    Ok(rounds)
}

/// Writes committed rounds into a plan's folder.
#[derive(Debug)]
pub(crate) struct FileJournal {
    rounds: LineFile,
    barriers: LineFile,
    timings: LineFile,
    checkpoints: PathBuf,
    hash: PlanHash,
    plan: Arc<Plan>,
}

/// One line of `timings.jsonl`, in seconds.
#[derive(Serialize, Deserialize)]
struct TimingRow {
    round: u32,
    train: f64,
    barriers: f64,
    average: f64,
    evaluate: f64,
}

impl FileJournal {
    fn write(&mut self, committed: &Committed<'_>) -> Result<(), Failure> {
        let round = committed.record.round;
        self.rounds.append(&json_lines([committed.record])?)?;
        if !committed.barriers.is_empty() {
            self.barriers.append(&json_lines(committed.barriers)?)?;
        }
        let spent = committed.timings;
        self.timings.append(&json_lines([&TimingRow {
            round,
            train: spent.train.as_secs_f64(),
            barriers: spent.barriers.as_secs_f64(),
            average: spent.average.as_secs_f64(),
            evaluate: spent.evaluate.as_secs_f64(),
        }])?)?;
        if self.plan.is_due(self.plan.checkpoints.every, round) {
            self.checkpoint(round, committed.federation)?;
        }
        Ok(())
    }

    /// The checkpoint's rename is the moment at which everything before it is committed.
    fn checkpoint(&self, round: u32, federation: &Arc<Federation>) -> Result<(), Failure> {
        self.rounds.sync()?;
        self.barriers.sync()?;
        let checkpoint = Checkpoint {
            plan: self.hash.clone(),
            round,
            rounds_bytes: self.rounds.bytes(),
            barriers_bytes: self.barriers.bytes(),
            federation: federation.clone(),
        };
        let path = self.checkpoints.join(checkpoint_name(round));
        let bytes = checkpoint.to_bytes().map_err(|error| Failure::damaged(&path, error))?;
        files::write_atomically(&path, &bytes)?;
        self.prune(round)
    }

    /// Removes the checkpoints that the scenario does not want: those before the latest ones, and what an interruption left in between.
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
    fn commit(&mut self, committed: &Committed<'_>) -> Result<(), String> {
        self.write(committed).map_err(|failure| failure.to_string())
    }

    fn keep(&mut self, committed: u32, federation: &Arc<Federation>) -> Result<(), String> {
        if committed == 0 || self.plan.is_due(self.plan.checkpoints.every, committed) {
            return Ok(());
        }
        self.checkpoint(committed, federation).map_err(|failure| failure.to_string())
    }
}

/// Values as lines of JSON.
pub(crate) fn json_lines<'a, T: Serialize + 'a>(
    values: impl IntoIterator<Item = &'a T>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut lines = Vec::new();
    for value in values {
        serde_json::to_writer(&mut lines, value)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
