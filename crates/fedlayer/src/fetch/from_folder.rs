//! Fetches from a folder: the published download, or the files that it contains.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use fedlayer_data::Download;

use super::{FetchError, file_names};
use crate::{
    files::{self, FileError, PartFile},
    screen::Screen,
    set_files,
};

/// The files of a download in a folder.
pub(crate) enum LocalFiles {
    /// The published file, which can be verified.
    Published(PathBuf),
    /// The files that the download contains.
    Unverified(UnverifiedFiles),
}

/// Files of a set that are unpacked, or compressed in another way than published. There are no
/// published hashes of them; the loaders check their lengths and shapes.
pub(crate) struct UnverifiedFiles {
    files: Vec<PathBuf>,
    /// The files that the folder does not have.
    pub(crate) missing: Vec<&'static str>,
}

/// Checks that what `--from` names is a folder.
pub(super) fn check(path: &Path) -> Result<(), FetchError> {
    let what = match (files::is_folder(path), files::exists(path)) {
        (true, _) => return Ok(()),
        (false, true) => "is a file and no folder",
        (false, false) => "is not there",
    };
    Err(FetchError::From { path: path.to_owned(), what })
}

/// Searches for a download in a folder of the set's files, or in a folder of sets.
pub(crate) fn find(
    folder: &Path,
    set: &'static str,
    download: &Download,
) -> Result<LocalFiles, FetchError> {
    let published = [folder.join(set), folder.to_owned()].map(|folder| folder.join(download.file));
    match published.into_iter().find(|path| files::length_if_any(path).is_some()) {
        Some(path) => Ok(LocalFiles::Published(path)),
        None => find_unpacked(folder, set, download.file, file_names(download))
            .map(LocalFiles::Unverified),
    }
}

/// Searches for files by their names; messages call the download `called`.
fn find_unpacked(
    folder: &Path,
    set: &'static str,
    called: &'static str,
    names: impl Iterator<Item = &'static str>,
) -> Result<UnverifiedFiles, FetchError> {
    let folders = [folder.join(set), folder.to_owned()];
    let mut loose = UnverifiedFiles { files: Vec::new(), missing: Vec::new() };
    for name in names {
        match folders.iter().find_map(|folder| set_files::either_form(folder, name)) {
            Some(path) => loose.files.push(path),
            None => loose.missing.push(name),
        }
    }
    if loose.files.is_empty() {
        return Err(FetchError::Absent { file: called, set, folder: folder.to_owned() });
    }
    Ok(loose)
}

/// Copies the published file.
pub(crate) fn copy(
    from: &Path,
    download: &Download,
    part: &mut PartFile,
    screen: &Screen,
) -> Result<(), FileError> {
    let mut transfer = screen.transfer(download.file, download.bytes, 0);
    copy_bytes(from, part, |bytes| transfer.at(bytes))
}

/// Copies files without verifying them.
pub(crate) fn copy_unverified(
    loose: &UnverifiedFiles,
    into: &Path,
    screen: &Screen,
) -> Result<(), FetchError> {
    for path in &loose.files {
        let Some(name) = path.file_name() else { continue };
        let to = into.join(name);
        let beside = to.with_added_extension("part");
        let mut part =
            PartFile::open(beside.clone())?.ok_or_else(|| FetchError::Busy(beside.clone()))?;
        copy_bytes(path, &mut part, |_| ())?;
        part.finish(&to)?;
        screen.talk(&format!(
            "`{}`: copied as it is; there is no published hash to compare it with",
            name.display()
        ));
    }
    Ok(())
}

/// Copies all bytes of a file, from the start.
fn copy_bytes(from: &Path, part: &mut PartFile, mut at: impl FnMut(u64)) -> Result<(), FileError> {
    let mut reader = files::open(from)?;
    part.restart()?;
    let mut piece = vec![0; 1 << 18];
    loop {
        let count = reader.read(&mut piece).map_err(|error| FileError::reading(from, error))?;
        if count == 0 {
            return Ok(());
        }
        part.append(&piece[..count])?;
        at(part.bytes());
    }
}
