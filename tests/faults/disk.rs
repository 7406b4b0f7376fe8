//! | what fails | what happens |
//! |---|---|
//! | a bit of a checkpoint flips | the file and both checksums are named, exit code 6; `--previous` goes on from the one before |
//! | a checkpoint is torn | named, exit code 6; `--previous` goes on from the one before |
//! | the coordinator's disk is full | the file is named, exit code 6; workers wait for it; with room again it goes on to the same bytes |
//! | the run folder cannot be written when the run begins | named, exit code 6 |
//! | the run folder cannot be written any more in the middle | the file is named, exit code 6; workers wait; once it can, it goes on to the same bytes |
//!
//! Each of them is found at once, at the first write or read.

use std::fs;

use crate::{
    federation::{Federation, Setting, in_one_process, long, until},
    support::{DIGITS, Place, assert_same_bytes},
};

/// A finished run whose last two rounds of the first strategy are to be damaged.
fn finished() -> (Place, std::path::PathBuf) {
    let place =
        Place::with(&DIGITS.replace("[checkpoints]\nevery = 2", "[checkpoints]\nevery = 1"));
    place.fedlayer("run scenario.toml --out run").ok();
    let latest = place.path("run/all/seed-1/checkpoints/round-0000006.safetensors");
    (place, latest)
}

fn goes_on_from_the_one_before(place: &Place, words: &str) {
    for command in ["resume run", "coordinator run --listen 127.0.0.1:0"] {
        let refused = place.fedlayer(command);
        assert_eq!(refused.code, Some(6), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("round-0000006.safetensors` is damaged"),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
        assert!(refused.stderr.contains("`--previous`"), "{}", refused.stderr);
    }
    let done = place.fedlayer("resume run --previous").ok();
    assert!(
        done.stderr
            .contains("warning: `run/all/seed-1/checkpoints/round-0000006.safetensors` is damaged"),
        "{}",
        done.stderr
    );
    let scenario = fs::read_to_string(place.path("scenario.toml")).unwrap();
    assert_same_bytes(&in_one_process(scenario), &place.records("run"));
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let (place, latest) = finished();
    let bytes = fs::read(&latest).unwrap();
    let values = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for at in [values, (values + bytes.len()) / 2, bytes.len() - 1] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        fs::write(&latest, &flipped).unwrap();
        let refused = place.fedlayer("resume run");
        assert_eq!(refused.code, Some(6), "byte {at}: {}", refused.stderr);
        assert!(refused.stderr.contains("its checksum is "), "{}", refused.stderr);
    }
    goes_on_from_the_one_before(&place, "its checksum is ");
}

#[test]
fn a_torn_checkpoint_is_found() {
    let (place, latest) = finished();
    let bytes = fs::read(&latest).unwrap();
    fs::write(&latest, &bytes[..bytes.len() / 2]).unwrap();
    goes_on_from_the_one_before(&place, "not a whole safetensors file");
}

#[test]
fn a_coordinator_whose_disk_is_full_goes_on_once_there_is_room() {
    let setting = Setting { kib: Some(60), ..Setting::default() };
    let mut federation = Federation::start_in(setting, &long(), "");
    let mut worker = federation.worker();
    assert_eq!(federation.coordinator.ended(), Some(6), "{}", federation.said());
    let said = federation.said();
    assert!(said.contains("could not write `several/"), "{said}");
    assert!(said.contains("once it can be written, go on with"), "{said}");
    federation.restart();
    federation.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_run_folder_that_cannot_be_written_any_more_is_named_and_the_run_goes_on_once_it_can() {
    let mut federation = Federation::start(&long(), "");
    let mut worker = federation.worker();
    federation.until_round(6);
    // No folder, no file in it, whoever asks: a file system that was mounted read-only cannot be had without being root.
    let (checkpoints, aside) =
        (federation.place.path("several/all/seed-1/checkpoints"), federation.place.path("aside"));
    fs::rename(&checkpoints, &aside).unwrap();
    fs::write(&checkpoints, "").unwrap();
    assert_eq!(federation.coordinator.ended(), Some(6), "{}", federation.said());
    let said = federation.said();
    assert!(said.contains("`several/all/seed-1/checkpoints"), "{said}");
    assert!(said.contains("go on with"), "{said}");
    until("the worker's patience", || federation.worker_said(1).contains("may come back"));
    fs::remove_file(&checkpoints).unwrap();
    fs::rename(&aside, &checkpoints).unwrap();
    federation.restart();
    federation.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_run_folder_that_cannot_be_written_is_named() {
    let place = Place::with(DIGITS);
    // Nobody makes folders there, not even root.
    let read_only = place.fedlayer("coordinator scenario.toml --listen 127.0.0.1:0 --out /sys/run");
    assert_eq!(read_only.code, Some(6), "{}", read_only.stderr);
    assert!(read_only.stderr.contains("could not make the folder `/sys"), "{}", read_only.stderr);
    // A file where a folder belongs cannot be written into, whoever asks.
    fs::write(place.path("file"), "").unwrap();
    let failed = place.fedlayer("coordinator scenario.toml --listen 127.0.0.1:0 --out file/run");
    assert_eq!(failed.code, Some(6), "{}", failed.stderr);
    assert!(failed.stderr.contains("could not make the folder `file"), "{}", failed.stderr);
}
