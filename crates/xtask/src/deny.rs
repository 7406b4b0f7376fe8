//! `cargo xtask deny`: licences, sources, versions and advisories of everything that the project depends on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::{cargo, line, run as run_process, succeeds};
use crate::workspace::{root, target};

/// What can be checked wherever crates can be had.
const ALWAYS: [&str; 3] = ["bans", "licenses", "sources"];

/// The workspaces: the project's, and that of the fuzzer.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// Checks both workspaces. Without the database of advisories, which lies on GitHub, that is said and the rest is checked.
pub(crate) fn run(_arguments: &[String]) -> Result {
    let program = installed()?;
    for manifest in MANIFESTS {
        run_process(&mut check(&program, manifest, &ALWAYS))?;
    }
    if !succeeds(deny(&program, MANIFESTS[0]).arg("fetch")) {
        println!("advisories are not checked: their database cannot be had from here");
        return Ok(());
    }
    for manifest in MANIFESTS {
        run_process(&mut check(&program, manifest, &["advisories"]))?;
    }
    Ok(())
}

fn check(program: &Path, manifest: &str, what: &[&str]) -> Command {
    let mut command = deny(program, manifest);
    command.arg("check").arg("--hide-inclusion-graph").args(what);
    println!("{}", line(&command));
    command
}

/// The program for a workspace. All go by the same rules.
fn deny(program: &Path, manifest: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).args(["--manifest-path", manifest, "--config", "deny.toml"]);
    command
}

/// The program: the one on the path, or one of our own, which takes about a minute once.
fn installed() -> Result<PathBuf> {
    if succeeds(Command::new("cargo-deny").arg("--version")) {
        return Ok("cargo-deny".into());
    }
    let folder = target().join("tools");
    let program = folder.join("bin/cargo-deny");
    if !succeeds(Command::new(&program).arg("--version")) {
        let mut install =
            cargo(&["install", "cargo-deny", "--version", VERSION, "--locked", "--root"]);
        // It runs for a second: it need not be fast.
        install
            .arg(&folder)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off");
        run_process(&mut install)?;
    }
    Ok(program)
}

/// The version that is installed where there is none.
const VERSION: &str = "0.20.2";
