//! `cargo xtask bench`: the benches of the binary's package.

use crate::Result;
use crate::libtorch;
use crate::process::{cargo, run as run_process};

/// Runs the benches; further arguments go to them.
pub(crate) fn run(arguments: &[String]) -> Result {
    libtorch::ready()?;
    run_process(cargo(&["bench", "--package", "fedlayer", "--"]).args(arguments))
}
