//! Compares the length and the SHA-256 of a file with the published ones.

use std::{fmt::Write, io::Read, path::Path};

use fedlayer_data::Download;
use sha2::{Digest, Sha256};

use super::FetchError;
use crate::files::{self, FileError, PartFile};

/// Returns a download that is the published file; removes any other. `from` is its source in
/// messages.
pub(crate) fn fetched(
    part: PartFile,
    from: &str,
    download: &Download,
) -> Result<PartFile, FetchError> {
    let Some((found, expected)) = difference(part.path(), download)? else { return Ok(part) };
    part.discard()?;
    Err(FetchError::Hash { from: from.to_owned(), found, expected })
}

/// Checks that an existing file is the published one. It is never changed.
pub(crate) fn existing(path: &Path, download: &Download) -> Result<(), FetchError> {
    match difference(path, download)? {
        None => Ok(()),
        Some((found, expected)) => {
            Err(FetchError::Other { path: path.to_owned(), found, expected })
        }
    }
}

/// Describes both contents of a file that is not the published one; `None` if it is.
fn difference(path: &Path, download: &Download) -> Result<Option<(String, String)>, FileError> {
    let (bytes, hash) = sha256(path)?;
    let is_published = bytes == download.bytes && hash.eq_ignore_ascii_case(download.sha256);
    let say = |bytes: u64, hash: &str| format!("{bytes} bytes, sha256 {hash}");
    Ok((!is_published).then(|| (say(bytes, &hash), say(download.bytes, download.sha256))))
}

/// Returns the length and the SHA-256 of a file, in hexadecimal.
fn sha256(path: &Path) -> Result<(u64, String), FileError> {
    let mut reader = files::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let count = reader.read(&mut piece).map_err(|error| FileError::reading(path, error))?;
        if count == 0 {
            break;
        }
        hash.update(&piece[..count]);
        bytes += count as u64;
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        // Writing into a string cannot fail.
        let _written = write!(text, "{byte:02x}");
    }
    Ok((bytes, text))
}

/// Returns the SHA-256 of bytes, in hexadecimal.
#[cfg(test)]
pub(super) fn hash_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
