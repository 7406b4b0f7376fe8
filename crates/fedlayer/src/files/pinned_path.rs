//! [`PinnedPath`]: the path of an open file or folder, with a check that the path still leads to
//! it.

#![allow(clippy::disallowed_methods, reason = "a part of `files.rs`")]

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{FileResult, at};

/// The path of an open file or folder, with its device and inode.
#[derive(Debug, Clone)]
pub(crate) struct PinnedPath {
    path: PathBuf,
    identity: (u64, u64),
}

impl PinnedPath {
    /// Notes the device and inode of an open file or folder.
    pub(super) fn of(path: &Path, open: &File) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(&open.metadata()?) })
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the path still leads to the same file or folder.
    ///
    /// # Errors
    /// When it was moved, replaced or removed since it was opened.
    pub(crate) fn check(&self) -> FileResult<()> {
        let now = fs::metadata(&self.path).map(|now| identity(&now));
        if now.as_ref().is_ok_and(|now| *now == self.identity) {
            return Ok(());
        }
        let what = if now.is_ok() { "another one is there now" } else { "nothing is there now" };
        let words = format!("it was moved or replaced while the run went on: {what}");
        Err(at("go on with", &self.path)(io::Error::other(words)))
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
