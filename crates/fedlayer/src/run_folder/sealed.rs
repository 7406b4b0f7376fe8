//! JSON files that carry their own checksum: [`seal`] writes one, [`Sealed`] is one that was read.
//!
//! The checksum is the value of the last key, on a line of its own: the BLAKE3 hash of all bytes
//! before that line.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{exit::Failure, files};

/// The text before the checksum.
const BEFORE: &str = ",\n  \"checksum\": \"";

/// The text behind the checksum.
const BEHIND: &str = "\"\n}\n";

/// Writes a struct or a map as indented JSON, with a checksum as the last key.
pub(crate) fn seal<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_string_pretty(value)?;
    let body = text.strip_suffix("\n}").unwrap_or(&text);
    Ok(format!("{body}{BEFORE}{}{BEHIND}", checksum(body)).into_bytes())
}

fn checksum(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex().to_string()
}

/// The text of a JSON file, and the verdict of its checksum.
#[derive(Debug)]
pub(crate) struct Sealed {
    text: String,
    seal: Seal,
}

/// The verdict of a file's checksum.
#[derive(Debug, PartialEq, Eq)]
enum Seal {
    /// The file is as it was written.
    Whole,
    /// The file has changed since it was written.
    Broken {
        /// The checksum of the bytes that are there.
        found: String,
        /// The checksum that was written.
        expected: String,
    },
    /// The file carries no checksum, like the files of earlier versions.
    Absent,
}

/// The reason that a JSON file is not the one that was written.
#[derive(Debug, Error)]
pub(crate) enum SealError {
    /// The bytes do not have the checksum that the file carries.
    #[error("its checksum is {found}; {expected} was written: bytes of it have changed since")]
    Broken {
        /// The checksum of the bytes that are there.
        found: String,
        /// The checksum that was written.
        expected: String,
    },
    /// The checksum is gone.
    #[error("its last line, which held its checksum, has changed")]
    Absent,
    /// The text is not JSON of the expected form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl Sealed {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Ok(Self::of(files::read_text(path)?))
    }

    fn of(text: String) -> Self {
        let parts = text.strip_suffix(BEHIND).and_then(|text| text.rsplit_once(BEFORE));
        let seal = match parts {
            None => Seal::Absent,
            Some((body, expected)) => match checksum(body) {
                found if found == expected => Seal::Whole,
                found => Seal::Broken { found, expected: expected.to_owned() },
            },
        };
        Self { text, seal }
    }

    /// Returns whether the file has changed since it was written, as its checksum tells.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.seal, Seal::Broken { .. })
    }

    /// Parses the value.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.text)
    }

    /// Returns the value of a file with a valid checksum. A file without one is accepted, as of an
    /// earlier version, unless `must` demands a checksum of its value.
    ///
    /// # Errors
    /// When the file has changed since it was written.
    pub(crate) fn checked<T: DeserializeOwned>(
        &self,
        must: impl FnOnce(&T) -> bool,
    ) -> Result<T, SealError> {
        if let Seal::Broken { found, expected } = &self.seal {
            let (found, expected) = (found.clone(), expected.clone());
            return Err(SealError::Broken { found, expected });
        }
        let value: T = self.value()?;
        match self.seal == Seal::Absent && must(&value) {
            true => Err(SealError::Absent),
            false => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Map = BTreeMap<String, u32>;

    fn sealed() -> String {
        let map = Map::from([("one".to_owned(), 1), ("two".to_owned(), 2)]);
        String::from_utf8(seal(&map).unwrap()).unwrap()
    }

    #[test]
    fn a_sealed_file_is_json_with_its_checksum_last() {
        let text = sealed();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let body = "{\n  \"one\": 1,\n  \"two\": 2";
        assert!(text.starts_with(body) && text.ends_with("\"\n}\n"), "{text}");
        assert_eq!(value["checksum"], blake3::hash(body.as_bytes()).to_hex().as_str());
    }

    #[test]
    fn any_byte_that_changes_breaks_the_seal() {
        let text = sealed();
        assert_eq!(Sealed::of(text.clone()).seal, Seal::Whole);
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let found = Sealed::of(changed).checked::<serde_json::Value>(|_| true);
                assert!(found.is_err(), "byte {at}, bit {bit}");
            }
        }
        assert!(Sealed::of(text.clone() + "\n").checked::<serde_json::Value>(|_| true).is_err());
    }

    #[test]
    fn a_file_of_an_earlier_version_has_no_seal() {
        let old = Sealed::of("{\n  \"one\": 1\n}\n".to_owned());
        assert_eq!(old.checked::<serde_json::Value>(|_| false).unwrap()["one"], 1);
    }
}
