//! Runs other programs. Errors name the program and how it ended.

use std::env;
use std::path::Path;
use std::process::{Command, ExitStatus, Output};

use crate::{CommandResult, libtorch, workspace};

/// Returns a command of the cargo that runs this program, in the workspace's root.
///
/// The `LIBTORCH` that `.cargo/config.toml` sets for this program is removed. The inner cargo sets
/// it again, so it has the environment of a cargo that is called by hand and rebuilds nothing.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    if libtorch::chosen_by_user().is_none() {
        command.env_remove("LIBTORCH");
    }
    command
}

/// Runs a program with the terminal as its output.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> CommandResult {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` {}", line(command), ending(status))) }
}

/// Runs a program and returns its standard output.
///
/// # Errors
/// When it cannot be started or fails; the message contains its standard error.
pub(crate) fn stdout(command: &mut Command) -> CommandResult<String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&stderr);
    Err(format!("`{}` {}\n{}", line(command), ending(status), said.trim_end()))
}

/// Returns whether a program can be started and succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Returns a command as one would type it, without the program's folder and without scripts.
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
