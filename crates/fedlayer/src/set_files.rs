//! The files of a known data set, and the folders that have them.

use std::path::{Path, PathBuf};

use fedlayer_data::KnownSet;

use crate::{
    files,
    folders::{Folder, Folders},
};

/// Returns the first folder that has every file of a set.
pub(crate) fn whole<'a>(folders: &'a Folders, set: &KnownSet) -> Option<&'a Folder> {
    let is_whole = |folder: &&Folder| found_in(folder, set) == set.files.len();
    folders.all().iter().find(is_whole)
}

/// Counts the files of a set that a folder has.
pub(crate) fn found_in(folder: &Folder, set: &KnownSet) -> usize {
    let own = folder.path.join(set.name);
    set.files.iter().filter(|file| either_form(&own, file.name).is_some()).count()
}

/// Finds a file in a folder, plain or compressed by gzip: either form serves for the other.
pub(crate) fn either_form(folder: &Path, name: &str) -> Option<PathBuf> {
    let other = match name.strip_suffix(".gz") {
        Some(plain) => plain.to_owned(),
        None => format!("{name}.gz"),
    };
    let paths = [folder.join(name), folder.join(other)];
    paths.into_iter().find(|path| files::length_if_any(path).is_some())
}
