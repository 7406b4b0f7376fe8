//! `cargo xtask test`: all checks of CI, with a summary at the end.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{cargo, line, run as run_process, stdout};
use crate::workspace::{root, scenarios, target};
use crate::{CommandResult, libtorch};

/// The checks that are single cargo commands.
const CARGO: [&[&str]; 4] = [
    &["fmt", "--all", "--check"],
    &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    &["test", "--workspace", "--locked", "--no-fail-fast"],
    &["doc", "--workspace", "--no-deps", "--locked"],
];

/// The outcome of a check.
struct CheckOutcome {
    name: String,
    took: Duration,
    passed: bool,
}

/// Runs every check, even after a failure.
pub(crate) fn run(_arguments: &[String]) -> CommandResult {
    libtorch::ready()?;
    let mut outcomes: Vec<CheckOutcome> =
        CARGO.iter().map(|arguments| check_with_cargo(arguments)).collect();
    outcomes.push(check("fedlayer check, every scenario", check_scenarios));
    summarize(&outcomes)
}

fn check_with_cargo(arguments: &[&str]) -> CheckOutcome {
    let mut command = cargo(arguments);
    // This is rustdoc's form of `-D warnings`; the other commands ignore it.
    command.env("RUSTDOCFLAGS", "-D warnings");
    check(&format!("cargo {}", arguments.join(" ")), || run_process(&mut command))
}

/// Runs one check under a heading and prints its outcome.
fn check(name: &str, make: impl FnOnce() -> CommandResult) -> CheckOutcome {
    println!("\n== {name}");
    let start = Instant::now();
    let result = make();
    let took = start.elapsed();
    match &result {
        Ok(()) => println!("ok in {:.1} s", took.as_secs_f64()),
        Err(message) => println!("FAILED in {:.1} s: {message}", took.as_secs_f64()),
    }
    CheckOutcome { name: name.to_string(), took, passed: result.is_ok() }
}

/// The part of `fedlayer check`'s message that tells that a data set is absent.
const NO_DATA: &str = "fedlayer data fetch";

/// Validates every file in `scenarios/` with the binary, and names all that fail.
///
/// Scenarios with a data set that is not on this machine are skipped with a message.
/// `FEDLAYER_TEST_DATA` names a folder of data sets.
fn check_scenarios() -> CommandResult {
    let scenarios = scenarios()?;
    if scenarios.is_empty() {
        return Err("there is no scenario: no `*.toml` in `scenarios/`".to_string());
    }
    // `cargo build` would compile some dependencies again, with other features than the tests have.
    run_process(&mut cargo(&["test", "--workspace", "--locked", "--no-run", "--quiet"]))?;
    let binary = target().join("debug/fedlayer");
    let mut failed = Vec::new();
    for scenario in scenarios {
        let mut command = Command::new(&binary);
        command.arg("check").arg(&scenario).current_dir(root());
        if let Some(data) = std::env::var_os("FEDLAYER_TEST_DATA") {
            command.env("FEDLAYER_DATA", data);
        }
        println!("{}", line(&command));
        match stdout(&mut command) {
            Ok(text) => print!("{text}"),
            Err(message) if message.contains(NO_DATA) => {
                println!(
                    "skipped: its data set is not on this machine; `FEDLAYER_TEST_DATA` names a folder of data sets"
                );
            }
            Err(message) => failed.push(message),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn summarize(outcomes: &[CheckOutcome]) -> CommandResult {
    println!("\n== summary");
    for CheckOutcome { name, took, passed } in outcomes {
        let word = if *passed { "ok" } else { "FAILED" };
        println!("{word:<6} {:>7.1} s  {name}", took.as_secs_f64());
    }
    match outcomes.iter().filter(|outcome| !outcome.passed).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} checks failed, see above", outcomes.len())),
    }
}
