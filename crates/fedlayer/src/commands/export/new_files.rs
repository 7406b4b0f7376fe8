//! [`NewFiles`]: files that get their names together, when all of them are complete.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    exit::Failure,
    files::{self, FileError, PartFile},
};

/// New files, under temporary names until all of them are complete. If they are dropped before
/// that, the temporary files are removed.
#[derive(Debug, Default)]
pub(super) struct NewFiles {
    parts: Vec<NewFile>,
}

#[derive(Debug)]
struct NewFile {
    path: PathBuf,
    part: Arc<Mutex<Option<PartFile>>>,
}

/// Checks that none of the files exists, unless they may be replaced.
///
/// # Errors
/// The first file that exists.
pub(super) fn check_free(
    paths: impl IntoIterator<Item = PathBuf>,
    replace: bool,
) -> Result<(), Failure> {
    let there = paths.into_iter().find(|path| files::exists(path));
    there.filter(|_| !replace).map_or(Ok(()), |path| Err(Failure::ExportExists(path)))
}

impl NewFiles {
    /// Begins a file, and its folder if it does not exist.
    ///
    /// # Errors
    /// When it cannot be made, or another process writes it.
    pub(super) fn begin(&mut self, path: &Path) -> Result<Box<dyn Write + Send>, FileError> {
        if let Some(folder) = path.parent() {
            files::create_folders(folder)?;
        }
        let beside = path.with_added_extension("part");
        let Some(mut part) = PartFile::open(beside.clone())? else {
            let busy = io::Error::new(io::ErrorKind::ResourceBusy, "another process writes it");
            return Err(FileError::writing(&beside, busy));
        };
        part.restart()?;
        let part = Arc::new(Mutex::new(Some(part)));
        self.parts.push(NewFile { path: path.to_owned(), part: part.clone() });
        Ok(Box::new(BufWriter::with_capacity(1 << 16, PartWriter(part))))
    }

    /// Returns whether a file of this path was begun.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.parts.iter().any(|file| file.path == path)
    }

    /// Gives all files their names.
    ///
    /// # Errors
    /// When one cannot be renamed.
    pub(super) fn finish(mut self) -> Result<(), FileError> {
        for file in std::mem::take(&mut self.parts) {
            file.take().map_or(Ok(()), |part| part.finish(&file.path))?;
        }
        Ok(())
    }
}

impl NewFile {
    fn take(&self) -> Option<PartFile> {
        self.part.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for part in self.parts.iter().filter_map(NewFile::take) {
            // The error that ended the export matters more than a temporary file.
            let _left = part.discard();
        }
    }
}

/// Appends to a part file.
struct PartWriter(Arc<Mutex<Option<PartFile>>>);

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Once the file is given up, a buffer that is emptied afterwards goes nowhere.
        if let Some(part) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            part.append(bytes).map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
