//! Set-up and checks of the fedlayer workspace: `cargo xtask COMMAND`.
//!
//! * [`libtorch`] finds or downloads the library that the workspace links to.
//! * [`demo`], [`mod@test`] and [`mod@bench`] run the first scenario, all checks and all
//!   benchmarks; [`cuda_check`] does so on a machine with a CUDA device.
//! * [`fuzz`] fuzzes all decoders; [`deny`] checks the dependencies.
//! * [`image`] and [`compose_test`] build and test the container image.
//! * [`export_test`] has the programs of others read an export.
//! * [`process`] runs other programs; [`workspace`] finds the workspace's files.
//!
//! It uses the standard library only, so it builds in seconds on a new machine.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to the person at the terminal is what this program does"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "fedlayer/src/files.rs is out of reach here; `workspace::at` puts the path into every file error"
)]

mod bench;
mod compose_test;
mod cuda_check;
mod demo;
mod deny;
mod export_test;
mod fuzz;
mod image;
mod libtorch;
mod process;
mod test;
mod workspace;

use std::env;
use std::process::ExitCode;

/// The result of a command. An error message says what was found and what to do.
type CommandResult<T = ()> = std::result::Result<T, String>;

/// One command of `cargo xtask`.
struct Command {
    name: &'static str,
    /// The form of its arguments in the help text.
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> CommandResult,
}

const COMMANDS: [Command; 10] = [
    Command {
        name: "libtorch",
        arguments: "",
        about: "make libtorch 2.11 available: from LIBTORCH, an installed PyTorch, or a download by pip",
        run: libtorch::run,
    },
    Command {
        name: "demo",
        arguments: "[ARGS]",
        about: "build fedlayer and run scenarios/digits.toml; ARGS are passed to `fedlayer run`",
        run: demo::run,
    },
    Command {
        name: "test",
        arguments: "",
        about: "run all checks of CI: format, clippy, tests, rustdoc and every scenario",
        run: test::run,
    },
    Command {
        name: "bench",
        arguments: "",
        about: "run every benchmark; each reports a ratio of two times from the same run",
        run: bench::run,
    },
    Command {
        name: "fuzz",
        arguments: "[--seconds N] [TARGET…]",
        about: "fuzz all decoders, messages and readers, or the named ones, for 10 s each",
        run: fuzz::run,
    },
    Command {
        name: "deny",
        arguments: "",
        about: "check licences, sources and advisories of all dependencies",
        run: deny::run,
    },
    Command {
        name: "image",
        arguments: "",
        about: "build the release binary and collect the files of the container image",
        run: image::run,
    },
    Command {
        name: "compose-test",
        arguments: "",
        about: "run docker-compose.yml undisturbed and with killed and disconnected containers; needs Docker",
        run: compose_test::run,
    },
    Command {
        name: "export-test",
        arguments: "",
        about: "install TensorBoard, MLflow, pandas, polars and duckdb; they must read what `fedlayer export` writes",
        run: export_test::run,
    },
    Command {
        name: "cuda-check",
        arguments: "FOLDER",
        about: "run the demo, the parity tests and a benchmark on a CUDA device; FOLDER contains the libraries of a libtorch 2.11 with CUDA",
        run: cuda_check::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return ExitCode::SUCCESS;
    };
    if ["--help", "-h", "help"].contains(&name.as_str()) {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("error: no command `{name}`\n\n{}", help());
        return ExitCode::from(2);
    };
    if command.arguments.is_empty()
        && let Some(extra) = rest.first()
    {
        eprintln!("error: `{name}` takes no arguments, found `{extra}`\n\n{}", help());
        return ExitCode::from(2);
    }
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let mut text = String::from(
        "Set-up and checks of the fedlayer workspace\n\nUsage: cargo xtask COMMAND\n\nCommands:\n",
    );
    for command in &COMMANDS {
        let call = format!("{} {}", command.name, command.arguments);
        text.push_str(&format!("  {call:<17} {}\n", command.about));
    }
    text
}
