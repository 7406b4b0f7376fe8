//! `cargo xtask deny`: checks licences, sources, versions and advisories of all dependencies.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::CommandResult;
use crate::process::{cargo, line, run as run_process, succeeds};
use crate::workspace::{root, target};

/// The checks that need no database of advisories.
const ALWAYS: [&str; 3] = ["bans", "licenses", "sources"];

/// The manifests of the workspaces: the project's and the fuzzer's.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// Checks both workspaces. Advisories are skipped, with a message, if GitHub cannot be reached.
pub(crate) fn run(_arguments: &[String]) -> CommandResult {
    let program = installed()?;
    for manifest in MANIFESTS {
        run_process(&mut check(&program, manifest, &ALWAYS))?;
    }
    if !succeeds(deny(&program, MANIFESTS[0]).arg("fetch")) {
        println!("advisories are not checked: their database cannot be downloaded");
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

/// Returns a command of `cargo-deny` for a workspace. All workspaces have the same rules.
fn deny(program: &Path, manifest: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).args(["--manifest-path", manifest, "--config", "deny.toml"]);
    command
}

/// Returns `cargo-deny`: the one on the path, or one in `target/tools`, which takes a minute to
/// build.
fn installed() -> CommandResult<PathBuf> {
    if succeeds(Command::new("cargo-deny").arg("--version")) {
        return Ok("cargo-deny".into());
    }
    let folder = target().join("tools");
    let program = folder.join("bin/cargo-deny");
    if !succeeds(Command::new(&program).arg("--version")) {
        let mut install =
            cargo(&["install", "cargo-deny", "--version", VERSION, "--locked", "--root"]);
        // It runs for a second, so an optimised build is not worth its time.
        install
            .arg(&folder)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off");
        run_process(&mut install)?;
    }
    Ok(program)
}

/// The version that is installed if there is none.
const VERSION: &str = "0.20.2";
