//! [`Fault`]: a fault of a file of a run; [`Cure`]: how it is mended.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::exit::Failure;

/// A fault of a file or a folder of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// The file or the folder.
    pub(crate) path: PathBuf,
    /// A description of the fault: `is damaged: …`.
    pub(crate) words: String,
    /// How it is mended.
    pub(crate) cure: Cure,
}

/// The way to mend a fault, the hardest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cure {
    /// It needs no mending: no result depends on it.
    Nothing,
    /// `fedlayer resume` makes the file anew, to the same bytes.
    Resume,
    /// `fedlayer resume --previous` computes the rounds anew, to the same bytes.
    Previous,
    /// Only a copy of the file mends it.
    Restore,
}

impl Cure {
    /// Says what to do about the faults of a run.
    pub(crate) fn hint(self, run: &Path) -> String {
        let run = run.display();
        match self {
            Self::Nothing => "no result depends on it; restore it where there is a copy".to_owned(),
            Self::Resume => format!("`fedlayer resume {run}` makes it anew, to the same bytes"),
            Self::Previous => format!(
                "restore what is damaged; or go on with `--previous` from the last checkpoint before the damage, to the same bytes: `fedlayer resume {run} --previous`"
            ),
            Self::Restore => {
                "put it back as it was when the run began, from a copy; what has changed on purpose is a new run, in another folder".to_owned()
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.display(), self.words)
    }
}

impl Fault {
    /// Makes the fault of a file with other contents than were written.
    pub(crate) fn damaged(path: PathBuf, reason: impl fmt::Display, cure: Cure) -> Self {
        Self { path, words: format!("is damaged: {reason}"), cure }
    }

    /// Makes the fault of a run folder that a later version wrote.
    pub(crate) fn later(path: PathBuf, failure: &Failure) -> Self {
        Self { path, words: failure.first_line(), cure: Cure::Restore }
    }

    /// Makes the fault of a file or folder that is gone.
    pub(crate) fn absent(path: PathBuf, cure: Cure) -> Self {
        Self { path, words: "is gone".to_owned(), cure }
    }

    /// Makes the fault of a file that cannot be read, from the failure of the reader.
    pub(crate) fn unreadable(failure: &Failure, cure: Cure) -> Self {
        let (path, words) = match failure {
            Failure::File(error) => (error.path().to_owned(), error.reason()),
            failure => (PathBuf::new(), failure.first_line()),
        };
        Self { path, words: format!("cannot be read: {words}"), cure }
    }
}
