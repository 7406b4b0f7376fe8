//! Downloads PyTorch's wheel by pip, with the two NVIDIA libraries that it needs even on a CPU.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::assemble::{self, Placement};
use super::python::{self, Site};
use super::{VERSION, require_compiler};
use crate::CommandResult;
use crate::process::{line, run, stdout};
use crate::workspace::{at, entries};

/// The disk space for the wheels, the files unpacked from them, and the following build.
const NEEDED_MB: u64 = 2500;

/// The Python version of the wheel. Any version will do, because only the C++ part is used.
const PYTHON: &str = "3.12";

/// The wheels with the libraries that libtorch_cpu depends on, unless it is the CPU-only build.
const WHEELS: [(&str, &str); 2] =
    [("libcupti.so", "nvidia-cuda-cupti==13.0.*"), ("libcudart.so", "nvidia-cuda-runtime==13.0.*")];

/// A script that unpacks the needed files of a wheel. Its arguments are the wheel and the folder.
const UNPACK: &str = include_str!("unpack.py");

/// Fills `home` from wheels. Temporary files go to `part`; child processes that write there hold
/// `lock` as their standard input.
pub(crate) fn fill(part: &Path, home: &Path, lock: &File) -> CommandResult {
    check_means(part)?;
    let packages = part.join("packages");
    println!("fetching PyTorch {VERSION} by pip (about 0.5 GB, as much is kept)");
    fetch(&format!("torch=={VERSION}"), part, &packages, lock)?;
    let site = Site { torch: packages.join("torch"), folders: vec![packages.clone()] };
    let lacking = assemble::libraries(&site, home, Placement::Move)?;
    for (library, wheel) in WHEELS {
        if lacking.iter().any(|name| name.starts_with(library)) {
            fetch(wheel, part, &packages, lock)?;
        }
    }
    assemble::assemble(&site, home, Placement::Move)
}

/// Downloads one wheel, unpacks it into `packages` and deletes it.
fn fetch(requirement: &str, part: &Path, packages: &Path, lock: &File) -> CommandResult {
    let wheels = part.join("wheels");
    let temporary = part.join("tmp");
    for folder in [&wheels, &temporary] {
        at(folder, fs::create_dir_all(folder))?;
    }
    let mut pip = python::python();
    pip.args(["-m", "pip", "download", "--no-deps", "--no-cache-dir"]);
    pip.args(["--disable-pip-version-check", "--only-binary=:all:"]);
    pip.args(["--implementation", "cp", "--python-version", PYTHON]);
    for platform in ["manylinux_2_28", "manylinux_2_25", "manylinux_2_17", "manylinux2014"] {
        pip.arg("--platform").arg(format!("{platform}_{}", std::env::consts::ARCH));
    }
    pip.arg("--dest").arg(&wheels).arg(requirement).env("TMPDIR", &temporary);
    pip.stdin(at(part, lock.try_clone())?);
    run(&mut pip).map_err(|error| {
        format!("{error}\n\nhint: pip must be able to fetch `{requirement}`; what it said is above. Run this again, or set LIBTORCH to a libtorch {VERSION}")
    })?;
    for wheel in entries(&wheels)? {
        let mut unpack = python::python();
        unpack.args(["-c", UNPACK]).arg(&wheel).arg(packages);
        stdout(unpack.stdin(at(part, lock.try_clone())?))?;
    }
    at(&wheels, fs::remove_dir_all(&wheels))
}

/// Checks Python, pip, the compiler and the disk space before anything is downloaded.
///
/// # Errors
/// Names everything that is missing.
fn check_means(folder: &Path) -> CommandResult {
    let mut missing = Vec::new();
    missing.extend(require_compiler().err());
    if !python::is_there() {
        missing.push("no `python3`, which fetches libtorch (it is not needed to run fedlayer)\n\nhint: `apt-get install python3 python3-pip`".to_string());
    } else if !python::has_pip() {
        missing.push("`python3` has no pip, which fetches libtorch (it is not needed to run fedlayer)\n\nhint: `apt-get install python3-pip`".to_string());
    }
    match free_mb(folder) {
        Ok(free) if free < NEEDED_MB => missing.push(format!(
            "{free} MB are free for `{}`, {NEEDED_MB} MB are needed\n\nhint: free some space, or set LIBTORCH to a libtorch {VERSION} elsewhere",
            crate::workspace::root().display()
        )),
        Ok(_) => {}
        Err(error) => println!("free space is unknown: {error}"),
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("\n\nerror: ")) }
}

/// Returns the free space of a folder's disk in MB (10⁶ bytes).
fn free_mb(folder: &Path) -> CommandResult<u64> {
    let mut df = Command::new("df");
    let text = stdout(df.arg("-Pk").arg(folder))?;
    read_df(&text).ok_or_else(|| format!("`{}` gave no number", line(&df)))
}

/// Reads the available space from the output of `df -Pk`: the fourth column of the second line, in
/// units of 1024 bytes.
fn read_df(text: &str) -> Option<u64> {
    let available: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(available * 1024 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn df_in_its_portable_form_is_read() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 10000000 2000000 8000000 20% /\n";
        assert_eq!(read_df(text), Some(8192));
        assert_eq!(read_df("Filesystem\n"), None);
    }
}
