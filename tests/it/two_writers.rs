//! No two processes write to one run, even if its folder is deleted, renamed or copied meanwhile.

use std::{
    fs,
    path::Path,
    process::{Child, Output, Stdio},
};

use crate::{
    run_folders::{everything, signal},
    support::{DIGITS, Place, assert_same_bytes, copy_folder},
};

/// A run that is long enough to be still running when its folder is changed.
fn long() -> String {
    DIGITS.replace("rounds = 6", "rounds = 24")
}

/// A run that is paused in the middle and can continue.
struct Held {
    place: Place,
    child: Child,
}

impl Held {
    fn with(place: Place) -> Self {
        let mut command = place.command("run scenario.toml --out run --workers 1");
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut held = Self { place, child };
        let rounds = held.place.path("run/all/seed-1/rounds.jsonl");
        while fs::read_to_string(&rounds).map_or(0, |text| text.lines().count()) < 3 {
            assert!(held.child.try_wait().unwrap().is_none(), "the run ended before it was held");
            std::thread::yield_now();
        }
        signal(held.child.id(), "-STOP");
        held
    }

    /// Lets the run continue to its end.
    fn end(self) -> (Place, Output) {
        signal(self.child.id(), "-CONT");
        (self.place, self.child.wait_with_output().unwrap())
    }
}

/// Makes the folder on the usual file system, and in memory if there is such a file system.
fn places() -> Vec<Place> {
    let memory = Path::new("/dev/shm").is_dir().then(|| Place::below("/dev/shm", &long()));
    [Place::with(&long())].into_iter().chain(memory).collect()
}

fn whole() -> Place {
    let place = Place::with(&long());
    place.fedlayer("run scenario.toml --out run").ok();
    place
}

#[test]
fn a_second_process_is_kept_out_though_the_lock_file_is_deleted() {
    let whole = whole();
    for place in places() {
        let held = Held::with(place);
        // The run folder itself is locked; the lock file of an earlier version changes nothing.
        for file in [".lock", "all/seed-1/timings.jsonl.tmp"] {
            let _absent = fs::remove_file(held.place.path("run").join(file));
        }
        let second = held.place.fedlayer("resume run");
        assert_eq!(second.code, Some(7), "{}", second.stderr);
        assert!(second.stderr.contains("another process is writing to `run`"), "{}", second.stderr);
        held.place.fedlayer("verify run").ok();
        let (place, first) = held.end();
        assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
        assert_same_bytes(&whole.records("run"), &place.records("run"));
    }
}

#[test]
fn a_folder_that_is_renamed_while_a_process_writes_ends_the_process() {
    let whole = whole();
    for place in places() {
        let held = Held::with(place);
        fs::rename(held.place.path("run"), held.place.path("moved")).unwrap();
        let second = held.place.fedlayer("resume moved");
        assert_eq!(second.code, Some(7), "{}", second.stderr);
        let (place, first) = held.end();
        let said = String::from_utf8_lossy(&first.stderr);
        assert_eq!(first.status.code(), Some(6), "{said}");
        assert!(said.contains("moved or replaced while the run went on"), "{said}");
        assert!(!place.path("run").exists(), "it was made again");
        place.fedlayer("resume moved").ok();
        assert_same_bytes(&whole.records("run"), &place.records("moved"));
    }
}

#[test]
fn a_copy_is_a_run_of_its_own() {
    let whole = whole();
    for place in places() {
        let held = Held::with(place);
        copy_folder(&held.place.path("run"), &held.place.path("copy"));
        held.place.fedlayer("resume copy").ok();
        assert_same_bytes(&whole.records("run"), &held.place.records("copy"));
        let (place, first) = held.end();
        assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
        assert_same_bytes(&whole.records("run"), &place.records("run"));
    }
}

#[test]
fn a_copy_in_the_place_of_the_folder_is_not_written_by_the_first_process() {
    let whole = whole();
    for place in places() {
        let held = Held::with(place);
        fs::rename(held.place.path("run"), held.place.path("aside")).unwrap();
        copy_folder(&held.place.path("aside"), &held.place.path("run"));
        held.place.fedlayer("resume run").ok();
        let before = everything(&held.place.path("run"));
        let (place, first) = held.end();
        assert_eq!(first.status.code(), Some(6), "{}", String::from_utf8_lossy(&first.stderr));
        let after = everything(&place.path("run"));
        let changed = |path: &&std::path::PathBuf| after.get(*path) != before.get(*path);
        let changed: Vec<_> = after.keys().chain(before.keys()).filter(changed).collect();
        assert!(changed.is_empty(), "the first process wrote to the copy: {changed:?}");
        assert_same_bytes(&whole.records("run"), &place.records("run"));
        place.fedlayer("resume aside").ok();
        assert_same_bytes(&whole.records("run"), &place.records("aside"));
    }
}

#[test]
fn a_record_file_that_is_replaced_while_a_process_writes_ends_the_process() {
    let held = Held::with(Place::with(&long()));
    let rounds = held.place.path("run/all/seed-1/rounds.jsonl");
    let text = fs::read(&rounds).unwrap();
    fs::remove_file(&rounds).unwrap();
    fs::write(&rounds, text).unwrap();
    let (place, first) = held.end();
    let said = String::from_utf8_lossy(&first.stderr);
    assert_eq!(first.status.code(), Some(6), "{said}");
    assert!(said.contains("rounds.jsonl`: it was moved or replaced"), "{said}");
    place.fedlayer("resume run").ok();
    assert_same_bytes(&whole().records("run"), &place.records("run"));
}
