//! [`FolderShelf`]: hands the data crate the files that it asks for.

use fedlayer_data::{Opened, Shelf, ShelfError};

use crate::{files, folders::Folders};

/// The files in the data folders.
#[derive(Debug)]
pub(crate) struct FolderShelf {
    folders: Folders,
}

impl FolderShelf {
    /// Over these folders.
    pub(crate) fn new(folders: Folders) -> Self {
        Self { folders }
    }
}

impl Shelf for FolderShelf {
    fn open(&self, folder: Option<&str>, file: &str) -> Result<Opened, ShelfError> {
        for place in &self.folders.places(folder, file) {
            let path = place.display().to_string();
            match files::open_if_any(place) {
                Ok(Some(reader)) => return Ok(Opened { path, reader: Box::new(reader) }),
                Ok(None) => {}
                Err(error) => return Err(ShelfError::Unreadable { path, reason: error.reason() }),
            }
        }
        Err(ShelfError::Missing { looked: self.folders.names(folder, file) })
    }
}
