//! Set-up and checks of the fedlayer workspace: `cargo xtask COMMAND`.
//!
//! * [`libtorch`] finds or fetches the library that everything else links to
//! * [`demo`], [`mod@test`] and [`mod@bench`] are the three things to do with a checkout; [`cuda_check`] is for a machine with a CUDA device
//! * [`fuzz`] and [`deny`]: hostile bytes, and what the project depends on
//! * [`image`] and [`compose_test`] are for containers
//! * [`process`] runs other programs; [`workspace`] knows where things are
//!
//! It needs the standard library only, so that it builds in seconds on a machine that has nothing yet.
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
mod fuzz;
mod image;
mod libtorch;
mod process;
mod test;
mod workspace;

use std::env;
use std::process::ExitCode;

/// What a command gives back: nothing, or a message that says what was found and what to do.
type Result<T = ()> = std::result::Result<T, String>;

/// One command of `cargo xtask`.
struct Command {
    name: &'static str,
    /// How its further arguments are written.
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result,
}

const COMMANDS: [Command; 9] = [
    Command {
        name: "libtorch",
        arguments: "",
        about: "make libtorch 2.11 ready: your LIBTORCH, an installed PyTorch, or a download by pip",
        run: libtorch::run,
    },
    Command {
        name: "demo",
        arguments: "[ARGS]",
        about: "build fedlayer and run scenarios/digits.toml to its table; ARGS go to `fedlayer run`",
        run: demo::run,
    },
    Command {
        name: "test",
        arguments: "",
        about: "all that CI does: fmt, clippy, tests, rustdoc, and a check of every scenario",
        run: test::run,
    },
    Command {
        name: "bench",
        arguments: "",
        about: "run every benchmark, each a ratio to something measured in the same run",
        run: bench::run,
    },
    Command {
        name: "fuzz",
        arguments: "[--seconds N] [TARGET…]",
        about: "fuzz every decoder, message and reader, or those that are named, for 10 s each",
        run: fuzz::run,
    },
    Command {
        name: "deny",
        arguments: "",
        about: "licences, sources and advisories of everything that this depends on",
        run: deny::run,
    },
    Command {
        name: "image",
        arguments: "",
        about: "put together what the container image holds, from this machine's build",
        run: image::run,
    },
    Command {
        name: "compose-test",
        arguments: "",
        about: "run docker-compose.yml, calm and with containers killed and cut off, where a Docker engine answers",
        run: compose_test::run,
    },
    Command {
        name: "cuda-check",
        arguments: "FOLDER",
        about: "the demo, the parity tests and the benchmark of networks on a CUDA device; FOLDER holds the libraries of a libtorch 2.11 with CUDA",
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
