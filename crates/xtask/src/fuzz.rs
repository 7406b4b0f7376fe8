//! `cargo xtask fuzz`: fuzzes every decoder, message and file reader.
//!
//! The targets are built as `cargo fuzz` builds them, but with the stable compiler and therefore
//! without sanitizers. Nothing needs to be installed. Inputs that reach new code are kept in
//! `fuzz/corpus/`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::available_parallelism;

use crate::process::{cargo, line, run as run_process, stdout};
use crate::workspace::{at, entries, root, target};
use crate::{CommandResult, libtorch};

/// Compiler flags that record for libFuzzer the branches taken and the values compared.
const INSTRUMENTED: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The limits of libFuzzer: the memory in all, the time and the length of one input.
const LIMITS: [&str; 3] = ["-rss_limit_mb=1024", "-timeout=20", "-max_len=16384"];

/// Fuzzes the named targets, or all of them, for a number of seconds each.
pub(crate) fn run(arguments: &[String]) -> CommandResult {
    let (seconds, names) = wishes(arguments)?;
    let all = targets()?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name) && *name != READERS) {
        return Err(format!("no target `{unknown}`; there are: {}, {READERS}", all.join(", ")));
    }
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let wanted: Vec<String> = all.into_iter().filter(|name| is_wanted(name)).collect();
    let mut failed = Vec::new();
    if !wanted.is_empty() {
        let programs = build()?;
        let cores = available_parallelism().map_or(1, usize::from);
        for names in wanted.chunks(cores) {
            failed.extend(fuzz_together(&programs, names, seconds)?);
        }
    }
    if is_wanted(READERS) && read_hostile_files(seconds).is_err() {
        failed.push(READERS.to_string());
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("these targets failed: {}; see above", failed.join(", "))),
    }
}

/// Reads the seconds for each target (10 by default) and the names of targets.
fn wishes(arguments: &[String]) -> CommandResult<(u32, Vec<String>)> {
    let (mut seconds, mut names) = (10, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument != "--seconds" {
            names.push(argument.clone());
            continue;
        }
        let given = arguments.next().map_or("nothing", String::as_str);
        seconds = given.parse().map_err(|_| {
            format!("`--seconds` takes a whole number of seconds for each target, found {given}")
        })?;
    }
    Ok((seconds, names))
}

/// Returns the names of libFuzzer's targets: the files in `fuzz/fuzz_targets/`.
fn targets() -> CommandResult<Vec<String>> {
    let files = entries(&root().join("fuzz/fuzz_targets"))?;
    let name = |file: &PathBuf| Some(file.file_stem()?.to_string_lossy().into_owned());
    Ok(files.iter().filter_map(name).collect())
}

/// Builds all targets and returns their folder.
fn build() -> CommandResult<PathBuf> {
    let version = stdout(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("`rustc -vV` names no host")?;
    let folder = target().join("fuzz");
    // With an explicit `--target`, build scripts and macros are not instrumented.
    let mut command = cargo(&["build", "--release", "--bins", "--locked", "--target", host]);
    command
        .current_dir(root().join("fuzz"))
        .env("RUSTFLAGS", INSTRUMENTED.join(" "))
        .env("CARGO_TARGET_DIR", &folder);
    run_process(&mut command)?;
    Ok(folder.join(host).join("release"))
}

/// Runs targets at the same time; returns the names of those that fail.
fn fuzz_together(programs: &Path, names: &[String], seconds: u32) -> CommandResult<Vec<String>> {
    let begun: CommandResult<Vec<(Child, String)>> =
        names.iter().map(|name| begin(programs, name, seconds)).collect();
    let mut failed = Vec::new();
    for (mut child, line) in begun? {
        let status = child.wait().map_err(|error| format!("`{line}`: {error}"))?;
        if !status.success() {
            println!("FAILED: `{line}`: {status}");
            failed.push(line.split(' ').next().unwrap_or_default().to_string());
        }
    }
    Ok(failed)
}

/// Starts to fuzz one target. Inputs that reach new code are added to its corpus; inputs that fail
/// are written to `fuzz/artifacts/`.
fn begin(programs: &Path, name: &str, seconds: u32) -> CommandResult<(Child, String)> {
    let fuzz = root().join("fuzz");
    let (corpus, failures) = (fuzz.join("corpus").join(name), fuzz.join("artifacts").join(name));
    for folder in [&corpus, &failures] {
        at(folder, fs::create_dir_all(folder))?;
    }
    let log = target().join("fuzz").join(format!("{name}.log"));
    let log_file = at(&log, fs::File::create(&log))?;
    let mut command = Command::new(programs.join(name));
    command
        .arg(format!("-max_total_time={seconds}"))
        .args(LIMITS)
        .arg(format!("-artifact_prefix={}/", failures.display()))
        .arg(corpus)
        .env("RUST_BACKTRACE", "1")
        .stdout(at(&log, log_file.try_clone())?)
        .stderr(log_file);
    println!("{name}: {seconds} s, log in {}", log.display());
    let child = command.spawn().map_err(|error| format!("cannot start `{name}`: {error}"))?;
    Ok((child, line(&command)))
}

/// The name of the target for the binary's own readers, which run in its unit tests.
const READERS: &str = "readers";

fn read_hostile_files(seconds: u32) -> CommandResult {
    println!("{READERS}: {seconds} s each");
    libtorch::ready()?;
    let mut command = cargo(&["test", "--package", "fedlayer", "--bins", "--locked", "hostile::"]);
    // A value that the user has set wins.
    if env::var_os("FEDLAYER_FUZZ_SECONDS").is_none() {
        command.env("FEDLAYER_FUZZ_SECONDS", seconds.to_string());
    }
    run_process(&mut command)
}
