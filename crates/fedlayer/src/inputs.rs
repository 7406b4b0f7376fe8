//! [`InputsNote`]: the files that a run was made from, so that `resume` finds them from anywhere and names one that changed.

use std::{
    collections::BTreeMap,
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    exit::Failure,
    files::{self, FileError},
    locator::{FileName, Locator},
};

/// `inputs.json`: the scenario's path, and every file that it names with its path, size and hash when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputsNote {
    /// The scenario file.
    pub(crate) scenario: PathBuf,
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

/// What is in a file, as far as it matters whether it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    bytes: u64,
    blake3: String,
}

impl Content {
    /// Reads the whole file.
    fn of(path: &Path) -> Result<Self, FileError> {
        let mut reader = files::open(path)?;
        let mut hasher = blake3::Hasher::new();
        let mut piece = vec![0; 1 << 18];
        loop {
            match reader.read(&mut piece).map_err(|error| FileError::reading(path, error))? {
                0 => break,
                read => hasher.update(&piece[..read]),
            };
        }
        Ok(Self { bytes: hasher.count(), blake3: hasher.finalize().to_hex().to_string() })
    }
}

/// The beginning of the hash is enough to tell two files apart by eye.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.blake3.get(..16).unwrap_or(&self.blake3);
        write!(f, "{} bytes, blake3 {hash}…", self.bytes)
    }
}

impl InputsNote {
    /// Describes the files that a locator found for the scenario in the file `scenario`.
    pub(crate) fn of(scenario: &Path, locator: &Locator) -> Result<Self, Failure> {
        let input = |(name, path): (FileName, PathBuf)| -> Result<Input, Failure> {
            let content = Content::of(&path)?;
            Ok(Input { name, path: std::path::absolute(path)?, content })
        };
        let files: Result<Vec<Input>, Failure> = locator.used().into_iter().map(input).collect();
        Ok(Self { scenario: std::path::absolute(scenario)?, files: files? })
    }

    /// Where each file was.
    pub(crate) fn paths(&self) -> BTreeMap<FileName, PathBuf> {
        self.files.iter().map(|input| (input.name.clone(), input.path.clone())).collect()
    }

    /// Checks that each file is what it was, wherever `locator` finds it now, and returns the note with the paths of now.
    ///
    /// # Errors
    /// Names every file that changed or is gone, with its size and hash then and now.
    pub(crate) fn still(&self, run: &Path, locator: &Locator) -> Result<Self, Failure> {
        let mut now = self.clone();
        let mut changes = Vec::new();
        for input in &mut now.files {
            match input.moved(locator) {
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

impl Input {
    /// Where the file is now, or how it differs from what it was.
    fn moved(&self, locator: &Locator) -> Result<PathBuf, String> {
        let Self { name: FileName { name, .. }, path, content: then } = self;
        let differs =
            |at: &Path, now: &str| format!("  `{name}`: {}: then {then}, now {now}", at.display());
        let Some(found) = locator.find(&self.name) else {
            let searched: Vec<_> =
                locator.searched(&self.name).iter().map(|place| format!("`{place}`")).collect();
            return Err(differs(path, &format!("not found in {}", searched.join(", "))));
        };
        let found = std::path::absolute(&found).unwrap_or(found);
        match Content::of(&found) {
            Ok(now) if now == *then => Ok(found),
            Ok(now) => Err(differs(&found, &now.to_string())),
            Err(error) => Err(differs(&found, &error.reason())),
        }
    }
}

/// Warnings about names that mean one file beside the scenario or in a data folder, and another one further on.
pub(crate) fn ambiguities(locator: &Locator) -> Vec<String> {
    let own = locator.used().into_iter().filter(|(name, _)| name.set.is_none());
    own.filter_map(|(name, used)| ambiguity(&name, &used, locator)).collect()
}

fn ambiguity(name: &FileName, used: &Path, locator: &Locator) -> Option<String> {
    let others = locator.places(name).into_iter().skip_while(|place| place != used).skip(1);
    let differs = |other: &PathBuf| {
        let length = files::length_if_any(other);
        length.is_some()
            && (length != files::length_if_any(used)
                || Content::of(other).ok() != Content::of(used).ok())
    };
    let other = others.into_iter().find(differs)?;
    Some(format!(
        "warning: `{}` is taken from `{}`; `{}` has another content and is not used",
        name.name,
        used.display(),
        other.display()
    ))
}
