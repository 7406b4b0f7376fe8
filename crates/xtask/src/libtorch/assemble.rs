//! Out of an installed or unpacked PyTorch, the folder that serves as `LIBTORCH`: the few libraries that the CPU
//! needs (0.5 GB of 1.5), the headers, and a `libtorch.so` that asks for no CUDA.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::python::Site;
use super::{VERSION, folder};
use crate::Result;
use crate::process::{run, stdout, succeeds};
use crate::workspace::{at, entries};

/// How a file comes into the folder.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// By a symbolic link: it stays where it is.
    Link,
    /// By a rename: its old place is thrown away.
    Move,
}

/// Fills `home` from `site`; an error that names every library found nowhere.
pub(crate) fn assemble(site: &Site, home: &Path, place: Place) -> Result {
    let lacking = libraries(site, home, place)?;
    if !lacking.is_empty() {
        return Err(format!("it lacks {}, which libtorch_cpu asks for", lacking.join(", ")));
    }
    finish(site, home, place)
}

/// Puts libtorch_cpu and all that it needs into `home/lib`, and gives the names of those found neither in `site` nor
/// in the system. May be called again once `site` has more.
pub(crate) fn libraries(site: &Site, home: &Path, place: Place) -> Result<Vec<String>> {
    let lib = home.join("lib");
    at(&lib, fs::create_dir_all(&lib))?;
    let sources = library_folders(site)?;
    let cpu = lib.join("libtorch_cpu.so");
    for name in
        ["libtorch_cpu.so".to_string(), "libc10.so".to_string()].into_iter().chain(openmp(site)?)
    {
        put_library(&name, &sources, &lib, place)?;
        if !lib.join(&name).exists() {
            return Ok(vec![name]);
        }
    }
    loop {
        let lacking = not_found(&cpu)?;
        let mut progress = false;
        for name in &lacking {
            progress |= put_library(name, &sources, &lib, place)?;
        }
        if !progress {
            return Ok(lacking);
        }
    }
}

/// Adds the headers, `libtorch.so` and the version to a `home` that has its libraries.
pub(crate) fn finish(site: &Site, home: &Path, place: Place) -> Result {
    put(&site.torch.join("include"), &home.join("include"), place)?;
    link_stub(&home.join("lib"))?;
    let version = folder::version(&site.torch).ok_or("the package torch says no version")?;
    let file = home.join("build-version");
    at(&file, fs::write(&file, format!("{version}\n")))
}

/// The C++ compiler: `CXX`, or `c++` as torch-sys takes it.
pub(crate) fn compiler() -> OsString {
    env::var_os("CXX").filter(|value| !value.is_empty()).unwrap_or_else(|| "c++".into())
}

/// Whether there is a C++ compiler.
pub(crate) fn compiler_works() -> bool {
    succeeds(Command::new(compiler()).arg("--version"))
}

/// torch-sys links `libtorch.so`, and PyTorch's own asks for CUDA; this one holds nothing and asks for libtorch_cpu.
fn link_stub(lib: &Path) -> Result {
    let mut command = Command::new(compiler());
    command
        .args(["-shared", "-x", "c++", "/dev/null", "-x", "none", "-o"])
        .arg(lib.join("libtorch.so"));
    command.args(["-Wl,-soname,libtorch.so", "-Wl,-rpath,$ORIGIN", "-Wl,--no-as-needed"]);
    run(command.arg("-L").arg(lib).arg("-ltorch_cpu"))
}

/// PyTorch's own OpenMP, taken even where the system has one; its name differs between wheels.
fn openmp(site: &Site) -> Result<Vec<String>> {
    let names = entries(&site.torch.join("lib"))?
        .into_iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_string));
    Ok(names.filter(|name| name.starts_with("libgomp")).collect())
}

/// Where libraries of torch and of its NVIDIA companions lie in their packages.
fn library_folders(site: &Site) -> Result<Vec<PathBuf>> {
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

/// Puts a library into `lib`; false when it is there already, or in no source.
fn put_library(name: &str, sources: &[PathBuf], lib: &Path, place: Place) -> Result<bool> {
    let target = lib.join(name);
    if target.exists() {
        return Ok(false);
    }
    match sources.iter().map(|folder| folder.join(name)).find(|path| path.exists()) {
        Some(source) => put(&source, &target, place).map(|()| true),
        None => Ok(false),
    }
}

fn put(source: &Path, target: &Path, place: Place) -> Result {
    match place {
        Place::Link => at(target, symlink(source, target)),
        Place::Move => at(source, fs::rename(source, target)),
    }
}

/// The libraries that the loader would not find for `library`.
fn not_found(library: &Path) -> Result<Vec<String>> {
    let text = stdout(Command::new("ldd").arg(library).env_remove("LD_LIBRARY_PATH"))?;
    read_ldd(&text)
}

/// The libraries that ldd reports as not found.
fn read_ldd(text: &str) -> Result<Vec<String>> {
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
