//! `cargo xtask bench`: every benchmark. Each reports a ratio of two times from the same run.

use crate::CommandResult;
use crate::libtorch;
use crate::process::{cargo, run as run_process};

/// The benchmarks: package and name.
const BENCHES: [(&str, &str); 5] = [
    ("fedlayer-core", "averaging"),
    ("fedlayer", "rounds"),
    ("fedlayer", "networks"),
    ("fedlayer", "barriers"),
    ("fedlayer-runtime", "protocol"),
];

/// Runs every benchmark.
pub(crate) fn run(_arguments: &[String]) -> CommandResult {
    libtorch::ready()?;
    for (package, bench) in BENCHES {
        run_process(&mut cargo(&["bench", "--package", package, "--bench", bench]))?;
    }
    Ok(())
}
