//! Values of arguments.

use std::{path::PathBuf, time::Duration};

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::download_source::{DownloadSource, DownloadUrl};

/// Reads the path of a folder to write to. `-` is refused: it usually means stdout, and would
/// become the name of a folder by accident.
pub(super) fn folder() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str() == "-" {
        true => {
            Err("a folder is needed, and none is written to stdout; a folder of that name is `./-`")
        }
        false => Ok(path),
    })
}

/// Reads a number of seconds above 0.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.01..=1e9).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0.01 to 1e9 is allowed".to_owned())
}

/// Reads the name of a worker, which becomes the name of its folder.
pub(super) fn worker_name(name: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fits = (1..=64).contains(&name.len()) && name.chars().all(is_plain);
    match fits && !name.starts_with(['.', '-']) {
        true => Ok(name.to_owned()),
        false => Err("1 to 64 letters, digits, `-`, `_` and `.` are allowed, the first a letter, a digit or `_`".to_owned()),
    }
}

/// Reads the address of a server of http or https.
pub(super) fn server(text: &str) -> Result<DownloadUrl, String> {
    match text.parse()? {
        DownloadSource::Mirror(url) => Ok(url),
        DownloadSource::Home | DownloadSource::Folder(_) => {
            Err("the address of a tracking server is needed, such as `http://127.0.0.1:5000`"
                .to_owned())
        }
    }
}
