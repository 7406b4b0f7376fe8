//! [`LineFile`]: a file of lines that grows at its end.

#![allow(clippy::disallowed_methods, reason = "a part of `files.rs`")]

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

use super::{Content, FileResult, Hash, PinnedPath, at, sync_folder};

/// A file of lines that grows at its end, with its length and its hash.
#[derive(Debug)]
pub(crate) struct LineFile {
    pinned: PinnedPath,
    file: File,
    hash: Hash,
}

impl LineFile {
    /// Opens a file, or makes it, and cuts it off after `committed` bytes: later lines belong to
    /// rounds that were not committed.
    ///
    /// # Errors
    /// When the file is shorter.
    pub(crate) fn open(path: PathBuf, committed: u64) -> FileResult<Self> {
        let open = || {
            let options = OpenOptions::new().read(true).append(true).create(true).to_owned();
            let mut file = options.open(&path)?;
            let found = file.metadata()?.len();
            if found < committed {
                let text = format!("it has {found} bytes, and {committed} were committed");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            let mut hash = Hash::default();
            hash.read(&mut (&mut file).take(committed))?;
            if found > committed {
                file.set_len(committed)?;
            }
            file.seek(SeekFrom::End(0))?;
            sync_folder(&path)?;
            Ok(Self { pinned: PinnedPath::of(&path, &file)?, file, hash })
        };
        open().map_err(at("go on with", &path))
    }

    /// Appends whole lines, or nothing.
    pub(crate) fn append(&mut self, lines: &[u8]) -> FileResult<()> {
        if let Err(error) = self.file.write_all(lines) {
            // A torn line is useless; if it cannot be cut off here, the next process cuts it off.
            let _torn = self.file.set_len(self.hash.bytes());
            return Err(at("write", self.pinned.path())(error));
        }
        self.hash.add(lines);
        Ok(())
    }

    /// Waits until all lines are on disk.
    pub(crate) fn sync(&self) -> FileResult<()> {
        self.file.sync_data().map_err(at("write", self.pinned.path()))
    }

    /// Returns the length and the hash of the file.
    pub(crate) fn content(&self) -> Content {
        self.hash.content()
    }

    /// Checks that the file is still at its path.
    ///
    /// # Errors
    /// When it was moved, replaced or removed.
    pub(crate) fn check(&self) -> FileResult<()> {
        self.pinned.check()
    }
}
