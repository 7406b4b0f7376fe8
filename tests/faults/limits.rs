//! Limits of the system.
//!
//! * The length of files (`ulimit -f`): the file and the limit are named, exit code 6; with a
//!   higher limit the run goes on to the same bytes.
//! * Open files (`ulimit -n`): the limit is named, exit code 6; no message speaks of a full disk.
//! * Memory (`ulimit -v`): exit code 6; no message blames the scenario.
//! * Threads (`ulimit -u`): the limit is named, exit code 6; no message blames the scenario, and
//!   the program does not hang.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use rustix::process::geteuid;

use crate::{
    cluster::{in_one_process, long},
    support::{DIGITS, Done, Place, assert_same_bytes},
};

/// Runs the program in a shell after the command `before`, which sets limits.
fn run_after(place: &Place, before: &str, workers: u32) -> Done {
    let script = format!("{before}; exec \"$0\" \"$@\"");
    let run = place.command(&format!("run scenario.toml --out run --workers {workers}"));
    let mut limited = Command::new("bash");
    limited.args(["-c", &script]).arg(run.get_program()).args(run.get_args());
    limited.current_dir(place.path("")).env("NO_COLOR", "1").env_remove("RUST_LOG");
    Done::of(&mut limited)
}

#[test]
fn a_file_that_may_not_grow_is_an_error_that_names_the_limit() {
    let place = Place::with(&long());
    let done = run_after(&place, "ulimit -f 60", 2);
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    assert!(done.stderr.contains("could not write `run/"), "{}", done.stderr);
    assert!(done.stderr.contains("raise the limit (`ulimit -f`)"), "{}", done.stderr);
    assert!(!done.stderr.contains("room"), "{}", done.stderr);
    place.fedlayer("resume run").ok();
    assert_same_bytes(&in_one_process(long()), &place.records("run"));
}

#[test]
fn too_few_open_files_name_their_limit_and_no_disk() {
    // 6 are too few to start, 34 for twelve plans at once.
    for (limit, words) in [(6, "needs at least 32"), (34, "Too many open files")] {
        let place = Place::with(&DIGITS.replace("seeds = [1]", "seeds = [1, 2, 3, 4, 5, 6]"));
        let done = run_after(&place, &format!("ulimit -n {limit}"), 12);
        assert_eq!(done.code, Some(6), "{limit}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{limit}: {}", done.stderr);
        assert!(done.stderr.contains("(`ulimit -n`)"), "{limit}: {}", done.stderr);
        assert!(!done.stderr.contains("room"), "{limit}: {}", done.stderr);
        assert!(!done.stderr.contains("panicked"), "{limit}: {}", done.stderr);
    }
}

#[test]
fn too_little_memory_ends_a_run_in_words() {
    // A model of 3.6 GB, where there may be one gigabyte or two.
    let place = Place::with(&DIGITS.replace("mlp = [16]", "mlp = [30000, 30000]"));
    let done = run_after(&place, "ulimit -v 2500000; export RUST_BACKTRACE=0", 2);
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    assert!(done.stderr.contains("the machine is short of"), "{}", done.stderr);
    assert!(!done.stderr.contains("change the scenario"), "{}", done.stderr);
}

#[test]
fn too_few_threads_are_not_the_scenarios_fault() {
    for limit in [1, 4, 6, 8] {
        let place = Place::with(DIGITS);
        let Some(done) = run_with_threads(&place, limit) else { continue };
        if done.code == Some(0) {
            continue;
        }
        assert_eq!(done.code, Some(6), "{limit}: {}", done.stderr);
        assert!(done.stderr.contains("`ulimit -u`"), "{limit}: {}", done.stderr);
        assert!(!done.stderr.contains("change the scenario"), "{limit}: {}", done.stderr);
        assert!(!done.stderr.contains("panicked"), "{limit}: {}", done.stderr);
    }
}

/// Runs the program with a limit of `limit` threads.
///
/// The limit does not hold for root, and counts all processes of another user. So root runs the
/// program as a user without processes, and another user can only test a limit of 1.
fn run_with_threads(place: &Place, limit: u32) -> Option<Done> {
    if !geteuid().is_root() {
        return (limit == 1).then(|| run_after(place, "ulimit -u 1", 2));
    }
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    // Each limit has its own user, because tests run at the same time.
    let user = 64_300 + limit;
    let command = format!(
        "exec setpriv --reuid {user} --regid {user} --clear-groups bash -c 'ulimit -u {limit}; exec \"$0\" \"$@\"' \"$0\" \"$@\""
    );
    Some(run_after(place, &command, 2))
}
