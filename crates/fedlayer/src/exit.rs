//! [`Failure`]: everything that can end the program early, each with its own exit code and a hint.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use fedlayer_export::ExportError;
use thiserror::Error;

use crate::{
    fetch::error::FetchError,
    files::{self, FileError, SecretError},
    process::shortage::{self, MORE},
};

/// Everything that can end the program before its work is done.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The scenario is wrong. The report consists of whole sentences.
    #[error("{0}")]
    Scenario(String),
    /// A file that the scenario names cannot be had; the scenario may be right. The report consists
    /// of whole sentences.
    #[error("{0}")]
    Absent(String),
    /// Some arguments contradict each other.
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
    /// A file has other content than it should.
    #[error("`{}` is damaged: {reason}\nhint: restore the file, go on from the checkpoint before a damaged one with `--previous`, or start the run again in another folder", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Files of a run have other content than they should. The text has a line for each, and a
    /// hint.
    #[error("{0}")]
    Faults(String),
    /// The folder of a new run exists already.
    #[error("`{}` exists already, and a run never overwrites anything\nhint: choose another folder with `--out`{}", .0.display(), if_it_is_a_run(.0))]
    FolderExists(PathBuf),
    /// A file that an export would write exists.
    #[error("`{}` exists already\nhint: choose another folder, or replace the earlier export with `--replace`", .0.display())]
    ExportExists(PathBuf),
    /// Another process works on the run.
    #[error("another process is writing to `{}`\nhint: wait until it is done, or end it", .0.display())]
    FolderBusy(PathBuf),
    /// A folder holds no run.
    #[error("{}\nhint: name the folder that `fedlayer run` made", no_run(.0))]
    NoRun(PathBuf),
    /// A run would be compared with itself.
    #[error("`{}` is named twice\nhint: name each run once", .0.display())]
    Twice(PathBuf),
    /// A run has no summary yet.
    #[error("the run in `{}` is not finished\nhint: go on with it: `fedlayer resume {}`", .0.display(), .0.display())]
    Unfinished(PathBuf),
    /// A later version of the program wrote the folder.
    #[error("`{}` is a run folder of format {found}; this program (version {own}) reads the formats 1 to {newest}\nhint: use the version of fedlayer that wrote it ({version}), or a later one", folder.display(), own = env!("CARGO_PKG_VERSION"))]
    LaterFormat {
        /// The folder.
        folder: PathBuf,
        /// The format, as it is written.
        found: String,
        /// The newest format that is known here.
        newest: u32,
        /// The version of the program that wrote the folder.
        version: String,
    },
    /// A run folder is given instead of a scenario.
    #[error("`{}` is a run folder, not a scenario file\nhint: `fedlayer resume {}` goes on with the run in it; its scenario is `{}`", .0.display(), .0.display(), .0.join("scenario.toml").display())]
    RunForScenario(PathBuf),
    /// A scenario would be read from stdin.
    #[error(
        "`-`: a scenario is read from a file, not from stdin\nhint: name its file; a file of that name is `./-`"
    )]
    NoStdin,
    /// In every plan, too few clients stay in a round, as its seed alone decides.
    #[error(
        "none of the {plans} runs can be finished: too many clients drop out\n{reasons}\n{FORESEEN}"
    )]
    Foreseen {
        /// The number of runs.
        plans: usize,
        /// One line each.
        reasons: String,
    },
    /// At least one plan could not be finished.
    #[error("{failed} of {plans} runs failed{}\n{reasons}\nhint: {}", others(*failed, *plans), cause.hint(folder))]
    Run {
        /// The number of failed plans.
        failed: usize,
        /// The number of all plans.
        plans: usize,
        /// One line each.
        reasons: String,
        /// The run folder.
        folder: PathBuf,
        /// The cause that matters most.
        cause: Cause,
    },
    /// An analysis could not be made.
    #[error("analysis `{name}`: {reason}")]
    Analysis {
        /// Its name.
        name: String,
        /// The reason.
        reason: String,
    },
    /// The models of an analysis are not given as they must be.
    #[error(
        "{0}\nhint: `fedlayer analyze barriers RUN`, or `fedlayer analyze barriers A.safetensors B.safetensors --scenario S.toml`"
    )]
    Models(String),
    /// A data set could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The user ended a download.
    #[error("interrupted; the downloaded part is kept\nhint: the same command goes on from there")]
    Stopped,
    /// The user ended the run. The text says how to go on with it.
    #[error("interrupted; every committed round is kept\nhint: {0}")]
    Interrupted(String),
    /// The folder of a run holds a run of another scenario.
    #[error("`{}` holds a run of another scenario\nhint: choose another folder with `--out`, or go on with that run: `fedlayer coordinator {}`", .0.display(), .0.display())]
    OtherScenario(PathBuf),
    /// A file of an export could not be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An address could not be listened on or connected to.
    #[error("{0}")]
    Address(String),
    /// Certificates or a token are missing, wrong, or required.
    #[error("{0}")]
    Security(String),
    /// A key or a token could not be stored.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A worker cannot prepare for the coordinator's scenario.
    #[error("{reason}")]
    Unprepared {
        /// The reason, with the report on the scenario if that is it.
        reason: String,
        /// The exit code of the same scenario in one process.
        code: u8,
    },
    /// The coordinator refuses this worker.
    #[error("{0}")]
    Refused(String),
    /// The limit of open files is too low to begin.
    #[error(
        "this process may have {found} files open, and needs at least {least}\nhint: raise the limit of open files (`ulimit -n`)"
    )]
    TooFewFiles {
        /// The limit.
        found: u64,
        /// The least limit.
        least: u64,
    },
    /// The system refused a resource.
    #[error("the system refused: {error}\nhint: {hint}", error = .0, hint = shortage::advice(.0))]
    System(#[from] std::io::Error),
    /// A bug: a record could not be written as text, or a thread broke.
    #[error("a fault of fedlayer itself: {0}\nhint: please report it, with the scenario")]
    Fault(String),
}

impl Failure {
    /// A file that does not hold what it should.
    pub(crate) fn damaged(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }

    /// Returns the first line of the message, without the hint.
    pub(crate) fn first_line(&self) -> String {
        self.to_string().lines().next().unwrap_or_default().to_owned()
    }

    /// Returns the message for stderr. The report on a scenario has its own heading.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Scenario(report) | Self::Absent(report) => report.clone(),
            failure => format!("error: {failure}"),
        }
    }

    /// Returns the exit code: a code for each case that a script may want to distinguish. 2 is a
    /// wrong command line.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Scenario(_) => 3,
            Self::Data(_) | Self::Absent(_) => 4,
            Self::Device(_) => 5,
            Self::File(_) | Self::Damaged { .. } | Self::Faults(_) | Self::System(_) => 6,
            Self::Export(_)
            | Self::RunForScenario(_)
            | Self::NoStdin
            | Self::TooFewFiles { .. } => 6,
            Self::FolderExists(_) | Self::FolderBusy(_) | Self::OtherScenario(_) => 7,
            Self::ExportExists(_) => 7,
            Self::NoRun(_) | Self::Unfinished(_) | Self::Twice(_) => 8,
            Self::LaterFormat { .. } => 8,
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

/// The cause of plans that could not be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Their records could not be written.
    Files,
    /// The run folder was moved or replaced meanwhile.
    Moved,
    /// The machine was short of threads or memory.
    Machine,
    /// The same, before a run folder was made.
    Shortage,
    /// Their clients could not be trained, or too few of them.
    Training,
    /// No plan finished its first round, and nothing was kept.
    Start,
}

impl Cause {
    fn hint(self, folder: &Path) -> String {
        let folder = folder.display();
        match self {
            Self::Files => {
                format!("once it can be written, go on with `fedlayer resume {folder}`")
            }
            Self::Moved => {
                "do not move the folder of a run before the run ends; every committed round is in the moved folder: go on there with `fedlayer resume`".to_owned()
            }
            Self::Machine => format!("{MORE}, then go on with `fedlayer resume {folder}`"),
            Self::Shortage => format!("{MORE}; no run folder was made"),
            Self::Start => {
                "change the scenario; no round was finished, and no run folder is left".to_owned()
            }
            Self::Training => format!(
                "change the scenario and run it again in another folder; the committed rounds are in `{folder}`"
            ),
        }
    }
}

/// The hint for rounds that are known to fail.
pub(crate) const FORESEEN: &str = "hint: the seed alone decides which clients drop out: lower `clients.min_clients` or `clients.dropout`, raise `clients.attempts`, or take other seeds";

/// Describes a path that is no run folder.
fn no_run(path: &Path) -> String {
    let name = path.display();
    match (files::is_folder(path), files::exists(path)) {
        (true, _) => {
            format!("`{name}` is not a run folder: it lacks `scenario.toml` or `run.json`")
        }
        (false, true) => format!("`{name}` is not a run folder: it is a file"),
        (false, false) => format!("`{name}` is not a run folder: it does not exist"),
    }
}

/// Adds to the hint for an existing folder.
fn if_it_is_a_run(path: &Path) -> String {
    let resume = format!("`fedlayer resume {}` goes on with it", path.display());
    match files::is_folder(path) {
        true => format!("; if it holds a run, {resume}"),
        false => String::new(),
    }
}

fn others(failed: usize, plans: usize) -> &'static str {
    if failed < plans { "; the others are finished" } else { "" }
}

/// Writes the reason of a failed run as a line of the list of failures.
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
