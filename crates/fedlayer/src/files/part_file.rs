//! [`PartFile`]: a file in the making.

#![allow(clippy::disallowed_methods, reason = "a part of `files.rs`")]

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use super::{Result, at, remove, sync_folder, through_no_link};

/// What is said of a link, a pipe or a device where a file is to be made.
const NOT_OURS: &str = "a link, a pipe or a device has that name, and none is written to";

/// Whether something is an ordinary file without a second name.
fn is_of_one_name(found: &fs::Metadata) -> bool {
    found.is_file() && found.nlink() == 1
}

/// Whether a symbolic link was refused, or a pipe or device that nobody is at the other end of.
fn refused_link(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::MLINK | Errno::NXIO))
}

/// A file in the making: it grows under a name of its own, and gets its real one when it is whole. No two processes make the same one.
#[derive(Debug)]
pub(crate) struct PartFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl PartFile {
    /// Opens what there is of a file, or begins it; nothing where another process is at it.
    ///
    /// Fails where something else than a file of this name alone is there: what is written must not get anywhere else.
    pub(crate) fn open(path: PathBuf) -> Result<Option<Self>> {
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

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How much there is of it.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends a piece, or nothing.
    pub(crate) fn append(&mut self, piece: &[u8]) -> Result<()> {
        if let Err(error) = self.file.write_all(piece) {
            // The length is what the next process begins from; where it cannot be set, its check finds the torn piece.
            let _torn = self.file.set_len(self.bytes);
            return Err(at("write", &self.path)(error));
        }
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Begins anew.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(at("write", &self.path))?;
        self.bytes = 0;
        Ok(())
    }

    /// Gives it its real name, once it is on the disk.
    pub(crate) fn finish(self, path: &Path) -> Result<()> {
        let finish = || {
            self.file.sync_all()?;
            fs::rename(&self.path, path)?;
            sync_folder(path)
        };
        finish().map_err(at("write", path))
    }

    /// Removes it.
    pub(crate) fn discard(self) -> Result<()> {
        remove(&self.path)
    }
}
