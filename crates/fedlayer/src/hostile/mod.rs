//! Random changes of every file and text that the program itself reads, for a second each; longer
//! by `cargo xtask fuzz --seconds N`. The decoders of data sets and the messages of the protocol
//! are in libraries and fuzzed in `fuzz/`.
//!
//! * `change`: random changes of valid bytes.
//! * `files`: files of values, modules, archives; addresses.
//! * `run_folder`: every file of a run folder.

#![allow(clippy::disallowed_methods, reason = "tests look at files as users do")]

mod change;
mod files;
mod run_folder;

use std::time::{Duration, Instant};

use fedlayer_core::Seed;
use rand::RngExt;

use self::change::changed;

/// Returns the time for each reader: `FEDLAYER_FUZZ_SECONDS`, or one second.
fn seconds() -> Duration {
    let said = std::env::var("FEDLAYER_FUZZ_SECONDS");
    Duration::from_secs(said.map_or(1, |seconds| seconds.parse().unwrap()))
}

/// The number of a try, printed if the test fails: a number gives the same try again.
struct Number(u64);

impl Drop for Number {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it was try number {}", self.0);
        }
    }
}

/// Gives `read` one valid input after another, changed at random, until the time is over.
fn hammer<T>(good: &[(T, Vec<u8>)], mut read: impl FnMut(&T, &[u8])) {
    let end = Instant::now() + seconds();
    for number in 0.. {
        let told = Number(number);
        let mut random = Seed::new(number).generator();
        let (what, bytes) = &good[random.random_range(0..good.len())];
        read(what, &changed(bytes, &mut random));
        drop(told);
        if Instant::now() > end {
            eprintln!("{} tries", number + 1);
            return;
        }
    }
}
