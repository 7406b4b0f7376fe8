//! Failures of the disk. Each is found at the first read or write.
//!
//! * A bit of a checkpoint flips: the file and both checksums are named, exit code 6; `--previous`
//!   goes on from the checkpoint before.
//! * A checkpoint is truncated: it is named, exit code 6; `--previous` goes on from the checkpoint
//!   before.
//! * The coordinator's disk is full: the file is named, exit code 6; workers wait; with free space
//!   the run goes on to the same bytes.
//! * The run folder cannot be written at the start: it is named, exit code 6.
//! * The run folder cannot be written any more: the file is named, exit code 6; workers wait; once
//!   it can be written the run goes on to the same bytes.

use std::fs;

use crate::{
    cluster::{Cluster, CoordinatorSetting, in_one_process, long, until},
    support::{DIGITS, Place, assert_same_bytes},
};

/// Makes a finished run with a checkpoint of every round. Returns the last checkpoint of the first
/// strategy.
fn finished() -> (Place, std::path::PathBuf) {
    let place =
        Place::with(&DIGITS.replace("[checkpoints]\nevery = 2", "[checkpoints]\nevery = 1"));
    place.fedlayer("run scenario.toml --out run").ok();
    let latest = place.path("run/all/seed-1/checkpoints/round-0000006.safetensors");
    (place, latest)
}

fn goes_on_from_the_checkpoint_before(place: &Place, words: &str) {
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
    goes_on_from_the_checkpoint_before(&place, "its checksum is ");
}

#[test]
fn a_torn_checkpoint_is_found() {
    let (place, latest) = finished();
    let bytes = fs::read(&latest).unwrap();
    fs::write(&latest, &bytes[..bytes.len() / 2]).unwrap();
    goes_on_from_the_checkpoint_before(&place, "not a whole safetensors file");
}

#[test]
fn a_coordinator_whose_disk_is_full_goes_on_once_there_is_room() {
    let setting = CoordinatorSetting { kib: Some(60), ..CoordinatorSetting::default() };
    let mut cluster = Cluster::start_in(setting, &long(), "");
    let mut worker = cluster.worker();
    assert_eq!(cluster.coordinator.ended(), Some(6), "{}", cluster.said());
    let said = cluster.said();
    assert!(said.contains("could not write `several/"), "{said}");
    assert!(said.contains("once it can be written, go on with"), "{said}");
    cluster.restart();
    cluster.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_run_folder_that_cannot_be_written_any_more_is_named_and_the_run_goes_on_once_it_can() {
    let mut cluster = Cluster::start(&long(), "");
    let mut worker = cluster.worker();
    cluster.until_round(6);
    // A file instead of the folder makes writes fail for every user. A read-only file system would
    // need root.
    let (checkpoints, aside) =
        (cluster.place.path("several/all/seed-1/checkpoints"), cluster.place.path("aside"));
    fs::rename(&checkpoints, &aside).unwrap();
    fs::write(&checkpoints, "").unwrap();
    assert_eq!(cluster.coordinator.ended(), Some(6), "{}", cluster.said());
    let said = cluster.said();
    assert!(said.contains("`several/all/seed-1/checkpoints"), "{said}");
    assert!(said.contains("go on with"), "{said}");
    until("the worker's patience", || cluster.worker_said(1).contains("may come back"));
    fs::remove_file(&checkpoints).unwrap();
    fs::rename(&aside, &checkpoints).unwrap();
    cluster.restart();
    cluster.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_run_folder_that_cannot_be_written_is_named() {
    let place = Place::with(DIGITS);
    // Not even root can make folders there.
    let read_only = place.fedlayer("coordinator scenario.toml --listen 127.0.0.1:0 --out /sys/run");
    assert_eq!(read_only.code, Some(6), "{}", read_only.stderr);
    assert!(read_only.stderr.contains("could not make the folder `/sys"), "{}", read_only.stderr);
    // A file instead of a folder cannot contain files, even for root.
    fs::write(place.path("file"), "").unwrap();
    let failed = place.fedlayer("coordinator scenario.toml --listen 127.0.0.1:0 --out file/run");
    assert_eq!(failed.code, Some(6), "{}", failed.stderr);
    assert!(failed.stderr.contains("could not make the folder `file"), "{}", failed.stderr);
}
