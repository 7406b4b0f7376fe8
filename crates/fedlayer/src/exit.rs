//! [`Failure`]: everything that can end the program, each with its own exit code and with what to do.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    fetch::error::FetchError,
    files::{self, FileError, SecretError},
    shortage::{self, MORE},
};

/// Everything that can end the program before its work is done.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The scenario is wrong. The report is whole sentences already.
    #[error("{0}")]
    Scenario(String),
    /// The scenario may be right, and a file that it names cannot be had. The report is whole sentences already.
    #[error("{0}")]
    Absent(String),
    /// Arguments that do not go together.
    #[error("{0}")]
    Usage(String),
    /// The data cannot be had.
    #[error("{0}")]
    Data(String),
    /// The device cannot be used.
    #[error("{0}")]
    Device(String),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file does not hold what it should.
    #[error("`{}` is damaged: {reason}\nhint: restore the file; or go on from the checkpoint before a damaged one with `--previous`; or start the run anew in another folder", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Files of a run do not hold what they should. The words are a line for each, and what to do.
    #[error("{0}")]
    Faults(String),
    /// A run is to be put where something is already.
    #[error("`{}` exists already, and a run never overwrites anything\nhint: choose another folder with `--out`{}", .0.display(), if_it_is_a_run(.0))]
    FolderExists(PathBuf),
    /// Another process is at the run.
    #[error("another process is writing to `{}`\nhint: wait until it is done, or end it", .0.display())]
    FolderBusy(PathBuf),
    /// There is no run in a folder.
    #[error("{}\nhint: name the folder that `fedlayer run` made", no_run(.0))]
    NoRun(PathBuf),
    /// A run is to be compared with itself.
    #[error("`{}` is named twice\nhint: name each run once", .0.display())]
    Twice(PathBuf),
    /// A run has no summary yet.
    #[error("the run in `{}` is not finished\nhint: go on with it: `fedlayer resume {}`", .0.display(), .0.display())]
    Unfinished(PathBuf),
    /// A run folder is named where a scenario belongs.
    #[error("`{}` is a run folder, and no scenario file\nhint: `fedlayer resume {}` goes on with the run in it; its scenario is `{}`", .0.display(), .0.display(), .0.join("scenario.toml").display())]
    RunForScenario(PathBuf),
    /// A scenario is to be read from stdin.
    #[error(
        "`-`: a scenario is read from a file, not from stdin\nhint: name its file; a file of that name is `./-`"
    )]
    NoStdin,
    /// Too few clients stay in a round, with every plan, as its seed alone says.
    #[error(
        "none of the {plans} runs can be finished, whatever training comes to\n{reasons}\n{FORESEEN}"
    )]
    Foreseen {
        /// How many runs there are.
        plans: usize,
        /// One line each.
        reasons: String,
    },
    /// At least one plan could not be finished.
    #[error("{failed} of {plans} runs failed{}\n{reasons}\nhint: {}", others(*failed, *plans), cause.hint(folder))]
    Run {
        /// How many.
        failed: usize,
        /// Of how many.
        plans: usize,
        /// One line each.
        reasons: String,
        /// The run folder.
        folder: PathBuf,
        /// What it was, on the whole.
        cause: Cause,
    },
    /// An analysis could not be made.
    #[error("analysis `{name}`: {reason}")]
    Analysis {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The models of an analysis are not named as they must be.
    #[error(
        "{0}\nhint: `fedlayer analyze barriers RUN`, or `fedlayer analyze barriers A.safetensors B.safetensors --scenario S.toml`"
    )]
    Models(String),
    /// A data set could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The user ended a download.
    #[error("interrupted; what has come is kept\nhint: the same command goes on from there")]
    Stopped,
    /// The user ended the run. The words say how it goes on.
    #[error("interrupted; every committed round is kept\nhint: {0}")]
    Interrupted(String),
    /// A run of another scenario is where this one is to go on.
    #[error("`{}` holds a run of another scenario\nhint: choose another folder with `--out`, or go on with that run: `fedlayer coordinator {}`", .0.display(), .0.display())]
    OtherScenario(PathBuf),
    /// An address could not be listened on or connected to.
    #[error("{0}")]
    Address(String),
    /// Certificates or a token are missing, wrong, or would be needed.
    #[error("{0}")]
    Security(String),
    /// A key or a token could not be kept.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A worker cannot do what the coordinator's scenario says.
    #[error("{reason}")]
    Unprepared {
        /// Why, with the report on the scenario where that is it.
        reason: String,
        /// What the same scenario would end with in one process.
        code: u8,
    },
    /// The coordinator does not want this worker.
    #[error("{0}")]
    Refused(String),
    /// The limit of open files is too low to begin with.
    #[error(
        "this process may have {found} files open, and needs at least {least}\nhint: raise the limit of open files (`ulimit -n`)"
    )]
    TooFewFiles {
        /// The limit.
        found: u64,
        /// What is needed.
        least: u64,
    },
    /// The system would not give what a program needs.
    #[error("the system refused: {error}\nhint: {hint}", error = .0, hint = shortage::advice(.0))]
    System(#[from] std::io::Error),
    /// A record could not be turned into text, or a thread broke: a fault of the program.
    #[error("a fault of fedlayer itself: {0}\nhint: please report it, with the scenario")]
    Fault(String),
}

impl Failure {
    /// A file that does not hold what it should.
    pub(crate) fn damaged(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }

    /// What is wrong, without what to do about it.
    pub(crate) fn first_line(&self) -> String {
        self.to_string().lines().next().unwrap_or_default().to_owned()
    }

    /// What is said on stderr. A scenario's report is whole sentences already.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Scenario(report) | Self::Absent(report) => report.clone(),
            failure => format!("error: {failure}"),
        }
    }

    /// The exit code: one for each thing that a script may want to tell apart. 2 is a wrong command line.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Scenario(_) => 3,
            Self::Data(_) | Self::Absent(_) => 4,
            Self::Device(_) => 5,
            Self::File(_) | Self::Damaged { .. } | Self::Faults(_) | Self::System(_) => 6,
            Self::RunForScenario(_) | Self::NoStdin | Self::TooFewFiles { .. } => 6,
            Self::FolderExists(_) | Self::FolderBusy(_) | Self::OtherScenario(_) => 7,
            Self::NoRun(_) | Self::Unfinished(_) | Self::Twice(_) => 8,
            Self::Run { cause, .. } => match cause {
                Cause::Files | Cause::Moved | Cause::Machine | Cause::Shortage => 6,
                Cause::Training | Cause::Start => 9,
            },
            Self::Foreseen { .. } => 9,
            Self::Unprepared { code, .. } => *code,
            Self::Fetch(error) if error.is_local() => 6,
            Self::Fetch(_) => 10,
            Self::Address(_) => 11,
            Self::Secret(SecretError::File(_)) => 6,
            Self::Security(_) | Self::Secret(_) => 12,
            Self::Refused(_) => 13,
            Self::Analysis { .. } | Self::Models(_) => 14,
            Self::Fault(_) => 70,
            Self::Interrupted(_) | Self::Stopped => 130,
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Fault(error.to_string())
    }
}

/// Why plans could not be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Their records could not be written.
    Files,
    /// The run folder was moved or replaced meanwhile.
    Moved,
    /// The machine was short of threads or memory.
    Machine,
    /// The same before anything was begun.
    Shortage,
    /// Their clients could not be trained, or too few of them.
    Training,
    /// No round of any of them came to its end, and nothing was kept.
    Start,
}

impl Cause {
    fn hint(self, folder: &Path) -> String {
        let folder = folder.display();
        match self {
            Self::Files => {
                format!("once it can be written, go on with `fedlayer resume {folder}`")
            }
            Self::Moved => format!(
                "leave the folder of a run where it is until it ends; every committed round is kept where `{folder}` is now: go on there with `fedlayer resume`"
            ),
            Self::Machine => format!("{MORE}, then go on with `fedlayer resume {folder}`"),
            Self::Shortage => format!("{MORE}; no run folder was made"),
            Self::Start => {
                "change the scenario; no round was finished, and no run folder is left".to_owned()
            }
            Self::Training => format!(
                "change the scenario and run it anew in another folder; what was committed is in `{folder}`"
            ),
        }
    }
}

/// What to do about rounds that are known to fail.
pub(crate) const FORESEEN: &str = "hint: who drops out is drawn from the seed alone: lower `clients.min_clients` or `clients.dropout`, raise `clients.attempts`, or take other seeds";

/// What is at a path that is no run folder.
fn no_run(path: &Path) -> String {
    let name = path.display();
    match (files::is_folder(path), files::exists(path)) {
        (true, _) => {
            format!("`{name}` is not a run folder: it lacks `scenario.toml` or `run.json`")
        }
        (false, true) => format!("`{name}` is not a run folder: it is a file"),
        (false, false) => format!("`{name}` is not a run folder: there is nothing of that name"),
    }
}

/// What to do where something is at the path of a new run, besides choosing another.
fn if_it_is_a_run(path: &Path) -> String {
    let resume = format!("`fedlayer resume {}` goes on with it", path.display());
    match files::is_folder(path) {
        true => format!("; if a run is in there, {resume}"),
        false => String::new(),
    }
}

fn others(failed: usize, plans: usize) -> &'static str {
    if failed < plans { "; the others are finished" } else { "" }
}

/// What the reason of one run's end looks like in the list of failures.
pub(crate) fn run_reason(strategy: &str, seed: u64, error: &dyn fmt::Display) -> String {
    format!("  `{strategy}`, seed {seed}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every other code is provoked in `tests/it/exit_codes.rs`.
    #[test]
    fn a_fault_of_the_program_has_a_code_of_its_own() {
        let fault = Failure::Fault("two and two are five".to_owned());
        assert_eq!(fault.code(), 70);
        assert!(fault.to_string().contains("please report it"));
    }
}
