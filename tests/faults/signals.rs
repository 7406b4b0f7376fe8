//! Signals.
//!
//! * A run, a coordinator or a worker gets SIGHUP, because its terminal was closed: it behaves as
//!   after SIGTERM. Committed rounds are persisted, and a worker hands back its jobs.
//! * A run under `nohup` gets SIGHUP: nothing happens.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::{
    cluster::{Cluster, NO_GRACE, Process, in_one_process, long, until},
    support::{Place, assert_same_bytes},
};

/// A scenario that is longer than the test.
fn endless() -> String {
    long().replace("rounds = 40", "rounds = 100000")
}

fn rounds(place: &Place) -> usize {
    let rounds = place.path("run/all/seed-1/rounds.jsonl");
    fs::read_to_string(rounds).map_or(0, |text| text.lines().count())
}

/// Starts a run in a shell after the command `before`. The file `log` has its messages.
fn start(place: &Place, before: &str) -> Process {
    let run = place.command("run scenario.toml --out run");
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{before} exec \"$0\" \"$@\"")]);
    shell.arg(run.get_program()).args(run.get_args());
    shell.current_dir(place.path("")).stdin(Stdio::null()).stdout(Stdio::null());
    shell.stderr(fs::File::create(place.path("log")).unwrap());
    let process = Process(shell.spawn().unwrap());
    until("some rounds", || rounds(place) >= 3);
    process
}

#[test]
fn a_run_whose_terminal_is_closed_keeps_its_rounds() {
    let place = Place::with(&endless());
    let mut run = start(&place, "");
    run.signal("-HUP");
    assert_eq!(run.ended(), Some(130));
    let said = fs::read_to_string(place.path("log")).unwrap();
    assert!(said.contains("every committed round is kept"), "{said}");
    let note = fs::read_to_string(place.path("run/run.json")).unwrap();
    assert!(note.contains("\"interrupted\""), "{note}");
}

#[test]
fn a_run_under_nohup_does_not_hear_that_its_terminal_is_closed() {
    let place = Place::with(&endless());
    let mut run = start(&place, "trap '' HUP;");
    run.signal("-HUP");
    let before = rounds(&place);
    until("more rounds", || rounds(&place) >= before + 5);
    run.signal("-TERM");
    assert_eq!(run.ended(), Some(130));
}

#[test]
fn a_coordinator_and_a_worker_whose_terminals_are_closed_go_on_to_the_same_bytes() {
    let mut cluster = Cluster::start(&long(), NO_GRACE);
    let mut first = cluster.worker();
    cluster.until_round(6);
    first.signal("-HUP");
    assert_eq!(first.ended(), Some(0));
    assert!(cluster.worker_said(1).contains("told to end"), "{}", cluster.worker_said(1));
    let _second = cluster.worker();
    let before = cluster.rounds();
    cluster.until_round(before + 4);
    cluster.coordinator.signal("-HUP");
    assert_eq!(cluster.coordinator.ended(), Some(130), "{}", cluster.said());
    cluster.restart();
    let records = cluster.finish();
    assert_same_bytes(&in_one_process(long()), &records);
}
