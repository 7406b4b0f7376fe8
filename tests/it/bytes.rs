//! The same scenario gives the same bytes with any number of workers, and after a kill and a
//! resume.

use std::fs;

use crate::support::{DIGITS, Place, assert_same_bytes};

#[test]
fn one_worker_and_four_write_the_same_bytes() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out one --workers 1").ok();
    place.fedlayer("run scenario.toml --out four --workers 4").ok();
    let one = place.records("one");
    let expected = [
        "all/seed-1/barriers.jsonl",
        "all/seed-1/checkpoints/round-0000004.safetensors",
        "all/seed-1/checkpoints/round-0000006.safetensors",
        "all/seed-1/checksums.jsonl",
        "all/seed-1/rounds.jsonl",
        "one-layer-rotating/seed-1/barriers.jsonl",
        "one-layer-rotating/seed-1/checkpoints/round-0000004.safetensors",
        "one-layer-rotating/seed-1/checkpoints/round-0000006.safetensors",
        "one-layer-rotating/seed-1/checksums.jsonl",
        "one-layer-rotating/seed-1/rounds.jsonl",
        "scenario.toml",
        "summary.json",
    ];
    assert_eq!(one.keys().collect::<Vec<_>>(), expected);
    assert_same_bytes(&one, &place.records("four"));
}

#[test]
fn another_seed_writes_other_bytes() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out one").ok();
    place.fedlayer("run scenario.toml --out two --set seeds=[2]").ok();
    let rounds = |run: &str| fs::read(place.path(run)).unwrap();
    assert_ne!(rounds("one/all/seed-1/rounds.jsonl"), rounds("two/all/seed-2/rounds.jsonl"));
}

/// Kills a run once `lines` rounds of the second strategy are written, at any point of the next
/// one.
fn kill_after(place: &Place, command: &str, log: &str, lines: usize) {
    let mut child = place.start(command);
    let log = place.path(log);
    let written = || fs::read_to_string(&log).map_or(0, |text| text.lines().count());
    while written() < lines {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A run that is long enough to be still running when the line is seen.
fn long() -> String {
    DIGITS.replace("rounds = 6", "rounds = 40").replace("epochs = 1", "epochs = 3")
}

#[test]
fn a_killed_run_that_is_resumed_writes_the_same_bytes() {
    let place = Place::with(&long());
    place.fedlayer("run scenario.toml --out whole").ok();
    let log = "killed/one-layer-rotating/seed-1/rounds.jsonl";
    kill_after(&place, "run scenario.toml --out killed --workers 2", log, 3);
    kill_after(&place, "resume killed", log, 12);
    kill_after(&place, "resume killed --workers 1", log, 25);
    let unfinished = place.fedlayer("compare killed");
    assert_eq!(unfinished.code, Some(8), "{}", unfinished.stderr);
    let done = place.fedlayer("resume killed").ok();
    assert!(done.stderr.contains("going on after"), "{}", done.stderr);
    assert_same_bytes(&place.records("whole"), &place.records("killed"));
}

#[test]
fn an_interrupted_run_says_how_to_go_on_and_does() {
    let place = Place::with(&long());
    place.fedlayer("run scenario.toml --out whole").ok();
    let mut command = place.command("run scenario.toml --out stopped");
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let log = place.path("stopped/all/seed-1/rounds.jsonl");
    while fs::read_to_string(&log).map_or(0, |text| text.lines().count()) < 3 {
        std::thread::yield_now();
    }
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
    let began = std::time::Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed().as_secs() < 5, "it took {:?} to stop", began.elapsed());
    assert_eq!(output.status.code(), Some(130));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("go on with `fedlayer resume stopped`"), "{words}");
    // A checkpoint is due every second round; the interruption also writes the round in between.
    let kept = fs::read_to_string(&log).unwrap().lines().count();
    assert!(
        place.path(&format!("stopped/all/seed-1/checkpoints/round-{kept:07}.safetensors")).exists()
    );
    let timings = place.path("stopped/all/seed-1/timings.jsonl");
    place.fedlayer("resume stopped").ok();
    assert_eq!(fs::read_to_string(timings).unwrap().lines().count(), 40);
    assert_same_bytes(&place.records("whole"), &place.records("stopped"));
}

#[test]
fn a_finished_run_that_is_resumed_does_nothing_but_print() {
    let place = Place::with(DIGITS);
    let first = place.fedlayer("run scenario.toml --out run").ok();
    let before = place.records("run");
    let again = place.fedlayer("resume run").ok();
    assert_eq!(first.stdout, again.stdout);
    assert_same_bytes(&before, &place.records("run"));
}
