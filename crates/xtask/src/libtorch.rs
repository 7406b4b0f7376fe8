//! Makes libtorch 2.11 ready, so that plain `cargo build`, `cargo run` and `cargo test` work from then on.
//!
//! In this order: the user's own `LIBTORCH`; an installed PyTorch 2.11; three wheels fetched by pip. The last two
//! fill `.libtorch`, to which `.cargo/config.toml` points. A folder is filled beside it, checked, and renamed into
//! place, all under a lock: so this may be repeated, interrupted at any point, and run twice at once.

mod assemble;
mod download;
mod folder;
mod python;

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Instant;

use crate::Result;
use crate::workspace::{at, entries, root};

/// The version that tch 0.24 is written for.
pub(crate) const VERSION: &str = "2.11.0";

const NAME: &str = ".libtorch";
const LOCK: &str = ".libtorch.lock";
/// What a run fills before it is renamed to [`NAME`]; the process's number follows.
const PART: &str = ".libtorch.part-";

/// `cargo xtask libtorch`.
pub(crate) fn run(_arguments: &[String]) -> Result {
    ready()
}

/// Returns once libtorch is ready and has been said to be.
pub(crate) fn ready() -> Result {
    if let Some(folder) = chosen_by_user() {
        let version = folder::check_of_user(&folder)?;
        require_compiler()?;
        println!("libtorch {version} in `{}` is used, as LIBTORCH says", folder.display());
        return Ok(());
    }
    let home = root().join(NAME);
    if folder::check(&home).is_ok() {
        return say_ready();
    }
    let lock = at(&root().join(LOCK), File::create(root().join(LOCK)))?;
    if lock.try_lock().is_err() {
        println!("waiting for another `cargo xtask libtorch` to end");
        at(&root().join(LOCK), lock.lock())?;
    }
    if folder::check(&home).is_ok() {
        return say_ready();
    }
    let start = Instant::now();
    remove_leftovers()?;
    let filled = fill(&home, &lock);
    remove_leftovers()?;
    filled?;
    println!("libtorch took {:.1} s", start.elapsed().as_secs_f64());
    say_ready()
}

/// The user's own `LIBTORCH`: what the environment says, unless it is the workspace's own folder.
pub(crate) fn chosen_by_user() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("LIBTORCH").filter(|value| !value.is_empty())?);
    (folder != root().join(NAME)).then_some(folder)
}

fn say_ready() -> Result {
    println!("libtorch {VERSION} is ready in {NAME}");
    Ok(())
}

/// Makes `home` from an installed PyTorch or from wheels, and puts it into place at once.
fn fill(home: &Path, lock: &File) -> Result {
    if !cfg!(all(
        target_os = "linux",
        target_env = "gnu",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )) {
        return Err(format!(
            "libtorch is fetched for Linux with glibc on x86_64 or aarch64; this is {} on {}\n\n\
             hint: install PyTorch {VERSION} or unpack a libtorch {VERSION}, and set LIBTORCH to its folder, the one that holds lib/ and include/",
            env::consts::OS,
            env::consts::ARCH
        ));
    }
    let part = root().join(format!("{PART}{}", process::id()));
    let ready = part.join("ready");
    at(&ready, fs::create_dir_all(&ready))?;
    if !link_installed(&ready) {
        at(&ready, fs::remove_dir_all(&ready))?;
        download::fill(&part, &ready, lock)?;
    }
    folder::check(&ready)?;
    if home.symlink_metadata().is_ok() {
        at(home, fs::rename(home, part.join("old")))?;
    }
    at(home, fs::rename(&ready, home))
}

/// Fills `ready` with links into an installed PyTorch; false when there is none that serves.
fn link_installed(ready: &Path) -> bool {
    let Some(site) = python::installed_torch() else {
        return false;
    };
    let made = assemble::assemble(&site, ready, assemble::Place::Link);
    let torch = site.torch.display();
    match &made {
        Ok(()) => println!("the installed PyTorch in `{torch}` is used"),
        Err(reason) => println!("the installed PyTorch in `{torch}` does not serve: {reason}"),
    }
    made.is_ok()
}

/// What this run, or one that was killed, has left. Only called under the lock, so none of it is in use.
fn remove_leftovers() -> Result {
    for path in entries(&root())? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(PART) {
            at(&path, fs::remove_dir_all(&path))?;
        }
    }
    Ok(())
}

fn require_compiler() -> Result {
    if assemble::compiler_works() {
        return Ok(());
    }
    Err(format!(
        "no C++ compiler: `{}` is not there or does not work\n\n\
         hint: `apt-get install g++`, or set CXX to your compiler; torch-sys is compiled with it",
        assemble::compiler().to_string_lossy()
    ))
}
