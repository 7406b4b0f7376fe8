//! [`Folders`]: the folders in which data is searched for, in order, and into which it is fetched.

pub(crate) mod file_source;
pub(crate) mod locator;

use std::{
    env, fmt,
    path::{Path, PathBuf},
};

use etcetera::{BaseStrategy, choose_base_strategy};
use serde::Serialize;

use crate::{exit::Failure, files};

/// The environment variable that names a data folder.
pub(crate) const VARIABLE: &str = "FEDLAYER_DATA";

/// The folder of the system's packages of data sets (for instance Debian's
/// `dataset-fashion-mnist`).
const SYSTEM: &str = "/usr/share/datasets";

/// The folders in which data is searched for, in order. Each has one folder per data set.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    folders: Vec<Folder>,
    /// The scenario's folder, which comes first for the user's own files.
    beside: Option<PathBuf>,
}

/// A folder, and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) origin: FolderOrigin,
}

/// The origin of a folder's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FolderOrigin {
    /// The command line.
    Option,
    /// The environment.
    Environment,
    /// The user's data folder on this platform.
    User,
    /// The system's data folder: nothing is ever written there.
    System,
}

impl fmt::Display for FolderOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Option => "`--data`",
            Self::Environment => "`FEDLAYER_DATA`",
            Self::User => "yours",
            Self::System => "the system's",
        })
    }
}

impl Folders {
    /// Returns the folder of `--data`, that of `FEDLAYER_DATA`, and the platform's data folders.
    pub(crate) fn new(option: Option<&Path>) -> Self {
        let variable = env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let user = choose_base_strategy().ok().map(|base| base.data_dir().join("fedlayer"));
        let system = cfg!(target_os = "linux").then(|| PathBuf::from(SYSTEM));
        Self::of([
            (FolderOrigin::Option, option.map(Path::to_owned)),
            (FolderOrigin::Environment, variable.map(PathBuf::from)),
            (FolderOrigin::User, user),
            (FolderOrigin::System, system),
        ])
    }

    /// Returns the same folders, and checks that those of the user exist.
    ///
    /// # Errors
    /// When `--data` or `FEDLAYER_DATA` does not name a folder.
    pub(crate) fn existing(option: Option<&Path>) -> Result<Self, Failure> {
        let folders = Self::new(option);
        folders.check(&[FolderOrigin::Option, FolderOrigin::Environment])?;
        Ok(folders)
    }

    /// Checks that the folders of these origins exist.
    ///
    /// # Errors
    /// Names the first one that does not.
    pub(crate) fn check(&self, origins: &[FolderOrigin]) -> Result<(), Failure> {
        let named = self.folders.iter().filter(|folder| origins.contains(&folder.origin));
        for Folder { path, origin } in named {
            if !files::is_folder(path) {
                let what = if files::exists(path) { "is no folder" } else { "is not there" };
                return Err(Failure::Data(format!(
                    "the data folder `{}` that {origin} names {what}\nhint: check the path; `fedlayer data list` says which folders are searched",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    /// Searches the folder of a scenario first for the user's own files.
    pub(crate) fn beside(mut self, scenario: &Path) -> Self {
        self.beside = scenario.parent().map(Path::to_owned);
        self
    }

    /// Does the same as [`beside`](Self::beside) if no scenario's folder is known yet.
    pub(crate) fn else_beside(self, scenario: &Path) -> Self {
        if self.beside.is_some() { self } else { self.beside(scenario) }
    }

    fn of(named: impl IntoIterator<Item = (FolderOrigin, Option<PathBuf>)>) -> Self {
        let mut folders: Vec<Folder> = Vec::new();
        for (origin, path) in named {
            if let Some(path) = path
                && folders.iter().all(|folder| folder.path != path)
            {
                folders.push(Folder { path, origin });
            }
        }
        Self { folders, beside: None }
    }

    /// Returns all folders, in order.
    pub(crate) fn all(&self) -> &[Folder] {
        &self.folders
    }

    /// Returns the folders into which a set may be fetched, in order.
    pub(crate) fn writable(&self) -> impl Iterator<Item = &Folder> {
        self.folders.iter().filter(|folder| folder.origin != FolderOrigin::System)
    }

    /// Returns the folders in which a file is searched for. A file of a set is in the set's folder
    /// below each data folder; a file of the user is beside the scenario, in a data folder, or in
    /// the current folder.
    pub(crate) fn searched(&self, set: Option<&str>) -> Vec<PathBuf> {
        let folders = self.folders.iter().map(|folder| &folder.path);
        match set {
            Some(set) => folders.map(|folder| folder.join(set)).collect(),
            None => {
                let mut all: Vec<PathBuf> = Vec::new();
                for folder in self.beside.iter().chain(folders).chain([&PathBuf::new()]) {
                    if !all.contains(folder) {
                        all.push(folder.clone());
                    }
                }
                all
            }
        }
    }

    /// Returns the folders that a message lists for a missing file. An absolute path is searched
    /// for nowhere else.
    pub(crate) fn names(&self, set: Option<&str>, file: &str) -> Vec<String> {
        if let Some(parent) = Path::new(file).parent().filter(|_| Path::new(file).is_absolute()) {
            return vec![parent.display().to_string()];
        }
        let here = |folder: String| if folder.is_empty() { ".".to_owned() } else { folder };
        let searched = self.searched(set).into_iter();
        searched.map(|folder| here(folder.display().to_string())).collect()
    }

    /// Returns every possible path of a file, in order. An absolute path is the only one.
    pub(crate) fn candidates(&self, set: Option<&str>, file: &str) -> Vec<PathBuf> {
        let mut paths: Vec<_> = self.searched(set).iter().map(|folder| folder.join(file)).collect();
        paths.dedup();
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> Folders {
        let path = |path: &str| Some(PathBuf::from(path));
        Folders::of([
            (FolderOrigin::Option, path("mine")),
            (FolderOrigin::Environment, None),
            (FolderOrigin::User, path("/home/me/data")),
            (FolderOrigin::System, path("mine")),
        ])
    }

    #[test]
    fn files_of_ones_own_are_beside_the_scenario_first() {
        let paths = folders().beside(Path::new("studies/one.toml")).candidates(None, "a.csv");
        let expected = ["studies/a.csv", "mine/a.csv", "/home/me/data/a.csv", "a.csv"];
        assert_eq!(paths, expected.map(PathBuf::from));
        // A scenario in the current folder is searched beside first, and not twice.
        let here = folders().beside(Path::new("one.toml"));
        assert_eq!(here.candidates(None, "a.csv")[0], PathBuf::from("a.csv"));
        assert_eq!(here.names(None, "a.csv"), [".", "mine", "/home/me/data"]);
        let of_a_set = here.candidates(Some("mnist"), "train");
        assert_eq!(of_a_set[0], PathBuf::from("mine/mnist/train"));
    }

    #[test]
    fn the_scenario_that_is_named_now_comes_before_the_one_of_the_run() {
        let (now, then) = (Path::new("now/one.toml"), Path::new("then/one.toml"));
        let first = |folders: Folders| folders.candidates(None, "a.csv")[0].clone();
        assert_eq!(first(folders().beside(now).else_beside(then)), Path::new("now/a.csv"));
        assert_eq!(first(folders().else_beside(then)), Path::new("then/a.csv"));
    }

    #[test]
    fn files_of_a_set_are_below_the_set() {
        let paths = folders().candidates(Some("mnist"), "train");
        assert_eq!(paths, ["mine/mnist/train", "/home/me/data/mnist/train"].map(PathBuf::from));
    }

    #[test]
    fn files_of_ones_own_are_also_where_the_program_was_started() {
        let paths = folders().candidates(None, "a/b.csv");
        let expected = ["mine/a/b.csv", "/home/me/data/a/b.csv", "a/b.csv"];
        assert_eq!(paths, expected.map(PathBuf::from));
        assert_eq!(folders().names(None, "a/b.csv"), ["mine", "/home/me/data", "."]);
        assert_eq!(folders().candidates(None, "/a/b.csv"), [PathBuf::from("/a/b.csv")]);
        assert_eq!(folders().names(None, "/a/b.csv"), ["/a"]);
    }
}
