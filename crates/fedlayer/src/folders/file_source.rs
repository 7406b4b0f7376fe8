//! [`FolderSource`]: opens the files for the data crate.

use std::sync::Arc;

use fedlayer_data::{FileSource, OpenError, OpenedFile};

use super::locator::{FileName, Locator};
use crate::{files, memory::free_memory};

/// The files that a locator finds, as a [`FileSource`].
#[derive(Debug)]
pub(crate) struct FolderSource {
    locator: Arc<Locator>,
}

impl FolderSource {
    /// Opens the files that `locator` finds.
    pub(crate) fn new(locator: Arc<Locator>) -> Self {
        Self { locator }
    }
}

impl FileSource for FolderSource {
    fn open(&self, folder: Option<&str>, file: &str) -> Result<OpenedFile, OpenError> {
        let name = FileName::new(folder, file);
        for candidate in &self.locator.candidates(&name) {
            let path = candidate.display().to_string();
            match files::open_if_any(candidate) {
                Ok(Some(reader)) => {
                    self.locator.remember(&name, candidate);
                    return Ok(OpenedFile { path, reader: Box::new(reader) });
                }
                Ok(None) => {}
                Err(error) => return Err(OpenError::Unreadable { path, reason: error.reason() }),
            }
        }
        Err(OpenError::Missing { looked: self.locator.searched(&name) })
    }

    /// Returns half of the free memory: the other half is for the clients' examples, models and
    /// optimizers.
    fn room(&self) -> u64 {
        free_memory().map_or(u64::MAX, |free| free / 2)
    }
}
