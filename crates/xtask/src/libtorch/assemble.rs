//! Makes a `LIBTORCH` folder of an installed or unpacked PyTorch.
//!
//! It contains the libraries that the CPU needs (0.5 GB of 1.5), the headers, and a `libtorch.so`
//! that does not link to CUDA.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::python::Site;
use super::{VERSION, folder};
use crate::CommandResult;
use crate::process::{run, stdout, succeeds};
use crate::workspace::{at, entries};

/// How files are put into the folder.
#[derive(Clone, Copy)]
pub(crate) enum Placement {
    /// By symbolic links to files that stay.
    Link,
    /// By renames, because the source is temporary.
    Move,
}

/// Fills `home` from `site`.
///
/// # Errors
/// When libraries are missing; the message names all of them.
pub(crate) fn assemble(site: &Site, home: &Path, placement: Placement) -> CommandResult {
    let lacking = libraries(site, home, placement)?;
    if !lacking.is_empty() {
        return Err(format!("it lacks {}, which libtorch_cpu needs", lacking.join(", ")));
    }
    finish(site, home, placement)
}

/// Puts libtorch_cpu and its dependencies into `home/lib`. Returns the names of those that are
/// neither in `site` nor in the system. May be called again when `site` has more libraries.
pub(crate) fn libraries(
    site: &Site,
    home: &Path,
    placement: Placement,
) -> CommandResult<Vec<String>> {
    let lib = home.join("lib");
    at(&lib, fs::create_dir_all(&lib))?;
    let sources = library_folders(site)?;
    let cpu = lib.join("libtorch_cpu.so");
    for name in
        ["libtorch_cpu.so".to_string(), "libc10.so".to_string()].into_iter().chain(openmp(site)?)
    {
        put_library(&name, &sources, &lib, placement)?;
        if !lib.join(&name).exists() {
            return Ok(vec![name]);
        }
    }
    loop {
        let lacking = not_found(&cpu)?;
        let mut progress = false;
        for name in &lacking {
            progress |= put_library(name, &sources, &lib, placement)?;
        }
        if !progress {
            return Ok(lacking);
        }
    }
}

/// Adds the headers, `libtorch.so` and the version to a `home` that has all libraries.
pub(crate) fn finish(site: &Site, home: &Path, placement: Placement) -> CommandResult {
    put(&site.torch.join("include"), &home.join("include"), placement)?;
    link_stub(&home.join("lib"))?;
    let version = folder::version(&site.torch).ok_or("the package torch has no version")?;
    let file = home.join("build-version");
    at(&file, fs::write(&file, format!("{version}\n")))
}

/// Returns the C++ compiler that torch-sys uses: `CXX`, or `c++`.
pub(crate) fn compiler() -> OsString {
    env::var_os("CXX").filter(|value| !value.is_empty()).unwrap_or_else(|| "c++".into())
}

/// Returns whether the C++ compiler works.
pub(crate) fn compiler_works() -> bool {
    succeeds(Command::new(compiler()).arg("--version"))
}

/// Makes an empty `libtorch.so` that depends on libtorch_cpu, because torch-sys links to that name
/// and PyTorch's own depends on CUDA.
fn link_stub(lib: &Path) -> CommandResult {
    let mut command = Command::new(compiler());
    command
        .args(["-shared", "-x", "c++", "/dev/null", "-x", "none", "-o"])
        .arg(lib.join("libtorch.so"));
    command.args(["-Wl,-soname,libtorch.so", "-Wl,-rpath,$ORIGIN", "-Wl,--no-as-needed"]);
    run(command.arg("-L").arg(lib).arg("-ltorch_cpu"))
}

/// Returns the names of PyTorch's own OpenMP library, which differ between wheels. It is used even
/// if the system has one.
fn openmp(site: &Site) -> CommandResult<Vec<String>> {
    let names = entries(&site.torch.join("lib"))?
        .into_iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_string));
    Ok(names.filter(|name| name.starts_with("libgomp")).collect())
}

/// Returns the folders with the libraries of torch and of its NVIDIA packages.
fn library_folders(site: &Site) -> CommandResult<Vec<PathBuf>> {
    let mut folders = vec![site.torch.join("lib")];
    for packages in &site.folders {
        folders.push(packages.join("torch.libs"));
        let nvidia = packages.join("nvidia");
        if nvidia.is_dir() {
            folders.extend(entries(&nvidia)?.into_iter().map(|package| package.join("lib")));
        }
    }
    Ok(folders.into_iter().filter(|folder| folder.is_dir()).collect())
}

/// Puts a library into `lib`; returns `false` if it exists already or is in no source.
fn put_library(
    name: &str,
    sources: &[PathBuf],
    lib: &Path,
    placement: Placement,
) -> CommandResult<bool> {
    let target = lib.join(name);
    if target.exists() {
        return Ok(false);
    }
    match sources.iter().map(|folder| folder.join(name)).find(|path| path.exists()) {
        Some(source) => put(&source, &target, placement).map(|()| true),
        None => Ok(false),
    }
}

fn put(source: &Path, target: &Path, placement: Placement) -> CommandResult {
    match placement {
        Placement::Link => at(target, symlink(source, target)),
        Placement::Move => at(source, fs::rename(source, target)),
    }
}

/// Returns the dependencies of `library` that the loader would not find.
fn not_found(library: &Path) -> CommandResult<Vec<String>> {
    let text = stdout(Command::new("ldd").arg(library).env_remove("LD_LIBRARY_PATH"))?;
    read_ldd(&text)
}

/// Returns the libraries that ldd reports as not found.
fn read_ldd(text: &str) -> CommandResult<Vec<String>> {
    if let Some(line) =
        text.lines().find(|line| line.contains("version `") && line.contains("not found"))
    {
        return Err(format!("this system is too old for libtorch {VERSION}: {}", line.trim()));
    }
    let names = text.lines().filter_map(|line| line.trim().strip_suffix(" => not found"));
    Ok(names.map(str::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_names_what_is_lacking() {
        let text = "\tlibc10.so => /lib/libc10.so (0x01)\n\tlibcupti.so.13 => not found\n\tlibgone.so => not found\n";
        assert_eq!(read_ldd(text).unwrap(), ["libcupti.so.13", "libgone.so"]);
    }

    #[test]
    fn an_old_system_is_not_a_lacking_library() {
        let text = "lib/libtorch_cpu.so: /lib/libc.so.6: version `GLIBC_2.28' not found (required by lib/libtorch_cpu.so)\n";
        let message = read_ldd(text).unwrap_err();
        assert!(message.contains("too old") && message.contains("GLIBC_2.28"), "{message}");
    }
}
