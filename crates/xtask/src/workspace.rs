//! The paths of the workspace, and file errors that name their path.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::CommandResult;

/// Returns the folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.parent().and_then(Path::parent);
    root.unwrap_or(package).to_path_buf()
}

/// Returns the folder of build outputs: `CARGO_TARGET_DIR`, or `target` in the workspace.
pub(crate) fn target() -> PathBuf {
    let folder = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(folder)
}

/// Returns the paths of all scenarios, relative to the root and sorted.
pub(crate) fn scenarios() -> CommandResult<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("scenarios")];
    while let Some(folder) = folders.pop() {
        for path in entries(&root().join(&folder))? {
            let relative = folder.join(path.file_name().unwrap_or_default());
            if path.is_dir() {
                folders.push(relative);
            } else if relative.extension().is_some_and(|extension| extension == "toml") {
                found.push(relative);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the full paths of a folder's entries, sorted.
pub(crate) fn entries(folder: &Path) -> CommandResult<Vec<PathBuf>> {
    let read = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = at(folder, read())?;
    paths.sort();
    Ok(paths)
}

/// Adds the path to the error of a file operation.
pub(crate) fn at<T>(path: &Path, result: io::Result<T>) -> CommandResult<T> {
    result.map_err(|error| format!("`{}`: {error}", path.display()))
}
