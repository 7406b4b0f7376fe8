//! `cargo xtask export-test`: the real TensorBoard, MLflow, pandas, polars and duckdb read what
//! `fedlayer export` writes, and find the numbers of the JSON lines.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::CommandResult;
use crate::libtorch::python;
use crate::process::{cargo, run as run_process};
use crate::workspace::{at, root, target};

/// The packages with pinned versions.
const REQUIREMENTS: &str = "tests/export/requirements.txt";

/// Installs the programs into a virtual environment below the target folder, once, and checks the
/// export of a small run with them.
pub(crate) fn run(_arguments: &[String]) -> CommandResult {
    if !python::is_there() {
        println!("skipped: there is no `python3`");
        return Ok(());
    }
    let folder = target().join("export-test");
    let venv = folder.join("venv");
    install(&venv)?;
    run_process(&mut cargo(&["build", "--quiet", "-p", "fedlayer"]))?;
    let python = venv.join("bin/python");
    run_process(root_command(&python).args(["-m", "unittest", "discover", "python/tests"]))?;
    let scratch = folder.join("check");
    if scratch.exists() {
        at(&scratch, fs::remove_dir_all(&scratch))?;
    }
    at(&scratch, fs::create_dir_all(&scratch))?;
    let program = target().join("debug/fedlayer");
    run_process(root_command(&python).arg("tests/export/check.py").args([&program, &scratch]))
}

/// Installs the pinned programs and the package `fedlayer`. They are installed again only if the
/// list of versions has changed.
fn install(venv: &Path) -> CommandResult {
    let wanted = at(Path::new(REQUIREMENTS), fs::read_to_string(root().join(REQUIREMENTS)))?;
    let mark = venv.join("installed.txt");
    let pip = |arguments: &[&str]| {
        let mut command = root_command(&venv.join("bin/python"));
        command.args(["-m", "pip", "install", "--quiet", "--no-input"]).args(arguments);
        run_process(&mut command)
    };
    if fs::read_to_string(&mark).ok().as_ref() != Some(&wanted) {
        run_process(python::python().args(["-m", "venv", "--clear"]).arg(venv))?;
        pip(&["--requirement", REQUIREMENTS])?;
        at(&mark, fs::write(&mark, wanted))?;
    }
    pip(&["--no-deps", "--force-reinstall", "./python"])
}

/// Returns a command in the checkout's root.
fn root_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}
