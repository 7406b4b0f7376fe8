//! Run folders to damage: made once, then copied.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

use crate::support::{DIGITS, Place, copy_folder};

/// Returns a scratch folder with a finished run of two strategies in `run`.
pub(crate) fn finished() -> Place {
    static RUN: OnceLock<Place> = OnceLock::new();
    copied(RUN.get_or_init(|| {
        let place = Place::with(DIGITS);
        place.fedlayer("run scenario.toml --out run").ok();
        place
    }))
}

/// Returns a scratch folder with the same run in `run`, killed after some of its rounds.
pub(crate) fn interrupted() -> Place {
    static RUN: OnceLock<Place> = OnceLock::new();
    copied(RUN.get_or_init(|| {
        let place = Place::with(DIGITS);
        let checkpoints = place.path("run/all/seed-1/checkpoints");
        let later = checkpoints.join("round-0000004.safetensors");
        let last = checkpoints.join("round-0000006.safetensors");
        loop {
            let mut child = place.start("run scenario.toml --out run --workers 1");
            while !later.exists() {
                assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
                std::thread::yield_now();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            if !last.exists() {
                return place;
            }
            // The run was finished before it could be killed.
            fs::remove_dir_all(place.path("run")).unwrap();
        }
    }))
}

fn copied(from: &Place) -> Place {
    let place = Place::with(DIGITS);
    copy_folder(&from.path("run"), &place.path("run"));
    place
}

/// Returns every file and folder of a run, with its bytes and the time of its last change.
pub(crate) fn everything(run: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        found.insert(folder.clone(), (changed(&folder), Vec::new()));
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), (changed(&path), fs::read(&path).unwrap()));
            }
        }
    }
    found
}

fn changed(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// Sends a signal to a process.
pub(crate) fn signal(process: u32, signal: &str) {
    let status = Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
    assert!(status.success());
}
