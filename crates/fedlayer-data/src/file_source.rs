//! [`FileSource`]: where files come from. This crate opens none itself.

use std::{fmt, io::Read};

use thiserror::Error;

/// Opens files. The program implements it over its data folders, tests over their memory.
pub trait FileSource: fmt::Debug + Send + Sync {
    /// Opens a file: `file` of the known set `folder`, or, where no folder is given, the file that a scenario names.
    ///
    /// # Errors
    /// When it is nowhere, or cannot be opened.
    fn open(&self, folder: Option<&str>, file: &str) -> Result<OpenedFile, OpenError>;

    /// The bytes of memory that a file, unpacked, and what is made of it may take now: a small file
    /// may unpack to more than the machine has. Without a limit unless a source says one.
    fn room(&self) -> u64 {
        u64::MAX
    }
}

/// An open file.
pub struct OpenedFile {
    /// What messages call it.
    pub path: String,
    /// Its bytes, as they are on the disk.
    pub reader: Box<dyn Read + Send>,
}

impl fmt::Debug for OpenedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenedFile({})", self.path)
    }
}

/// Why a file could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// It is nowhere.
    #[error("not found in {}", places(looked))]
    Missing {
        /// Where it was looked for.
        looked: Vec<String>,
    },
    /// It is there and cannot be read.
    #[error("could not read `{path}`: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
}

fn places(looked: &[String]) -> String {
    let quoted: Vec<String> = looked.iter().map(|place| format!("`{place}`")).collect();
    if quoted.is_empty() { "any folder".to_owned() } else { quoted.join(", ") }
}

/// A source without files: enough for `digits` and `synthetic`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl FileSource for NoFiles {
    fn open(&self, _: Option<&str>, _: &str) -> Result<OpenedFile, OpenError> {
        Err(OpenError::Missing { looked: Vec::new() })
    }
}
