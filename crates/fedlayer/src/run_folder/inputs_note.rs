//! [`InputsNote`]: the files that a run was made from. With it `resume` finds them from any folder
//! and names a file that has changed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fedlayer_core::text::in_backticks;
use serde::{Deserialize, Serialize};

use crate::{
    exit::Failure,
    files::{self, Content},
    folders::{
        Folders,
        locator::{FileName, Locator},
    },
};

/// `inputs.json`: the scenario's path, and every file that it names with path, length and hash at
/// the beginning of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputsNote {
    /// The scenario file.
    pub(crate) scenario: PathBuf,
    /// The hash of the provenance in `run.json`, which ties the two notes together; a run of an
    /// earlier version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provenance: Option<String>,
    /// The files of its data sets, models and initial values.
    files: Vec<Input>,
}

/// A file that a run was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Input {
    #[serde(flatten)]
    name: FileName,
    /// The absolute path.
    path: PathBuf,
    #[serde(flatten)]
    content: Content,
}

impl InputsNote {
    /// Describes the files that a locator found for the scenario file `scenario`; `provenance` is
    /// the hash of the run's provenance.
    pub(crate) fn of(
        scenario: &Path,
        provenance: Option<String>,
        locator: &Locator,
    ) -> Result<Self, Failure> {
        let input = |(name, path): (FileName, PathBuf)| -> Result<Input, Failure> {
            let content = Content::of(&path)?;
            Ok(Input { name, path: files::absolute(&path)?, content })
        };
        let files: Result<Vec<Input>, Failure> = locator.used().into_iter().map(input).collect();
        Ok(Self { scenario: files::absolute(scenario)?, provenance, files: files? })
    }

    /// Returns the path of each file.
    pub(crate) fn paths(&self) -> BTreeMap<FileName, PathBuf> {
        self.files.iter().map(|input| (input.name.clone(), input.path.clone())).collect()
    }

    /// Finds each file with its contents of then, and returns the note with its current paths.
    ///
    /// # Errors
    /// Names every file that has changed or is gone, with its length and hash then and now.
    pub(crate) fn still(
        &self,
        run: &Path,
        folders: &Folders,
        search: SearchOrder,
    ) -> Result<Self, Failure> {
        let mut now = self.clone();
        let mut changes = Vec::new();
        for input in &mut now.files {
            match input.found(folders, search) {
                Ok(path) => input.path = path,
                Err(change) => changes.push(change),
            }
        }
        if changes.is_empty() {
            return Ok(now);
        }
        Err(Failure::Data(format!(
            "the run in `{}` began with other files\n{}\nhint: put them back, or name a folder that has them as they were with `--data`; with other data begin a new run",
            run.display(),
            changes.join("\n")
        )))
    }
}

/// The order in which the files of an existing run are searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchOrder {
    /// At their noted paths, then in the folders.
    WhereTheyWere,
    /// Only in the folders.
    InFolders,
}

impl Input {
    /// Returns the first path with the noted contents. The error describes the first file of that
    /// name.
    fn found(&self, folders: &Folders, search: SearchOrder) -> Result<PathBuf, String> {
        let Self { name: FileName { set, name }, path, content: then } = self;
        let anew = folders.candidates(set.as_deref(), name);
        let paths = match search {
            SearchOrder::WhereTheyWere => [vec![path.clone()], anew].concat(),
            SearchOrder::InFolders => anew,
        };
        let differs = |at: &Path, now: String| {
            format!("  `{name}`: {}: then {then}, now {now}", at.display())
        };
        let mut difference = None;
        for path in paths {
            let path = std::path::absolute(&path).unwrap_or(path);
            if files::length_if_any(&path).is_none() {
                continue;
            }
            let now = Content::of(&path);
            if now.as_ref().is_ok_and(|now| now == then) {
                return Ok(path);
            }
            let words = now.map_or_else(|error| error.reason(), |now| now.to_string());
            difference.get_or_insert_with(|| differs(&path, words));
        }
        Err(difference.unwrap_or_else(|| {
            let searched = folders.names(set.as_deref(), name);
            differs(path, format!("not there, nor in {}", in_backticks(searched)))
        }))
    }
}
