//! [`Archive`]: the files of a module's archive, which is a ZIP file.

use std::{
    collections::BTreeMap,
    io::{Cursor, Error as IoError, Read, Write},
};

use fedlayer_core::text::in_backticks;
use thiserror::Error;
use zip::{
    CompressionMethod, ZipArchive, ZipWriter, read::ZipFile, result::ZipError, write::FileOptions,
};

use super::pickle;

/// The largest size of a file of code, unpacked.
const LARGEST_CODE: u64 = 1 << 24;

/// The largest total size of the unpacked files beyond the archive's own size. Code is compressed,
/// values are not.
const LARGEST_EXPANSION: u64 = 1 << 26;

/// The folder of an archive that [`Archive::packed`] writes.
const FOLDER: &str = "module";

/// The ending of the maps from code to its source.
const SOURCE_MAP: &str = ".debug_pkl";

/// The files of a module's archive by name, without their common folder.
#[derive(Debug)]
pub(super) struct Archive(BTreeMap<String, Vec<u8>>);

/// The reason why bytes are not the archive of a module.
#[derive(Debug, Error)]
pub(super) enum ArchiveError {
    /// The bytes are not a ZIP file, or a new ZIP file cannot be written.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The new archive cannot be written.
    #[error(transparent)]
    Write(#[from] IoError),
    /// A file is at the top of the archive.
    #[error("its file {} is in no folder", in_backticks([.0]))]
    NoFolder(String),
    /// The archive has several folders at its top.
    #[error("its files are in several folders")]
    SeveralFolders,
    /// Two files have one name.
    #[error("it has two files {}", in_backticks([.0]))]
    TwoFiles(String),
    /// A file cannot be unpacked.
    #[error("its file {} cannot be read: {error}", in_backticks([.name]))]
    Unreadable { name: String, error: IoError },
    /// A file is larger than any file of a module.
    #[error("its file {} is larger than any module's: more than {limit} bytes", in_backticks([.name]))]
    TooLarge { name: String, limit: u64 },
}

impl Archive {
    /// Unpacks the files that libtorch reads: code, values, constants, and the source maps of code.
    ///
    /// # Errors
    /// When the bytes are not an archive, two of its files have one name, or it unpacks to more
    /// bytes than a module has.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let mut archive = ZipArchive::new(Cursor::new(bytes))?;
        let mut left = bytes.len() as u64 + LARGEST_EXPANSION;
        let mut files = BTreeMap::new();
        let mut folder: Option<String> = None;
        for index in 0..archive.len() {
            let mut file = archive.by_index(index)?;
            let Some((top, name)) = file.name().split_once('/') else {
                return Err(ArchiveError::NoFolder(file.name().to_owned()));
            };
            let (top, name) = (top.to_owned(), name.to_owned());
            if folder.get_or_insert_with(|| top.clone()) != &top {
                return Err(ArchiveError::SeveralFolders);
            }
            if !is_needed(&name) {
                continue;
            }
            let content = unpack(&mut file, &name, left)?;
            left -= content.len() as u64;
            if files.insert(name.clone(), content).is_some() {
                return Err(ArchiveError::TwoFiles(name));
            }
        }
        Ok(Self(files))
    }

    /// The content of a file.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The files of code, with their names.
    pub(super) fn code(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let all = self.0.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
        all.filter(|(name, _)| is_code(name))
    }

    /// Removes source maps that fail the check of pickles: libtorch only needs them for messages.
    pub(super) fn without_wrong_source_maps(mut self) -> Self {
        let is_kept = |name: &str, content: &[u8]| {
            !name.ends_with(SOURCE_MAP) || pickle::check(content).is_ok()
        };
        self.0.retain(|name, content| is_kept(name, content));
        self
    }

    /// Writes a new archive of these files alone, so that libtorch reads exactly the checked bytes.
    ///
    /// # Errors
    /// When it is larger than a ZIP file can be.
    pub(super) fn packed(&self) -> Result<Vec<u8>, ArchiveError> {
        let options = FileOptions::default().compression_method(CompressionMethod::Stored);
        let mut out = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &self.0 {
            let options = options.large_file(content.len() as u64 > u64::from(u32::MAX));
            out.start_file(format!("{FOLDER}/{name}"), options)?;
            out.write_all(content)?;
        }
        Ok(out.finish()?.into_inner())
    }
}

fn is_code(name: &str) -> bool {
    name.starts_with("code/") && name.ends_with(".py")
}

/// Returns whether libtorch needs a file to open a module.
fn is_needed(name: &str) -> bool {
    let is_known = ["data.pkl", "constants.pkl", "version", "byteorder"].contains(&name);
    let is_value = name.starts_with("data/") || name.starts_with("constants/");
    let is_source_map = name.starts_with("code/") && name.ends_with(SOURCE_MAP);
    is_known || is_value || is_code(name) || is_source_map
}

/// Unpacks a file of at most `left` bytes.
fn unpack(file: &mut ZipFile<'_>, name: &str, left: u64) -> Result<Vec<u8>, ArchiveError> {
    let limit = if name.starts_with("code/") { left.min(LARGEST_CODE) } else { left };
    let mut content = Vec::new();
    file.by_ref()
        .take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|error| ArchiveError::Unreadable { name: name.to_owned(), error })?;
    if content.len() as u64 > limit {
        return Err(ArchiveError::TooLarge { name: name.to_owned(), limit });
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            out.start_file(*name, FileOptions::default()).unwrap();
            out.write_all(content).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    #[test]
    fn a_packed_archive_has_the_checked_files_alone() {
        let bytes = zip(&[
            ("net/data.pkl", b"a"),
            ("net/code/__torch__.py", b"b"),
            ("net/code/__torch__.py.debug_pkl", b"no pickle"),
            ("net/extra/notes", b"c"),
            ("net/model.json", b"{}"),
        ]);
        let archive = Archive::read(&bytes).unwrap().without_wrong_source_maps();
        assert_eq!(archive.code().collect::<Vec<_>>(), [("code/__torch__.py", &b"b"[..])]);
        let mut packed = ZipArchive::new(Cursor::new(archive.packed().unwrap())).unwrap();
        let names: Vec<String> =
            (0..packed.len()).map(|i| packed.by_index(i).unwrap().name().to_owned()).collect();
        assert_eq!(names, ["module/code/__torch__.py", "module/data.pkl"]);
    }

    #[test]
    fn an_archive_in_which_a_name_means_two_things_is_refused() {
        let twice = zip(&[("net/data.pkl", b"a"), ("net/data.pkm", b"b")]);
        let twice = replaced(&twice, b"data.pkm", b"data.pkl");
        assert_eq!(Archive::read(&twice).unwrap_err().to_string(), "it has two files `data.pkl`");
        let folders = zip(&[("net/data.pkl", b"a"), ("nat/code/a.py", b"b")]);
        assert_eq!(
            Archive::read(&folders).unwrap_err().to_string(),
            "its files are in several folders"
        );
        assert!(Archive::read(b"PK").is_err());
    }

    fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for at in 0..=bytes.len() - from.len() {
            if &bytes[at..at + from.len()] == from {
                bytes[at..at + from.len()].copy_from_slice(to);
            }
        }
        bytes
    }

    #[test]
    fn a_file_that_unpacks_to_more_than_any_module_has_is_refused() {
        let large = vec![b' '; LARGEST_CODE as usize + 1];
        let mut out = ZipWriter::new(Cursor::new(Vec::new()));
        out.start_file("net/code/a.py", FileOptions::default()).unwrap();
        out.write_all(&large).unwrap();
        let bytes = out.finish().unwrap().into_inner();
        assert!(bytes.len() < 1 << 20);
        let found = Archive::read(&bytes).unwrap_err().to_string();
        assert!(found.starts_with("its file `code/a.py` is larger"), "{found}");
    }
}
