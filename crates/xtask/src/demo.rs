//! `cargo xtask demo`: builds fedlayer and runs the first scenario.

use std::process::Command;

use crate::CommandResult;
use crate::process::{cargo, line, run as run_process};
use crate::{libtorch, workspace};

const SCENARIO: &str = "scenarios/digits.toml";

/// Builds the binary and runs the first scenario. `arguments` are passed to `fedlayer run`.
pub(crate) fn run(arguments: &[String]) -> CommandResult {
    libtorch::ready()?;
    run_process(&mut cargo(&["build", "--release", "--package", "fedlayer"]))?;
    let mut demo = Command::new(workspace::target().join("release/fedlayer"));
    demo.args(["run", SCENARIO]).args(arguments).current_dir(workspace::root());
    println!("{}", line(&demo));
    run_process(&mut demo)
}
