//! The files of a run folder are checked before they are used, by `resume`, `compare`, `analyze`
//! and `verify`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    run_folders::{everything, finished, interrupted},
    support::{DIGITS, Done, Place, assert_same_bytes, copy_folder},
};

/// The commands that read a run.
const READERS: [&str; 4] = [
    "verify run",
    "resume run",
    "compare run",
    "analyze barriers run --strategy all --clients 0,1",
];

const ROUNDS: &str = "run/all/seed-1/rounds.jsonl";
const BARRIERS: &str = "run/one-layer-rotating/seed-1/barriers.jsonl";
const LATEST: &str = "run/all/seed-1/checkpoints/round-0000006.safetensors";

/// Changes the text of a file.
fn edit(path: &Path, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "{}", path.display());
    fs::write(path, changed).unwrap();
}

/// Changes one digit in a line, counted from 1.
fn change_digit(path: &Path, line: usize) {
    edit(path, |text| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let at = lines[line - 1].rfind(|c: char| c.is_ascii_digit());
        let at = at.unwrap_or_else(|| panic!("no digit in `{}`", lines[line - 1]));
        let digit = if lines[line - 1][at..].starts_with('1') { "2" } else { "1" };
        lines[line - 1].replace_range(at..=at, digit);
        lines.join("\n") + "\n"
    });
}

/// Swaps two neighbouring lines.
fn swap_lines(path: &Path, line: usize) {
    edit(path, |text| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(line - 1, line);
        lines.join("\n") + "\n"
    });
}

fn said(done: &Done) -> String {
    format!("{}{}", done.stdout, done.stderr)
}

/// Asserts that every reader ends with code 6 and all the words, and changes nothing.
fn all_refuse(place: &Place, words: &[&str]) {
    let before = everything(&place.path("run"));
    for command in READERS {
        let refused = place.fedlayer(command);
        assert_eq!(refused.code, Some(6), "{command}: {}", said(&refused));
        for word in words {
            assert!(said(&refused).contains(word), "{command}, {word}: {}", said(&refused));
        }
        assert!(everything(&place.path("run")) == before, "{command} changed something");
    }
}

/// Asserts that `resume --previous` restores all bytes of the run.
fn previous_heals(place: &Place, whole: &Place) {
    place.fedlayer("resume run --previous").ok();
    assert_same_bytes(&whole.records("run"), &place.records("run"));
    place.fedlayer("verify run").ok();
}

#[test]
fn a_run_is_whole_when_it_ends_and_when_it_is_killed() {
    let verified = finished().fedlayer("verify run").ok();
    assert_eq!(verified.stdout, "whole: 2 plans, 12 committed rounds\n");
    assert_eq!(verified.stderr, "");
    let killed = interrupted();
    let before = everything(&killed.path("run"));
    let verified = killed.fedlayer("verify run").ok();
    assert!(verified.stdout.starts_with("whole: 2 plans, "), "{}", verified.stdout);
    assert!(verified.stderr.contains("not finished"), "{}", verified.stderr);
    assert!(everything(&killed.path("run")) == before);
}

#[test]
fn a_changed_digit_in_the_records_is_named_with_its_line() {
    let place = finished();
    change_digit(&place.path(ROUNDS), 3);
    all_refuse(&place, &["run/all/seed-1/rounds.jsonl", "line 3 is not the line that was written"]);
    previous_heals(&place, &finished());
}

#[test]
fn two_lines_of_the_records_that_changed_places_are_named() {
    let place = finished();
    swap_lines(&place.path(BARRIERS), 2);
    all_refuse(&place, &["rotating/seed-1/barriers.jsonl", "lines 2 and 3 are not the lines"]);
    previous_heals(&place, &finished());
}

#[test]
fn a_zeroed_half_of_the_barriers_is_named() {
    let place = finished();
    let path = place.path(BARRIERS);
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0);
    fs::write(&path, bytes).unwrap();
    all_refuse(&place, &["rotating/seed-1/barriers.jsonl", "more are not the lines that were"]);
    previous_heals(&place, &finished());
}

#[test]
fn damage_before_the_checkpoint_of_an_interrupted_run_is_named_and_healed() {
    let place = interrupted();
    change_digit(&place.path(ROUNDS), 2);
    let before = everything(&place.path("run"));
    for command in ["verify run", "resume run"] {
        let refused = place.fedlayer(command);
        assert_eq!(refused.code, Some(6), "{}", said(&refused));
        assert!(said(&refused).contains("line 2 is not the line"), "{}", said(&refused));
    }
    assert!(everything(&place.path("run")) == before);
    previous_heals(&place, &finished());
}

#[test]
fn an_edited_seed_strategy_or_key_is_named_with_both_values() {
    for (from, to, words) in [
        ("seeds = [1]", "seeds = [1, 2]", "`seeds` was [1] and is [1,2]"),
        ("name = \"all\"", "name = \"alle\"", "`strategy.0.name` was \"all\" and is \"alle\""),
        ("lr = 0.1", "lr = 0.2", "`local.optimizer.sgd.lr` was 0.1 and is 0.2"),
        ("rounds = 6", "", "`rounds`"),
        ("seeds = [1]", "seeds = [", "it is not a scenario any more"),
    ] {
        let place = finished();
        edit(&place.path("run/scenario.toml"), |text| text.replacen(from, to, 1));
        let words = if to.is_empty() { "it is not a scenario any more" } else { words };
        all_refuse(&place, &["run/scenario.toml", words]);
        let hinted = place.fedlayer("resume run --previous");
        assert_eq!(hinted.code, Some(6), "{}", hinted.stderr);
        assert!(hinted.stderr.contains("put it back"), "{}", hinted.stderr);
    }
}

#[test]
fn a_comment_or_an_analysis_may_be_added_to_the_scenario_of_a_run() {
    let place = finished();
    edit(&place.path("run/scenario.toml"), |text| {
        format!(
            "{text}# Flat?\n[[analysis]]\nmeasure = {{ barriers = {{}} }}\nstrategy = \"one layer, rotating\"\n"
        )
    });
    for command in ["verify run", "compare run", "resume run"] {
        let done = place.fedlayer(command).ok();
        let note = "the text of `run/scenario.toml` has changed since the run began; its plans are the same";
        assert_eq!(done.stderr.matches(note).count(), 1, "{command}: {}", done.stderr);
    }
    assert!(place.path("run/analyses/barriers.jsonl").exists());
    place.fedlayer("verify run").ok();
}

#[test]
fn notes_that_changed_are_named() {
    for note in ["run.json", "inputs.json"] {
        let place = finished();
        edit(&place.path(&format!("run/{note}")), |text| {
            text.replacen("fedlayer", "fedlager", 1).replacen("scenario", "scenarie", 1)
        });
        all_refuse(&place, &[note, "its checksum is"]);
    }
}

#[test]
fn tables_are_made_anew_to_the_same_bytes() {
    let place = finished();
    let path = place.path("run/summary.json");
    let before = fs::read(&path).unwrap();
    change_digit(&path, 8);
    for command in ["verify run", "compare run"] {
        let refused = place.fedlayer(command);
        assert_eq!(refused.code, Some(6), "{}", said(&refused));
        assert!(said(&refused).contains("run/summary.json` is damaged"), "{}", said(&refused));
    }
    let healed = place.fedlayer("resume run").ok();
    assert!(healed.stderr.contains("run/summary.json` is damaged"), "{}", healed.stderr);
    assert!(healed.stderr.contains("it is made anew"), "{}", healed.stderr);
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_file(&path).unwrap();
    let refused = place.fedlayer("compare run");
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    place.fedlayer("resume run").ok();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn checksums_are_computed_anew_from_whole_records() {
    let place = finished();
    let path = place.path("run/all/seed-1/checksums.jsonl");
    let before = fs::read(&path).unwrap();
    fs::write(&path, &before[..40]).unwrap();
    assert_eq!(place.fedlayer("verify run").code, Some(6));
    place.fedlayer("resume run").ok();
    assert_eq!(fs::read(&path).unwrap(), before);
    place.fedlayer("verify run").ok();
}

#[test]
fn times_that_changed_are_named_and_keep_nobody_from_going_on() {
    let place = finished();
    change_digit(&place.path("run/all/seed-1/timings.jsonl"), 2);
    let verified = place.fedlayer("verify run");
    assert_eq!(verified.code, Some(6));
    assert!(verified.stdout.contains("timings.jsonl` is damaged: line 2"), "{}", verified.stdout);
    let done = place.fedlayer("resume run").ok();
    assert!(done.stderr.contains("timings.jsonl` is damaged: line 2"), "{}", done.stderr);
    assert_eq!(place.fedlayer("verify run").code, Some(6));
}

#[test]
fn verify_names_every_fault_and_not_the_first_alone() {
    let place = finished();
    change_digit(&place.path(ROUNDS), 3);
    swap_lines(&place.path(BARRIERS), 2);
    let bytes = fs::read(place.path(LATEST)).unwrap();
    fs::write(place.path(LATEST), &bytes[..bytes.len() - 1]).unwrap();
    let verified = place.fedlayer("verify run");
    assert_eq!(verified.code, Some(6));
    let lines: Vec<&str> = verified.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", verified.stdout);
    assert!(verified.stderr.contains("3 faults in `run`"), "{}", verified.stderr);
    let json = place.fedlayer("verify run --json");
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["faults"].as_array().unwrap().len(), 3);
}

#[test]
fn a_folder_of_no_plan_is_named_and_a_plan_that_is_gone_too() {
    let place = finished();
    copy_folder(&place.path("run/all/seed-1"), &place.path("run/all/seed-2"));
    let verified = place.fedlayer("verify run");
    assert_eq!(verified.code, Some(6));
    assert!(verified.stdout.contains("`run/all/seed-2` belongs to no plan"), "{}", verified.stdout);
    let resumed = place.fedlayer("resume run").ok();
    assert!(resumed.stderr.contains("`run/all/seed-2` belongs to no plan"), "{}", resumed.stderr);
    fs::remove_dir_all(place.path("run/all/seed-2")).unwrap();
    fs::remove_dir_all(place.path("run/all")).unwrap();
    all_refuse(&place, &["`run/all/seed-1` is gone"]);
    previous_heals(&place, &finished());
}

#[test]
fn a_checkpoint_of_another_plan_is_named() {
    let place = finished();
    let other = LATEST.replace("/all/", "/one-layer-rotating/");
    fs::copy(place.path(&other), place.path(LATEST)).unwrap();
    all_refuse(&place, &["round-0000006.safetensors", "made by another plan"]);
    previous_heals(&place, &finished());
}

#[test]
fn an_older_checkpoint_that_is_damaged_is_named_and_keeps_nobody_from_going_on() {
    let place = finished();
    let older = LATEST.replace("0000006", "0000004");
    let bytes = fs::read(place.path(&older)).unwrap();
    fs::write(place.path(&older), &bytes[..bytes.len() / 2]).unwrap();
    for (command, code) in [("verify run", 6), ("resume run", 0), ("verify run", 6)] {
        let named = place.fedlayer(command);
        assert_eq!(named.code, Some(code), "{command}: {}", said(&named));
        assert!(said(&named).contains("round-0000004.safetensors` is damaged"), "{}", said(&named));
    }
}

#[test]
fn a_model_of_a_run_that_was_damaged_or_changed_is_not_taken() {
    let address = "run:all:1:6:0";
    let command = format!("run scenario.toml --out new --set initial=\"{address}\"");
    finished().fedlayer(&command).ok();
    let place = finished();
    let other = LATEST.replace("/all/", "/one-layer-rotating/");
    fs::copy(place.path(&other), place.path(LATEST)).unwrap();
    let refused = place.fedlayer(&command);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("made by another plan"), "{}", refused.stderr);
    let place = finished();
    edit(&place.path("run/scenario.toml"), |text| text.replacen("lr = 0.1", "lr = 0.2", 1));
    let refused = place.fedlayer(&command);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("`local.optimizer.sgd.lr` was 0.1"), "{}", refused.stderr);
}

#[test]
fn a_checkpoint_that_is_gone_is_named() {
    let place = finished();
    fs::remove_file(place.path(LATEST)).unwrap();
    all_refuse(&place, &["round-0000006.safetensors` is gone"]);
    previous_heals(&place, &finished());
}

#[test]
fn a_line_behind_the_last_round_is_named_and_cut_off() {
    let place = finished();
    edit(&place.path(ROUNDS), |text| format!("{text}{}\n", text.lines().last().unwrap()));
    for command in ["verify run", "compare run"] {
        let refused = place.fedlayer(command);
        assert_eq!(refused.code, Some(6), "{}", said(&refused));
        assert!(said(&refused).contains("behind the last committed round"), "{}", said(&refused));
    }
    place.fedlayer("resume run").ok();
    assert_same_bytes(&finished().records("run"), &place.records("run"));
    place.fedlayer("verify run").ok();
}

#[test]
fn the_files_of_an_analysis_are_checked_and_made_anew() {
    let scenario = format!(
        "{DIGITS}[[analysis]]\nmeasure = {{ barriers = {{}} }}\nstrategy = \"one layer, rotating\"\n"
    );
    let place = Place::with(&scenario);
    place.fedlayer("run scenario.toml --out run").ok();
    let before = place.records("run");
    place.fedlayer("verify run").ok();
    for (name, line) in [("barriers.csv", 3), ("barriers.jsonl", 3), ("barriers.json", 1)] {
        let path = place.path(&format!("run/analyses/{name}"));
        match line {
            1 => edit(&path, |text| text.replacen("barriers", "barrierz", 1)),
            line => change_digit(&path, line),
        }
        let verified = place.fedlayer("verify run");
        assert_eq!(verified.code, Some(6), "{name}");
        assert!(
            verified.stdout.contains(&format!("analyses/{name}` is damaged")),
            "{}",
            verified.stdout
        );
        place.fedlayer("resume run").ok();
        assert_same_bytes(&before, &place.records("run"));
        place.fedlayer("verify run").ok();
    }
}

/// A run of version 0.1.0, before records had checksums.
pub(crate) fn of_an_earlier_version() -> Place {
    let place = Place::with(DIGITS);
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/fixtures/earlier-run");
    copy_folder(&run, &place.path("run"));
    place
}

#[test]
fn a_run_of_an_earlier_version_is_taken_and_said_to_carry_no_checksums() {
    let place = of_an_earlier_version();
    let verified = place.fedlayer("verify run").ok();
    assert!(verified.stderr.contains("it carries no checksums"), "{}", verified.stderr);
    place.fedlayer("compare run").ok();
    place.fedlayer("resume run").ok();
    place.fedlayer("analyze barriers run --strategy none").ok();
    edit(&place.path("run/none/seed-1/rounds.jsonl"), |text| text.replacen("round", "ro", 1));
    let verified = place.fedlayer("verify run");
    assert_eq!(verified.code, Some(6));
    assert!(verified.stdout.contains("line 1"), "{}", verified.stdout);
}

#[test]
fn an_interrupted_run_of_an_earlier_version_goes_on_and_has_checksums_then() {
    let place = of_an_earlier_version();
    let kept: PathBuf = place.path("run/none/seed-1/checkpoints/round-0000003.safetensors");
    fs::remove_file(kept).unwrap();
    edit(&place.path("run/run.json"), |text| text.replacen("finished", "running", 1));
    place.fedlayer("resume run").ok();
    let verified = place.fedlayer("verify run").ok();
    assert_eq!(verified.stderr, "");
    change_digit(&place.path("run/none/seed-1/rounds.jsonl"), 1);
    let verified = place.fedlayer("verify run");
    assert!(verified.stdout.contains("line 1 is not the line"), "{}", verified.stdout);
}
