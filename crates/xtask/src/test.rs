//! `cargo xtask test`: all that CI does, each check with its time, and what failed at the end.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{cargo, line, run as run_process, stdout};
use crate::workspace::{root, scenarios, target};
use crate::{Result, libtorch};

/// The checks that are one command of cargo.
const CARGO: [&[&str]; 4] = [
    &["fmt", "--all", "--check"],
    &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    &["test", "--workspace", "--locked", "--no-fail-fast"],
    &["doc", "--workspace", "--no-deps", "--locked"],
];

/// A check that was made.
struct Outcome {
    name: String,
    took: Duration,
    passed: bool,
}

/// Makes every check, also after one that failed.
pub(crate) fn run(_arguments: &[String]) -> Result {
    libtorch::ready()?;
    let mut outcomes: Vec<Outcome> =
        CARGO.iter().map(|arguments| check_with_cargo(arguments)).collect();
    outcomes.push(check("fedlayer check, every scenario", check_scenarios));
    summarize(&outcomes)
}

fn check_with_cargo(arguments: &[&str]) -> Outcome {
    let mut command = cargo(arguments);
    // Rustdoc's form of `-D warnings`; the other commands do not read it.
    command.env("RUSTDOCFLAGS", "-D warnings");
    check(&format!("cargo {}", arguments.join(" ")), || run_process(&mut command))
}

/// Makes one check under a heading, and says at once how it ended.
fn check(name: &str, make: impl FnOnce() -> Result) -> Outcome {
    println!("\n== {name}");
    let start = Instant::now();
    let result = make();
    let took = start.elapsed();
    match &result {
        Ok(()) => println!("ok in {:.1} s", took.as_secs_f64()),
        Err(message) => println!("FAILED in {:.1} s: {message}", took.as_secs_f64()),
    }
    Outcome { name: name.to_string(), took, passed: result.is_ok() }
}

/// What `fedlayer check` says where a scenario's data set is nowhere.
const NO_DATA: &str = "fedlayer data fetch";

/// Validates every file in `scenarios/` with the binary itself, and names all that fail. One whose data set is not on this machine is skipped,
/// and said to be. `FEDLAYER_TEST_DATA` names a folder of data sets.
fn check_scenarios() -> Result {
    let scenarios = scenarios()?;
    if scenarios.is_empty() {
        return Err("there is no scenario: no `*.toml` in `scenarios/`".to_string());
    }
    // Not `cargo build`: that chooses other features for some dependencies than the tests, and compiles them again.
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

fn summarize(outcomes: &[Outcome]) -> Result {
    println!("\n== summary");
    for Outcome { name, took, passed } in outcomes {
        let word = if *passed { "ok" } else { "FAILED" };
        println!("{word:<6} {:>7.1} s  {name}", took.as_secs_f64());
    }
    match outcomes.iter().filter(|outcome| !outcome.passed).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} checks failed, see above", outcomes.len())),
    }
}
