//! `cargo xtask image`: collects the files of the container image in `target/image`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::CommandResult;
use crate::libtorch;
use crate::process::{cargo, run as run_process, succeeds};
use crate::workspace::{at, entries, root, target};

/// Builds the release binary and lays it out with its libraries as below `/usr/local`.
pub(crate) fn run(_arguments: &[String]) -> CommandResult {
    libtorch::ready()?;
    run_process(&mut cargo(&["build", "--release", "--locked", "--package", "fedlayer"]))?;
    let image = target().join("image");
    let (bin, lib) = (image.join("bin"), image.join("lib/fedlayer"));
    for folder in [&bin, &lib] {
        at(folder, fs::create_dir_all(folder))?;
    }
    let binary = bin.join("fedlayer");
    copy(target().join("release/fedlayer"), &binary)?;
    // Without symbols the binary is smaller. If there is no `strip`, it stays larger.
    let _stripped = succeeds(Command::new("strip").arg(&binary));
    let from = libtorch::chosen_by_user().unwrap_or_else(|| root().join(".libtorch")).join("lib");
    for library in entries(&from)? {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if NEEDED.iter().any(|needed| name.starts_with(needed)) {
            copy(library, &lib.join(&name))?;
        }
    }
    println!("{}", image.display());
    Ok(())
}

/// The shared libraries that the binary needs, directly or indirectly.
const NEEDED: [&str; 5] = ["libtorch_cpu.", "libc10.", "libgomp", "libcupti", "libcudart"];

fn copy(from: PathBuf, to: &PathBuf) -> CommandResult {
    at(&from, fs::copy(&from, to)).map(drop)
}
