//! [`Archive`]: the files of a module's archive, which is a ZIP file.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read, Write},
};

use fedlayer_core::in_backticks;
use zip::{CompressionMethod, ZipArchive, ZipWriter, read::ZipFile, write::FileOptions};

use super::pickle;

/// The most that a file of code may have, unpacked.
const LARGEST_CODE: u64 = 1 << 24;

/// The most that all files of an archive may have beyond the archive itself: code is compressed, values are not.
const MOST_UNPACKED: u64 = 1 << 26;

/// The files of a module's archive, by their names without the folder that all of them are in.
#[derive(Debug)]
pub(super) struct Archive(BTreeMap<String, Vec<u8>>);

impl Archive {
    /// Unpacks the files that libtorch reads: code, values, constants, and where code comes from.
    ///
    /// # Errors
    /// When the bytes are no archive, two of its files have one name, or it unpacks to too much.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
        let mut left = bytes.len() as u64 + MOST_UNPACKED;
        let mut files = BTreeMap::new();
        let mut folder: Option<String> = None;
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).map_err(|error| error.to_string())?;
            let Some((top, name)) = file.name().split_once('/') else {
                return Err(format!("its file {} is in no folder", in_backticks([file.name()])));
            };
            let (top, name) = (top.to_owned(), name.to_owned());
            if folder.get_or_insert_with(|| top.clone()) != &top {
                return Err("its files are in several folders".to_owned());
            }
            if !is_read(&name) {
                continue;
            }
            let content = unpacked(&mut file, &name, left)?;
            left -= content.len() as u64;
            if files.insert(name.clone(), content).is_some() {
                return Err(format!("it has two files {}", in_backticks([&name])));
            }
        }
        Ok(Self(files))
    }

    /// A file.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The files of code, with their names.
    pub(super) fn code(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let all = self.0.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
        all.filter(|(name, _)| is_code(name))
    }

    /// Leaves out the maps from code to its source that are none: they are for messages alone.
    pub(super) fn without_wrong_sources(mut self) -> Self {
        self.0.retain(|name, content| !name.ends_with(SOURCES) || pickle::check(content).is_ok());
        self
    }

    /// The archive anew, with these files alone: what was looked at is what libtorch reads.
    ///
    /// # Errors
    /// When it is larger than a ZIP file may be.
    pub(super) fn packed(&self) -> Result<Vec<u8>, String> {
        let options = FileOptions::default().compression_method(CompressionMethod::Stored);
        let mut out = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &self.0 {
            let options = options.large_file(content.len() as u64 > u64::from(u32::MAX));
            out.start_file(format!("{FOLDER}/{name}"), options)
                .map_err(|error| error.to_string())?;
            out.write_all(content).map_err(|error| error.to_string())?;
        }
        Ok(out.finish().map_err(|error| error.to_string())?.into_inner())
    }
}

/// The folder in an archive that was made anew.
const FOLDER: &str = "module";

/// The ending of maps from code to its source.
const SOURCES: &str = ".debug_pkl";

fn is_code(name: &str) -> bool {
    name.starts_with("code/") && name.ends_with(".py")
}

/// Whether libtorch needs a file to open a module.
fn is_read(name: &str) -> bool {
    let is_known = ["data.pkl", "constants.pkl", "version", "byteorder"].contains(&name);
    let is_value = name.starts_with("data/") || name.starts_with("constants/");
    is_known || is_value || is_code(name) || name.starts_with("code/") && name.ends_with(SOURCES)
}

/// The content of a file.
fn unpacked(file: &mut ZipFile<'_>, name: &str, left: u64) -> Result<Vec<u8>, String> {
    let most = if name.starts_with("code/") { left.min(LARGEST_CODE) } else { left };
    let mut content = Vec::new();
    file.by_ref()
        .take(most + 1)
        .read_to_end(&mut content)
        .map_err(|error| format!("its file {} cannot be read: {error}", in_backticks([name])))?;
    if content.len() as u64 > most {
        return Err(format!(
            "its file {} is larger than any module's: more than {most} bytes",
            in_backticks([name])
        ));
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
    fn an_archive_is_made_anew_of_what_was_looked_at() {
        let bytes = zip(&[
            ("net/data.pkl", b"a"),
            ("net/code/__torch__.py", b"b"),
            ("net/code/__torch__.py.debug_pkl", b"no pickle"),
            ("net/extra/notes", b"c"),
            ("net/model.json", b"{}"),
        ]);
        let archive = Archive::read(&bytes).unwrap().without_wrong_sources();
        assert_eq!(archive.code().collect::<Vec<_>>(), [("code/__torch__.py", &b"b"[..])]);
        let mut anew = ZipArchive::new(Cursor::new(archive.packed().unwrap())).unwrap();
        let names: Vec<String> =
            (0..anew.len()).map(|i| anew.by_index(i).unwrap().name().to_owned()).collect();
        assert_eq!(names, ["module/code/__torch__.py", "module/data.pkl"]);
    }

    #[test]
    fn an_archive_in_which_a_name_means_two_things_is_refused() {
        let twice = zip(&[("net/data.pkl", b"a"), ("net/data.pkm", b"b")]);
        let twice = replaced(&twice, b"data.pkm", b"data.pkl");
        assert_eq!(Archive::read(&twice).unwrap_err(), "it has two files `data.pkl`");
        let folders = zip(&[("net/data.pkl", b"a"), ("nat/code/a.py", b"b")]);
        assert_eq!(Archive::read(&folders).unwrap_err(), "its files are in several folders");
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
        let found = Archive::read(&bytes).unwrap_err();
        assert!(found.starts_with("its file `code/a.py` is larger"), "{found}");
    }
}
