//! Fetches libtorch out of PyTorch's wheel by pip, with the two NVIDIA libraries that it asks for even on a CPU.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::assemble::{self, Place};
use super::python::{self, Site};
use super::{VERSION, require_compiler};
use crate::Result;
use crate::process::{line, run, stdout};
use crate::workspace::{at, entries};

/// Free space for the wheels, what is unpacked of them, and the build that follows.
const NEEDED_MB: u64 = 2500;

/// The Python whose wheel is fetched: any that PyTorch 2.11 serves, since only its C++ part is used.
const PYTHON: &str = "3.12";

/// Which wheel holds a library that libtorch_cpu asks for (all but the CPU-only one do).
const WHEELS: [(&str, &str); 2] =
    [("libcupti.so", "nvidia-cuda-cupti==13.0.*"), ("libcudart.so", "nvidia-cuda-runtime==13.0.*")];

/// Unpacks only what is needed of a wheel: arguments are the wheel and the folder.
const UNPACK: &str = include_str!("unpack.py");

/// Fills `home` from wheels, with `part` as the place to work in. What writes there holds `lock`, as its stdin.
pub(crate) fn fill(part: &Path, home: &Path, lock: &File) -> Result {
    check_means(part)?;
    let packages = part.join("packages");
    println!("fetching PyTorch {VERSION} by pip (about 0.5 GB, as much is kept)");
    fetch(&format!("torch=={VERSION}"), part, &packages, lock)?;
    let site = Site { torch: packages.join("torch"), folders: vec![packages.clone()] };
    let lacking = assemble::libraries(&site, home, Place::Move)?;
    for (library, wheel) in WHEELS {
        if lacking.iter().any(|name| name.starts_with(library)) {
            fetch(wheel, part, &packages, lock)?;
        }
    }
    assemble::assemble(&site, home, Place::Move)
}

/// Downloads one wheel, unpacks it into `packages` and deletes it.
fn fetch(requirement: &str, part: &Path, packages: &Path, lock: &File) -> Result {
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

/// Says all that is missing at once, before anything is downloaded.
fn check_means(folder: &Path) -> Result {
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

/// Free space where a folder is, in MB (10⁶ bytes).
fn free_mb(folder: &Path) -> Result<u64> {
    let mut df = Command::new("df");
    let text = stdout(df.arg("-Pk").arg(folder))?;
    read_df(&text).ok_or_else(|| format!("`{}` gave no number", line(&df)))
}

/// The available space in what `df -Pk` writes: fourth column of the second line, in units of 1024 bytes.
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
