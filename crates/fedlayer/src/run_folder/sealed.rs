//! JSON files that carry their own checksum: [`seal`] writes one, [`Sealed`] is one that was read.
//!
//! The checksum is the value of the last key, on a line of its own: the BLAKE3 hash of all bytes before that line.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use crate::{exit::Failure, files};

/// What stands before the checksum.
const BEFORE: &str = ",\n  \"checksum\": \"";

/// What stands behind the checksum.
const BEHIND: &str = "\"\n}\n";

/// Writes a struct or a map as JSON for people, with a checksum of it as the last key.
pub(crate) fn seal<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_string_pretty(value)?;
    let body = text.strip_suffix("\n}").unwrap_or(&text);
    Ok(format!("{body}{BEFORE}{}{BEHIND}", checksum(body)).into_bytes())
}

fn checksum(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex().to_string()
}

/// The text of a JSON file, and whether its bytes are the ones that were written.
#[derive(Debug)]
pub(crate) struct Sealed {
    text: String,
    seal: Seal,
}

/// What a file's checksum says.
#[derive(Debug, PartialEq, Eq)]
enum Seal {
    /// The file is as it was written.
    Whole,
    /// The file has changed since.
    Broken(String),
    /// The file carries no checksum: an earlier version wrote it.
    Absent,
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
                found => Seal::Broken(format!(
                    "its checksum is {found}; {expected} was written: bytes of it have changed since"
                )),
            },
        };
        Self { text, seal }
    }

    /// The value, if the file is JSON of that form.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.text)
    }

    /// The value of a file that was written with a checksum or, where `must` says no, by an earlier version.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub(crate) fn checked<T: DeserializeOwned>(
        &self,
        must: impl FnOnce(&T) -> bool,
    ) -> Result<T, String> {
        if let Seal::Broken(reason) = &self.seal {
            return Err(reason.clone());
        }
        let value: T = self.value().map_err(|error| error.to_string())?;
        match self.seal == Seal::Absent && must(&value) {
            true => Err("its last line, which held its checksum, has changed".to_owned()),
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
