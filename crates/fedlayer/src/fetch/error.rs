//! [`FetchError`]: the reasons that a data set is not fetched, each with what to do.

use std::{io::ErrorKind, path::PathBuf};

use fedlayer_report::quantity;
use thiserror::Error;

use crate::{download_source::DownloadUrl, files::FileError};

/// The reason that a data set is not fetched.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    /// The server cannot be reached, or the connection is cut again and again.
    #[error(
        "could not fetch `{url}`: {reason}; tried {tries} times; {} of {} are in `{}`\nhint: the same command goes on from there; `--from` takes another address or a folder",
        bytes(*have), bytes(*of), part.display()
    )]
    Cut { url: DownloadUrl, reason: String, tries: usize, have: u64, of: u64, part: PathBuf },
    /// The address of a file is invalid.
    #[error(
        "`{address}` is not an address: {error}\nhint: name a mirror with `--from URL`, or a folder that has the file with `--from DIR`"
    )]
    Address { address: String, error: ureq::http::Error },
    /// The server refuses the file.
    #[error(
        "`{url}` answers {status}\nhint: name a mirror with `--from URL`, or a folder that has the file with `--from DIR`"
    )]
    Status { url: DownloadUrl, status: String },
    /// The file at the address has another length.
    #[error(
        "`{url}` is not the file that was published: it has {found} bytes, expected {expected}; nothing of it was kept\nhint: fetch it from another address with `--from URL`, or from a folder with `--from DIR`"
    )]
    Length { url: DownloadUrl, found: String, expected: u64 },
    /// The download has other contents.
    #[error(
        "`{from}` is not the file that was published; nothing of it was kept\n  found     {found}\n  expected  {expected}\nhint: try again; if that does not help, fetch it from another address with `--from URL` or from a folder with `--from DIR`"
    )]
    Hash { from: String, found: String, expected: String },
    /// An existing file has other contents.
    #[error(
        "`{}` is there already and is not the file that was published\n  found     {found}\n  expected  {expected}\nhint: move it away, or fetch into another folder with `--to`", path.display()
    )]
    Other { path: PathBuf, found: String, expected: String },
    /// An archive lacks a file or is damaged.
    #[error("`{archive}` cannot be unpacked: {reason}; nothing of it was kept")]
    Archive { archive: &'static str, reason: String },
    /// Another process fetches the same file.
    #[error("another process is writing `{}`\nhint: wait until it is done, or end it", .0.display())]
    Busy(PathBuf),
    /// No data folder is writable.
    #[error("no data folder can be written in\n  {}\nhint: name one with `--to`", .0.join("\n  "))]
    Nowhere(Vec<String>),
    /// `--from` is no folder.
    #[error(
        "`{}`, which `--from` names, {what}\nhint: `--from` takes a folder that is there, or an address that begins with `http://` or `https://`", path.display()
    )]
    From { path: PathBuf, what: &'static str },
    /// `--from` has none of the files.
    #[error(
        "there is no `{file}` in `{}`\nhint: `--from` takes a folder with the files of the set, or with a folder `{set}` of them", folder.display()
    )]
    Absent { file: &'static str, set: &'static str, folder: PathBuf },
    /// `--from` lacks some of the files.
    #[error(
        "these files were not there: {}; the others are in `{}`\nhint: scenarios whose `data.train` needs no more than the others run", missing.join(", "), folder.display()
    )]
    Incomplete { missing: Vec<&'static str>, folder: PathBuf },
    /// A file could not be read or written.
    #[error("{}{}", .0.bare(), hint(.0))]
    File(#[from] FileError),
}

impl FetchError {
    /// Tells whether the cause is a file of this machine, not the network or a download.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::File(_) | Self::Nowhere(_) | Self::Busy(_) | Self::Other { .. })
    }
}

fn bytes(bytes: u64) -> String {
    quantity::bytes(bytes as f64)
}

fn hint(error: &FileError) -> &'static str {
    if error.is_of_too_many_files() {
        return "\nhint: raise the limit of open files (`ulimit -n`); the same command goes on from there";
    }
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "\nhint: make room on that disk; the same command goes on from there. `--to` takes another folder"
        }
        ErrorKind::FileTooLarge => {
            "\nhint: raise the limit of a file's length (`ulimit -f`); the same command goes on from there"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
            "\nhint: choose another folder with `--to`, or allow writing there"
        }
        ErrorKind::AlreadyExists => {
            "\nhint: see what it is and remove it; `--to` takes another folder"
        }
        _ => "",
    }
}
