//! [`FolderFormat`]: the format of a run folder, a number in its `run.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{NOTE, sealed::Sealed};
use crate::exit::Failure;

/// The format of a run folder.
///
/// A new key of a scenario or of `run.json` that has a default changes no format: older folders are
/// read as if it had its default. The number rises if an older program would misread a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FolderFormat(u32);

impl FolderFormat {
    /// The first format, of folders without a number. The hash of a plan covers the defaults of all
    /// keys of that time.
    pub(crate) const FIRST: Self = Self(1);

    /// The format of new folders. The hash of a plan leaves defaults out.
    pub(crate) const CURRENT: Self = Self(2);

    /// Returns whether it is the first format, which has no number.
    pub(crate) fn is_first(&self) -> bool {
        *self == Self::FIRST
    }

    /// Reads the format of a run folder, before anything else of it is read. A folder in which
    /// `run.json` is missing or damaged counts as one of a known format: other checks name the
    /// fault.
    ///
    /// # Errors
    /// When a later version of the program wrote the folder.
    pub(crate) fn of(run: &Path) -> Result<Self, Failure> {
        let sealed = Sealed::read(&run.join(NOTE)).ok().filter(|sealed| !sealed.is_broken());
        let note: Option<Value> = sealed.and_then(|sealed| sealed.value().ok());
        let note = note.unwrap_or_default();
        let found = match &note["format"] {
            Value::Null => return Ok(Self::FIRST),
            found => found.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        match found {
            Some(number) if (1..=Self::CURRENT.0).contains(&number) => Ok(Self(number)),
            _ => Err(Failure::LaterFormat {
                folder: run.to_owned(),
                found: note["format"].to_string(),
                newest: Self::CURRENT.0,
                version: note["fedlayer"].as_str().unwrap_or("unknown").to_owned(),
            }),
        }
    }
}

/// The format of a folder without a number.
impl Default for FolderFormat {
    fn default() -> Self {
        Self::FIRST
    }
}
