//! `cargo xtask libtorch`: makes libtorch 2.11 available to plain `cargo build`, `run` and `test`.
//!
//! Its sources, in this order, are the user's `LIBTORCH`, an installed PyTorch 2.11, and three
//! wheels that pip downloads. The last two fill `.libtorch`, which `.cargo/config.toml` names. The
//! folder is filled under another name, checked and renamed, all under a lock. So the command may
//! be repeated, interrupted at any point, and run twice at once.

mod assemble;
mod download;
mod folder;
pub(crate) mod python;

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Instant;

use crate::CommandResult;
use crate::workspace::{at, entries, root};

/// The version that tch 0.24 needs.
pub(crate) const VERSION: &str = "2.11.0";

const NAME: &str = ".libtorch";
const LOCK: &str = ".libtorch.lock";
/// The prefix of the folder that is filled and then renamed to [`NAME`]. The process id follows.
const PART: &str = ".libtorch.part-";

/// `cargo xtask libtorch`.
pub(crate) fn run(_arguments: &[String]) -> CommandResult {
    ready()
}

/// Makes libtorch available and prints which one is used.
pub(crate) fn ready() -> CommandResult {
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

/// Returns the `LIBTORCH` of the environment, unless it is the workspace's own folder.
pub(crate) fn chosen_by_user() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("LIBTORCH").filter(|value| !value.is_empty())?);
    (folder != root().join(NAME)).then_some(folder)
}

fn say_ready() -> CommandResult {
    println!("libtorch {VERSION} is ready in {NAME}");
    Ok(())
}

/// Makes the folder `home` from an installed PyTorch or from wheels, by a single rename at the end.
fn fill(home: &Path, lock: &File) -> CommandResult {
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

/// Fills `ready` with links into an installed PyTorch; returns `false` if none is usable.
fn link_installed(ready: &Path) -> bool {
    let Some(site) = python::installed_torch() else {
        return false;
    };
    let made = assemble::assemble(&site, ready, assemble::Placement::Link);
    let torch = site.torch.display();
    match &made {
        Ok(()) => println!("the installed PyTorch in `{torch}` is used"),
        Err(reason) => println!("the installed PyTorch in `{torch}` cannot be used: {reason}"),
    }
    made.is_ok()
}

/// Removes the temporary folders of this and of interrupted runs. Under the lock none is in use.
fn remove_leftovers() -> CommandResult {
    for path in entries(&root())? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(PART) {
            at(&path, fs::remove_dir_all(&path))?;
        }
    }
    Ok(())
}

fn require_compiler() -> CommandResult {
    if assemble::compiler_works() {
        return Ok(());
    }
    Err(format!(
        "no C++ compiler: `{}` is not installed or does not work\n\n\
         hint: `apt-get install g++`, or set CXX to your compiler; torch-sys is compiled with it",
        assemble::compiler().to_string_lossy()
    ))
}
