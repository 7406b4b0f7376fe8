//! [`PartFile`]: a file that is written in pieces and gets its name when it is complete.

#![allow(clippy::disallowed_methods, reason = "a part of `files.rs`")]

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use super::{FileResult, at, remove, sync_folder, through_no_link};

/// The message about a link, a pipe or a device at the path of a new file.
const NOT_OURS: &str = "a link, a pipe or a device has that name, and none is written to";

/// Tells whether something is a plain file without a second name.
fn is_of_one_name(found: &fs::Metadata) -> bool {
    found.is_file() && found.nlink() == 1
}

/// Tells whether an error means that a symbolic link, or a pipe or device without a reader, was
/// refused.
fn refused_link(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::MLINK | Errno::NXIO))
}

/// A file that is written in pieces under a temporary name and renamed when it is complete. No two
/// processes write the same one.
#[derive(Debug)]
pub(crate) struct PartFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl PartFile {
    /// Opens a part file, or begins one; `None` if another process is writing it.
    ///
    /// # Errors
    /// When the path is not a plain file of this name alone: the pieces must not get anywhere else.
    pub(crate) fn open(path: PathBuf) -> FileResult<Option<Self>> {
        let options = through_no_link().append(true).to_owned();
        let open = || match options.open(&path) {
            Ok(file) if is_of_one_name(&file.metadata()?) => Ok(file),
            Err(error) if !refused_link(&error) => Err(error),
            _ => Err(io::Error::new(io::ErrorKind::AlreadyExists, NOT_OURS)),
        };
        let file = open().map_err(at("write", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(at("lock", &path)(error)),
        }
        let bytes = file.metadata().map_err(at("read", &path))?.len();
        Ok(Some(Self { path, file, bytes }))
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends a piece, or nothing.
    pub(crate) fn append(&mut self, piece: &[u8]) -> FileResult<()> {
        if let Err(error) = self.file.write_all(piece) {
            // The next process continues at this length; if it cannot be set, the checksum finds
            // the torn piece.
            let _torn = self.file.set_len(self.bytes);
            return Err(at("write", &self.path)(error));
        }
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Empties the file.
    pub(crate) fn restart(&mut self) -> FileResult<()> {
        self.file.set_len(0).map_err(at("write", &self.path))?;
        self.bytes = 0;
        Ok(())
    }

    /// Syncs the file and renames it to `path`.
    pub(crate) fn finish(self, path: &Path) -> FileResult<()> {
        let finish = || {
            self.file.sync_all()?;
            fs::rename(&self.path, path)?;
            sync_folder(path)
        };
        finish().map_err(at("write", path))
    }

    /// Removes the file.
    pub(crate) fn discard(self) -> FileResult<()> {
        remove(&self.path)
    }
}
