//! Unpacks the files of a data set from its archive.

use std::{
    io::Read,
    path::{Component, Path},
};

use fedlayer_data::Unpack;
use flate2::read::GzDecoder;

use super::FetchError;
use crate::files::{self, PartFile};

/// Unpacks the wanted members into a folder, all of them or none. The names come from the
/// catalogue, never from the archive; an archive with a path that leaves its folder is refused.
pub(crate) fn unpack(
    how: Unpack,
    archive: &'static str,
    path: &Path,
    into: &Path,
) -> Result<(), FetchError> {
    let mut parts = Vec::new();
    let unpacked = match how {
        Unpack::AsItIs => return Ok(()),
        Unpack::TarGz(members) => tar_gz(archive, path, members, into, &mut parts),
    };
    let is_whole = unpacked.is_ok();
    for (part, name) in parts {
        if is_whole { part.finish(&into.join(name))? } else { part.discard()? }
    }
    unpacked
}

/// Pairs of a member's path in the archive and the name that it gets.
type Members = &'static [(&'static str, &'static str)];

fn tar_gz(
    archive: &'static str,
    path: &Path,
    members: Members,
    into: &Path,
    parts: &mut Vec<(PartFile, &'static str)>,
) -> Result<(), FetchError> {
    let broken = |reason: String| FetchError::Archive { archive, reason };
    let mut tar = tar::Archive::new(GzDecoder::new(files::open(path)?));
    for entry in tar.entries().map_err(|error| broken(error.to_string()))? {
        let mut entry = entry.map_err(|error| broken(error.to_string()))?;
        let inside = entry.path().map_err(|error| broken(error.to_string()))?.into_owned();
        if !stays(&inside) {
            return Err(broken(format!("`{}` leads out of its folder", inside.display())));
        }
        let Some(&(_, name)) = members.iter().find(|(member, _)| inside == Path::new(member))
        else {
            continue;
        };
        if !entry.header().entry_type().is_file() {
            return Err(broken(format!("`{}` is no plain file", inside.display())));
        }
        parts.push((member(&mut entry, &broken, &into.join(name))?, name));
    }
    let is_missing = |(_, name): &&(_, &str)| parts.iter().all(|(_, there)| there != name);
    match members.iter().find(is_missing) {
        Some((member, _)) => Err(broken(format!("there is no `{member}` in it"))),
        None => Ok(()),
    }
}

/// Tells whether a path of an archive stays below the target folder.
fn stays(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// The largest member: larger than any of a known set, and too small to fill a disk.
const LARGEST_MEMBER: u64 = 1 << 30;

fn member(
    entry: &mut impl Read,
    broken: &impl Fn(String) -> FetchError,
    to: &Path,
) -> Result<PartFile, FetchError> {
    let beside = to.with_added_extension("part");
    let mut part =
        PartFile::open(beside.clone())?.ok_or_else(|| FetchError::Busy(beside.clone()))?;
    match fill(&mut part, entry, broken, to) {
        Ok(()) => Ok(part),
        Err(error) => {
            part.discard()?;
            Err(error)
        }
    }
}

/// Writes a member into its part file.
fn fill(
    part: &mut PartFile,
    entry: &mut impl Read,
    broken: &impl Fn(String) -> FetchError,
    to: &Path,
) -> Result<(), FetchError> {
    part.restart()?;
    let mut piece = vec![0; 1 << 18];
    loop {
        let count = entry.read(&mut piece).map_err(|error| broken(error.to_string()))?;
        if count == 0 {
            return Ok(());
        }
        if part.bytes() + count as u64 > LARGEST_MEMBER {
            let name = to.file_name().unwrap_or_default().display();
            return Err(broken(format!("`{name}` unpacks to more than {LARGEST_MEMBER} bytes")));
        }
        part.append(&piece[..count])?;
    }
}
