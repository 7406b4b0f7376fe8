//! Gives the binary, its tests and its benches an rpath to libtorch, so that they run from any
//! folder without LD_LIBRARY_PATH. The folder comes from the build script of fedlayer-torch, which
//! says why. An installed binary looks beside itself as well: `bin/fedlayer` finds `lib/fedlayer/`.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(folder) = env::var_os("DEP_FEDLAYER_TORCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
        if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
            println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/fedlayer");
            println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
        }
    }
}
