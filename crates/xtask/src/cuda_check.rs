//! `cargo xtask cuda-check`: all checks and benchmarks that need a CUDA device.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{cargo, line, run as run_process};
use crate::{CommandResult, libtorch, workspace};

/// Runs the demo on the device, compares every network with PyTorch's numbers, and times a local
/// epoch against a plain loop.
///
/// The only argument is a folder with the libraries of a libtorch 2.11 with CUDA, for example
/// `…/site-packages/torch/lib`. The loader searches it first.
pub(crate) fn run(arguments: &[String]) -> CommandResult {
    let [folder] = arguments else {
        return Err("`cuda-check` takes one argument: the folder of a libtorch 2.11 with CUDA, such as `…/site-packages/torch/lib`".to_owned());
    };
    let folder = PathBuf::from(folder);
    if !folder.join("libtorch_cuda.so").exists() {
        return Err(format!(
            "`{}` has no `libtorch_cuda.so`; give the folder of a libtorch 2.11 with CUDA",
            folder.display()
        ));
    }
    libtorch::ready()?;
    let on_device = |command: &mut Command| {
        command.env("LD_LIBRARY_PATH", &folder);
        println!("\n== {}", line(command));
        run_process(command)
    };
    run_process(&mut cargo(&["build", "--release", "--package", "fedlayer"]))?;
    let out = workspace::target().join("cuda-check");
    if out.exists() {
        workspace::at(&out, std::fs::remove_dir_all(&out))?;
    }
    let mut demo = Command::new(workspace::target().join("release/fedlayer"));
    demo.args(["run", "scenarios/digits.toml", "--device", "cuda", "--out"]).arg(&out);
    on_device(demo.current_dir(workspace::root()))?;
    let parity = [
        "test",
        "--release",
        "--package",
        "fedlayer-torch",
        "--lib",
        "oracle",
        "--",
        "--nocapture",
    ];
    on_device(cargo(&parity).args(["--test-threads", "1"]).env("FEDLAYER_TEST_DEVICE", "cuda"))?;
    let bench = ["bench", "--package", "fedlayer", "--bench", "networks"];
    on_device(cargo(&bench).env("FEDLAYER_BENCH_DEVICE", "cuda"))?;
    println!("\nall checks ran; write the figures, the date and the device into `docs/cuda.md`");
    Ok(())
}
