//! [`Content`]: the length and the hash of a file; [`Hash`](struct@Hash) computes them.

use std::{
    fmt,
    io::{self, Read},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{FileError, open};

/// The length and the BLAKE3 hash of a file: equal if the contents are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) bytes: u64,
    pub(crate) blake3: String,
}

impl Content {
    /// Hashes a whole file.
    pub(crate) fn of(path: &Path) -> Result<Self, FileError> {
        Self::of_first(path, u64::MAX)
    }

    /// Hashes the first `bytes` of a file, or the whole file if it is shorter.
    pub(crate) fn of_first(path: &Path, bytes: u64) -> Result<Self, FileError> {
        let mut hash = Hash::default();
        let mut reader = open(path)?.take(bytes);
        hash.read(&mut reader).map_err(|error| FileError::reading(path, error))?;
        Ok(hash.content())
    }

    /// Hashes bytes in memory.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut hash = Hash::default();
        hash.add(bytes);
        hash.content()
    }
}

/// Shows the beginning of the hash, which is enough to tell two files apart by eye.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.blake3.get(..16).unwrap_or(&self.blake3);
        write!(f, "{} bytes, blake3 {hash}…", self.bytes)
    }
}

/// Hashes and counts a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Hash(blake3::Hasher);

impl Hash {
    /// Adds bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds all bytes of a reader.
    pub(crate) fn read(&mut self, reader: &mut impl Read) -> io::Result<()> {
        let mut piece = vec![0; 1 << 18];
        loop {
            match reader.read(&mut piece)? {
                0 => return Ok(()),
                read => self.add(&piece[..read]),
            }
        }
    }

    /// Returns the number of bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.count()
    }

    /// Returns the length and the hash so far.
    pub(crate) fn content(&self) -> Content {
        Content { bytes: self.bytes(), blake3: self.0.finalize().to_hex().to_string() }
    }
}
