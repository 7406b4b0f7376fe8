//! [`FileSource`]: the seam through which data files are opened. This crate opens none itself.

use std::{fmt, io::Read};

use thiserror::Error;

/// Opens files: in the program from its data folders, in tests from memory.
pub trait FileSource: fmt::Debug + Send + Sync {
    /// Opens `file` of the known set `folder`; without a folder, the file that a scenario names.
    ///
    /// # Errors
    /// When the file is not found or cannot be opened.
    fn open(&self, folder: Option<&str>, file: &str) -> Result<OpenedFile, OpenError>;

    /// Returns the bytes of memory that an unpacked file and its examples may take now: a small
    /// file may unpack to more than the machine has. The default is no limit.
    fn room(&self) -> u64 {
        u64::MAX
    }
}

/// An open file.
pub struct OpenedFile {
    /// The path in messages.
    pub path: String,
    /// The bytes as they are on disk, perhaps compressed.
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
    /// The file is in none of the folders.
    #[error("not found in {}", listed(looked))]
    Missing {
        /// The folders that were searched.
        looked: Vec<String>,
    },
    /// The file exists and cannot be read.
    #[error("could not read `{path}`: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's error.
        reason: String,
    },
}

fn listed(looked: &[String]) -> String {
    let quoted: Vec<String> = looked.iter().map(|folder| format!("`{folder}`")).collect();
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
