//! The files of the repository, and what a rule says when some of them break it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold nothing of ours; those that begin with a dot are left out as well.
const NOT_OURS: [&str; 2] = ["target", "runs"];

/// Returns all files of the repository with this extension, in order.
pub(crate) fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if is_our_folder(&path) {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_our_folder(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_ours = !name.starts_with('.') && !NOT_OURS.contains(&&*name);
    is_ours && path.is_dir() && !path.is_symlink()
}

/// Returns what is in a folder.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    read.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Reads a file.
pub(crate) fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Reads a Rust file as a syntax tree.
pub(super) fn syntax(file: &Path) -> syn::File {
    syn::parse_file(&text(file)).unwrap_or_else(|error| panic!("{}: {error}", shown(file)))
}

/// Returns whether a Rust file is a test, a bench, an example or a fuzz target as a whole.
pub(super) fn is_beside_the_program(file: &Path) -> bool {
    let path = shown(file);
    ["tests/", "bench/", "fuzz/"].iter().any(|folder| path.starts_with(folder))
        || ["/tests/", "/examples/"].iter().any(|folder| path.contains(folder))
}

/// Writes a path as one would type it in the root.
pub(crate) fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// Fails with every complaint, if there is one.
pub(super) fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n\n{}\n", wrong.join("\n\n"));
}
