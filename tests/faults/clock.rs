//! Changes of the clock.
//!
//! The clock of the coordinator or of a worker jumps by days, forward and back: no worker is lost,
//! and the run writes the bytes of one process.
//!
//! The clock is set with libfaketime, from Debian's package `faketime` or the file that
//! `FEDLAYER_FAKETIME` names. Without it the test prints that it is skipped.

use std::{fs, path::PathBuf};

use crate::{
    cluster::{Cluster, CoordinatorSetting, FakeClock, NO_GRACE, long},
    support::Place,
};

/// The paths of the library in Debian.
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
        let clock = FakeClock { library: library.clone(), offset: clocks.path(name) };
        set(&clock, "+0");
        clock
    };
    let (first, second) = (clock("coordinator"), clock("worker"));
    let setting =
        CoordinatorSetting { clock: Some(first.clone()), ..CoordinatorSetting::default() };
    let scenario = long().replace("rounds = 40", "rounds = 100");
    let mut cluster = Cluster::start_in(setting, &scenario, &format!("--min-workers 2 {NO_GRACE}"));
    let (_near, _far) = (cluster.worker(), cluster.worker_by(&second));
    for (clock, jump) in [(&first, "+3d"), (&second, "-3d"), (&first, "-400d"), (&second, "+400d")]
    {
        let before = cluster.rounds();
        cluster.until_round(before + 10);
        set(clock, jump);
    }
    cluster.finish_like_one_process();
    assert!(!cluster.said().contains(" left: "), "{}", cluster.said());
}

/// Sets a clock by an atomic rename of its file.
fn set(clock: &FakeClock, offset: &str) {
    let beside = clock.offset.with_extension("new");
    fs::write(&beside, offset).unwrap();
    fs::rename(beside, &clock.offset).unwrap();
}
