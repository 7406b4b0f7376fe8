//! | what fails | what happens |
//! |---|---|
//! | the clock of the coordinator or of a worker jumps by days, forward and back | nothing: no worker is lost, the bytes of one process |
//!
//! The clock is that of libfaketime (Debian's package `faketime`, or the file that `FEDLAYER_FAKETIME` names); without it the test says so.

use std::{fs, path::PathBuf};

use crate::{
    federation::{Clock, Federation, NO_GRACE, Setting, long},
    support::Place,
};

/// Where Debian puts the library.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

fn faketime() -> Option<PathBuf> {
    let named = std::env::var_os("FEDLAYER_FAKETIME").map(PathBuf::from);
    let places = FAKETIME.map(PathBuf::from);
    named.into_iter().chain(places).find(|library| library.exists())
}

#[test]
fn a_clock_that_jumps_changes_no_byte_and_loses_no_worker() {
    let Some(library) = faketime() else {
        println!(
            "skipped: there is no libfaketime; install `faketime`, or name it in `FEDLAYER_FAKETIME`"
        );
        return;
    };
    let clocks = Place::with("");
    let clock = |name: &str| {
        let clock = Clock { library: library.clone(), offset: clocks.path(name) };
        set(&clock, "+0");
        clock
    };
    let (first, second) = (clock("coordinator"), clock("worker"));
    let setting = Setting { clock: Some(first.clone()), ..Setting::default() };
    let scenario = long().replace("rounds = 40", "rounds = 100");
    let mut federation =
        Federation::start_in(setting, &scenario, &format!("--min-workers 2 {NO_GRACE}"));
    let (_near, _far) = (federation.worker(), federation.worker_by(&second));
    for (clock, jump) in [(&first, "+3d"), (&second, "-3d"), (&first, "-400d"), (&second, "+400d")]
    {
        let before = federation.rounds();
        federation.until_round(before + 10);
        set(clock, jump);
    }
    federation.finish_like_one_process();
    assert!(!federation.said().contains(" left: "), "{}", federation.said());
}

/// Sets a clock at once and whole.
fn set(clock: &Clock, offset: &str) {
    let beside = clock.offset.with_extension("new");
    fs::write(&beside, offset).unwrap();
    fs::rename(beside, &clock.offset).unwrap();
}
