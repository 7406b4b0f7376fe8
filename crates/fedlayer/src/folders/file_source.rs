//! [`FolderSource`]: hands the data crate the files that it asks for.

use std::sync::Arc;

use fedlayer_data::{FileSource, OpenError, OpenedFile};

use super::locator::{FileName, Locator};
use crate::{files, memory::free_memory};

/// The files that a locator finds.
#[derive(Debug)]
pub(crate) struct FolderSource {
    locator: Arc<Locator>,
}

impl FolderSource {
    /// Over the files that `locator` finds.
    pub(crate) fn new(locator: Arc<Locator>) -> Self {
        Self { locator }
    }
}

impl FileSource for FolderSource {
    fn open(&self, folder: Option<&str>, file: &str) -> Result<OpenedFile, OpenError> {
        let name = FileName::new(folder, file);
        for place in &self.locator.places(&name) {
            let path = place.display().to_string();
            match files::open_if_any(place) {
                Ok(Some(reader)) => {
                    self.locator.remember(&name, place);
                    return Ok(OpenedFile { path, reader: Box::new(reader) });
                }
                Ok(None) => {}
                Err(error) => return Err(OpenError::Unreadable { path, reason: error.reason() }),
            }
        }
        Err(OpenError::Missing { looked: self.locator.searched(&name) })
    }

    /// Half of the memory that is free: the other half is for the examples of the clients, models and optimizers.
    fn room(&self) -> u64 {
        free_memory().map_or(u64::MAX, |free| free / 2)
    }
}
