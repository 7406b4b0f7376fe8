//! Lets every binary that links libtorch find it at run time, from any folder.
//!
//! torch-sys tells its direct dependents the folder of libtorch's libraries
//! (`DEP_TCH_LIBTORCH_LIB`). That folder becomes an rpath of this package's tests. The build script
//! of `fedlayer` receives it as `DEP_FEDLAYER_TORCH_LIBTORCH_LIB`, because cargo applies link
//! arguments only to the package that gives them.
//!
//! New dtags make the rpath a RUNPATH, which is searched after `LD_LIBRARY_PATH`. The same binary
//! can therefore run with another libtorch 2.11, one with CUDA.
#![allow(
    clippy::disallowed_methods,
    reason = "a build script has no files.rs; its error names the path"
)]

use std::env;
use std::fs;
use std::process::exit;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Absent where torch-sys builds nothing (its feature `doc-only`, Windows).
    let Some(folder) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    let folder = match fs::canonicalize(&folder) {
        Ok(folder) => folder,
        Err(error) => {
            println!(
                "cargo::error=no libtorch libraries in `{}`: {error}; run `cargo xtask libtorch`, or set LIBTORCH to a libtorch 2.11",
                folder.display()
            );
            exit(1);
        }
    };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
    }
    println!("cargo::metadata=libtorch_lib={}", folder.display());
}
