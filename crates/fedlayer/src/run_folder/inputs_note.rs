//! [`InputsNote`]: the files that a run was made from, so that `resume` finds them from anywhere and names one that changed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fedlayer_core::in_backticks;
use serde::{Deserialize, Serialize};

use crate::{
    exit::Failure,
    files::{self, Content},
    folders::{
        Folders,
        locator::{FileName, Locator},
    },
};

/// `inputs.json`: the scenario's path, and every file that it names with its path, size and hash when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputsNote {
    /// The scenario file.
    pub(crate) scenario: PathBuf,
    /// The hash of what `run.json` says the run began with, by which the two belong together; a run of an earlier version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provenance: Option<String>,
    /// The files of its data sets, its models and its values.
    files: Vec<Input>,
}

/// A file that a run was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Input {
    #[serde(flatten)]
    name: FileName,
    /// Where it is, as an absolute path.
    path: PathBuf,
    #[serde(flatten)]
    content: Content,
}

impl InputsNote {
    /// Describes the files that a locator found for the scenario in the file `scenario`; `provenance` is the hash of what the run begins with.
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

    /// Where each file was.
    pub(crate) fn paths(&self) -> BTreeMap<FileName, PathBuf> {
        self.files.iter().map(|input| (input.name.clone(), input.path.clone())).collect()
    }

    /// Finds each file as it was, and returns the note with the paths of now.
    ///
    /// # Errors
    /// Names every file that changed or is gone, with its size and hash then and now.
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

/// Where the files of a run that is there already are searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchOrder {
    /// Where they were, then in the folders.
    WhereTheyWere,
    /// In the folders.
    InFolders,
}

impl Input {
    /// The first path that has the file as it was, or how the first one that there is differs.
    fn found(&self, folders: &Folders, search: SearchOrder) -> Result<PathBuf, String> {
        let Self { name: FileName { set, name }, path, content: then } = self;
        let anew = folders.places(set.as_deref(), name);
        let places = match search {
            SearchOrder::WhereTheyWere => [vec![path.clone()], anew].concat(),
            SearchOrder::InFolders => anew,
        };
        let differs = |at: &Path, now: String| {
            format!("  `{name}`: {}: then {then}, now {now}", at.display())
        };
        let mut difference = None;
        for place in places {
            let place = std::path::absolute(&place).unwrap_or(place);
            if files::length_if_any(&place).is_none() {
                continue;
            }
            let now = Content::of(&place);
            if now.as_ref().is_ok_and(|now| now == then) {
                return Ok(place);
            }
            let words = now.map_or_else(|error| error.reason(), |now| now.to_string());
            difference.get_or_insert_with(|| differs(&place, words));
        }
        Err(difference.unwrap_or_else(|| {
            let searched = folders.names(set.as_deref(), name);
            differs(path, format!("not there, nor in {}", in_backticks(searched)))
        }))
    }
}
