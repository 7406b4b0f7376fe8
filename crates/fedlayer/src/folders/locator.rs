//! [`Locator`]: finds the files that a scenario names or a data set has, and remembers those that
//! were used.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::Folders;
use crate::files::{self, Content};

/// The name of a file in a scenario or a data set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FileName {
    /// The known set that the file belongs to; absent for a file that the scenario names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) set: Option<String>,
    /// The file's name in the scenario or the set.
    pub(crate) name: String,
}

/// Finds the files of a scenario and remembers those that were used.
#[derive(Debug)]
pub(crate) struct Locator {
    folders: Folders,
    /// Files with a fixed path.
    known: BTreeMap<FileName, PathBuf>,
    used: Mutex<BTreeMap<FileName, PathBuf>>,
}

impl FileName {
    /// Names a file of the scenario.
    pub(crate) fn own(name: &str) -> Self {
        Self::new(None, name)
    }

    pub(crate) fn new(set: Option<&str>, name: &str) -> Self {
        Self { set: set.map(str::to_owned), name: name.to_owned() }
    }
}

impl Locator {
    /// Searches these folders, except for files at a `known` path.
    pub(crate) fn new(folders: Folders, known: BTreeMap<FileName, PathBuf>) -> Self {
        Self { folders, known, used: Mutex::default() }
    }

    /// Returns every possible path of a file, in the order of the search.
    pub(crate) fn candidates(&self, name: &FileName) -> Vec<PathBuf> {
        match self.known.get(name) {
            Some(path) => vec![path.clone()],
            None => self.folders.candidates(name.set.as_deref(), &name.name),
        }
    }

    /// Returns the folders that a message lists for a file that was not found.
    pub(crate) fn searched(&self, name: &FileName) -> Vec<String> {
        match self.known.get(name).and_then(|path| path.parent()) {
            Some(folder) => vec![folder.display().to_string()],
            None => self.folders.names(name.set.as_deref(), &name.name),
        }
    }

    /// Returns the first path that has the file, and marks the file as used.
    pub(crate) fn find(&self, name: &FileName) -> Option<PathBuf> {
        let found =
            self.candidates(name).into_iter().find(|path| files::length_if_any(path).is_some());
        found.inspect(|path| self.remember(name, path))
    }

    /// Marks a file as used.
    pub(crate) fn remember(&self, name: &FileName, path: &Path) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(name.clone(), path.to_owned());
    }

    /// Returns the files that were used, each with its path.
    pub(crate) fn used(&self) -> BTreeMap<FileName, PathBuf> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Warns of names for which another file is found further on in the search.
pub(crate) fn ambiguities(locator: &Locator) -> Vec<String> {
    let own = locator.used().into_iter().filter(|(name, _)| name.set.is_none());
    own.filter_map(|(name, used)| ambiguity(&name, &used, locator)).collect()
}

fn ambiguity(name: &FileName, used: &Path, locator: &Locator) -> Option<String> {
    let others = locator.candidates(name).into_iter().skip_while(|path| path != used).skip(1);
    let differs = |other: &PathBuf| {
        let length = files::length_if_any(other);
        length.is_some()
            && (length != files::length_if_any(used)
                || Content::of(other).ok() != Content::of(used).ok())
    };
    let other = others.into_iter().find(differs)?;
    Some(format!(
        "warning: `{}` is taken from `{}`; `{}` has other contents and is not used",
        name.name,
        used.display(),
        other.display()
    ))
}
