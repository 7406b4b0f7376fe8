//! Running other programs, with errors that say which, why and how it ended.

use std::env;
use std::path::Path;
use std::process::{Command, ExitStatus, Output};

use crate::{Result, libtorch, workspace};

/// The cargo that runs this program, in the workspace's root.
///
/// The `LIBTORCH` that `.cargo/config.toml` gave to this program is taken away again, for the inner cargo to give
/// anew: so it sees what a cargo typed by hand sees, and builds nothing twice.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    if libtorch::chosen_by_user().is_none() {
        command.env_remove("LIBTORCH");
    }
    command
}

/// Runs a program that talks to the terminal itself; an error unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` {}", line(command), ending(status))) }
}

/// Runs a program quietly and gives what it wrote to stdout; an error, with what it said, unless it succeeds.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&stderr);
    Err(format!("`{}` {}\n{}", line(command), ending(status), said.trim_end()))
}

/// Whether a program is there and succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// A command as one would type it: the program without its folder, arguments of many lines (scripts) left out.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy()];
    for argument in command.get_args() {
        let word = argument.to_string_lossy();
        words.push(if word.contains('\n') { "…".into() } else { word });
    }
    words.join(" ")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start `{}`: {error}", command.get_program().to_string_lossy())
}

fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("failed with exit code {code}"),
        None => format!("was ended by a signal ({status})"),
    }
}
