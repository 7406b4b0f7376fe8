//! [`FolderLock`]: locks a run folder for one process.

#![allow(clippy::disallowed_methods, reason = "a part of `files.rs`")]

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{FileResult, PinnedPath, at, exists};

/// The lock of a folder, held by one process as long as it lives.
///
/// The folder itself is locked: deleting a file in it does not remove the lock, and a renamed
/// folder takes its lock along. A copy is another folder. On file systems that cannot lock folders
/// (NFS), the file `.lock` is locked instead.
#[derive(Debug)]
pub(crate) struct FolderLock {
    held: Vec<File>,
    pinned: Vec<PinnedPath>,
    /// True if a file or the folder has left its path: then nothing is written any more.
    is_lost: AtomicBool,
}

/// The reason that nothing is written any more.
const LOST: &str = "files in it were moved or replaced while the run went on";

/// The file that is locked instead of a folder that cannot be locked. Earlier versions locked only
/// this file.
const STAND_IN: &str = ".lock";

impl FolderLock {
    /// Locks a folder; `None` if another process has locked it.
    pub(crate) fn take(folder: &Path) -> FileResult<Option<Self>> {
        let opened = File::open(folder).map_err(at("open", folder))?;
        let is_lost = AtomicBool::new(false);
        let mut lock = Self { held: Vec::new(), pinned: Vec::new(), is_lost };
        let stand_in = folder.join(STAND_IN);
        let needs_stand_in = match opened.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(_)) => true,
        };
        lock.hold(folder, opened)?;
        if needs_stand_in || exists(&stand_in) {
            let options = OpenOptions::new().write(true).create(true).truncate(false).to_owned();
            let file = options.open(&stand_in).map_err(at("open", &stand_in))?;
            match file.try_lock() {
                Ok(()) => lock.hold(&stand_in, file)?,
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(at("lock", &stand_in)(error)),
            }
        }
        // The folder may have been moved after it was opened and before it was locked.
        lock.check()?;
        if !needs_stand_in {
            // The lock of a folder does not depend on a file that somebody may delete.
            lock.pinned.truncate(1);
        }
        Ok(Some(lock))
    }

    fn hold(&mut self, path: &Path, file: File) -> FileResult<()> {
        self.pinned.push(PinnedPath::of(path, &file).map_err(at("read", path))?);
        self.held.push(file);
        Ok(())
    }

    /// Checks that the locked folder is still at its path.
    ///
    /// # Errors
    /// When it was moved or replaced.
    pub(crate) fn check(&self) -> FileResult<()> {
        let checked = self.pinned.iter().try_for_each(PinnedPath::check);
        if checked.is_err() {
            self.give_up();
        }
        match self.is_lost.load(Ordering::Relaxed) {
            false => checked,
            true => checked.and(Err(at("go on with", self.folder())(io::Error::other(LOST)))),
        }
    }

    /// Makes [`check`](Self::check) fail from now on: a file in the folder is not the one that this
    /// process writes.
    pub(crate) fn give_up(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }

    fn folder(&self) -> &Path {
        self.pinned.first().map_or(Path::new(""), PinnedPath::path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_kept_whatever_is_deleted_in_it() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(STAND_IN), "").unwrap();
        let held = FolderLock::take(place.path()).unwrap().unwrap();
        fs::remove_file(place.path().join(STAND_IN)).unwrap();
        assert!(FolderLock::take(place.path()).unwrap().is_none());
        held.check().unwrap();
        drop(held);
        assert!(FolderLock::take(place.path()).unwrap().is_some());
    }

    #[test]
    fn a_folder_that_is_renamed_takes_its_lock_along_and_is_missed() {
        let place = tempfile::tempdir().unwrap();
        let (before, after) = (place.path().join("before"), place.path().join("after"));
        fs::create_dir(&before).unwrap();
        let held = FolderLock::take(&before).unwrap().unwrap();
        fs::rename(&before, &after).unwrap();
        assert!(FolderLock::take(&after).unwrap().is_none());
        let words = held.check().unwrap_err().to_string();
        assert!(
            words.contains("moved or replaced") && words.contains("nothing is there"),
            "{words}"
        );
        fs::create_dir(&before).unwrap();
        let words = held.check().unwrap_err().to_string();
        assert!(words.contains("another one is there"), "{words}");
    }
}
