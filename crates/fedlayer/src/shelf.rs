//! [`FolderShelf`]: hands the data crate the files that it asks for.

use std::sync::Arc;

use fedlayer_data::{Opened, Shelf, ShelfError};

use crate::{
    files,
    locator::{FileName, Locator},
    memory::free_memory,
};

/// The files that a locator finds.
#[derive(Debug)]
pub(crate) struct FolderShelf {
    locator: Arc<Locator>,
}

impl FolderShelf {
    /// Over the files that `locator` finds.
    pub(crate) fn new(locator: Arc<Locator>) -> Self {
        Self { locator }
    }
}

impl Shelf for FolderShelf {
    fn open(&self, folder: Option<&str>, file: &str) -> Result<Opened, ShelfError> {
        let name = FileName::new(folder, file);
        for place in &self.locator.places(&name) {
            let path = place.display().to_string();
            match files::open_if_any(place) {
                Ok(Some(reader)) => {
                    self.locator.remember(&name, place);
                    return Ok(Opened { path, reader: Box::new(reader) });
                }
                Ok(None) => {}
                Err(error) => return Err(ShelfError::Unreadable { path, reason: error.reason() }),
            }
        }
        Err(ShelfError::Missing { looked: self.locator.searched(&name) })
    }

    /// Half of the memory that is free: the other half is for the examples of the clients, models and optimizers.
    fn room(&self) -> u64 {
        free_memory().map_or(u64::MAX, |free| free / 2)
    }
}
