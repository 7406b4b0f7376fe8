//! A start that fails leaves nothing behind: neither the run folder, nor a folder around it, nor a
//! table.

use std::{collections::BTreeMap, fs, net::TcpListener};

use crate::support::{DIGITS, Place, mirror_without_files};

/// Lists everything in a scratch folder, with its folders.
fn all(place: &Place) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![place.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.display().to_string());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Starts that fail: what is wrong, the command, its exit code.
const STARTS: [(&str, &str, i32); 21] = [
    ("a wrong scenario", "run scenario.toml --set rounds=0", 3),
    ("a set that is nowhere", "run scenario.toml --set data.set=cifar-10", 4),
    ("the same with a folder", "run scenario.toml --set data.set=cifar-10 --out deep/run", 4),
    ("no data folder", "run scenario.toml --data no --out run", 4),
    ("a file as data folder", "run scenario.toml --data scenario.toml --out run", 4),
    ("no such device", "run scenario.toml --device cuda:99 --out run", 5),
    ("a file in the way", "run scenario.toml --out scenario.toml/deep/run", 6),
    ("no round", "run scenario.toml --set local.optimizer.sgd.lr=1e30", 9),
    ("the same in a folder", "run scenario.toml --set local.optimizer.sgd.lr=1e30 --out a/b", 9),
    ("no certificates", "coordinator scenario.toml --certs no --out run", 12),
    ("no token", "coordinator scenario.toml --token-file no", 12),
    ("a short token", "coordinator scenario.toml --token-file scenario.toml", 12),
    ("an open port", "coordinator scenario.toml --listen 0.0.0.0:0", 12),
    ("no address", "coordinator scenario.toml --listen nowhere", 2),
    ("an unknown name", "coordinator scenario.toml --listen nowhere.invalid:7878", 11),
    ("another's address", "coordinator scenario.toml --listen 192.0.2.1:7878 --insecure", 11),
    ("a set that is nowhere", "coordinator scenario.toml --set data.set=cifar-10", 4),
    ("a name that is none", "certs deep/certs --name böse", 12),
    ("a file in the way", "certs scenario.toml/certs", 6),
    ("a folder without the set", "data fetch mnist --from . --to deep/sets", 10),
    ("a file in the way", "data fetch mnist --from . --to scenario.toml", 6),
];

#[test]
fn a_failed_start_leaves_no_folder_and_no_table() {
    let place = Place::with(DIGITS);
    let before = all(&place);
    for (what, command, code) in STARTS {
        let done = place.fedlayer(command);
        assert_eq!(done.code, Some(code), "{what}: {command}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{what}: {command}");
        assert_eq!(all(&place), before, "{what}: {command}");
    }
}

#[test]
fn a_taken_port_leaves_no_run_folder() {
    let place = Place::with(DIGITS);
    let before = all(&place);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen {}", taken.local_addr().unwrap());
    for out in ["", "--out deep/run"] {
        let done = place.fedlayer(&format!("coordinator scenario.toml {listen} {out}"));
        assert_eq!(done.code, Some(11), "{}", done.stderr);
        assert!(done.stderr.contains("choose another port"), "{}", done.stderr);
        assert_eq!((done.stdout.as_str(), all(&place)), ("", before.clone()));
    }
}

#[test]
fn certificates_that_are_none_leave_no_run_folder() {
    let place = Place::with(DIGITS);
    place.fedlayer("certs certs").ok();
    fs::write(place.path("certs/coordinator.key"), "no key").unwrap();
    fs::write(place.path("certs/worker.pem"), "no certificate").unwrap();
    let before = all(&place);
    for command in ["coordinator scenario.toml", "worker --connect 127.0.0.1:1", "health"] {
        let done = place.fedlayer(&format!("{command} --certs certs"));
        assert_eq!(done.code, Some(12), "{command}: {}", done.stderr);
        assert_eq!((done.stdout.as_str(), all(&place)), ("", before.clone()), "{command}");
    }
}

#[test]
fn a_download_of_nothing_leaves_no_folder() {
    let place = Place::with("");
    let before = all(&place);
    let address = mirror_without_files();
    let done = place.fedlayer(&format!("data fetch tiny-shakespeare --from http://{address}"));
    assert_eq!(done.code, Some(10), "{}", done.stderr);
    assert_eq!(all(&place), before);
}

#[test]
fn an_analysis_that_cannot_be_made_or_written_leaves_no_folder() {
    let place = Place::with(&DIGITS.replace("average = { rotate = 1 }", "average = \"none\""));
    place.fedlayer("run scenario.toml --out run --set rounds=2").ok();
    let before = all(&place);
    for (command, code) in [
        ("analyze barriers run --strategy all --out deep/analyses", 3),
        ("analyze barriers a.safetensors b.safetensors --scenario scenario.toml --out a", 4),
        ("analyze barriers scenario.toml scenario.toml --scenario scenario.toml --out a", 3),
        ("analyze hessian run --strategy all --rounds 1 --out a", 3),
        ("analyze barriers scenario.toml --out a", 14),
        ("analyze barriers run --strategy all --clients 0 --out scenario.toml/a", 3),
        ("analyze hessian run --strategy all --out scenario.toml/a", 6),
    ] {
        let done = place.fedlayer(command);
        assert_eq!(done.code, Some(code), "{command}: {}", done.stderr);
        assert_eq!((done.stdout.as_str(), all(&place)), ("", before.clone()), "{command}");
    }
}

/// Returns every file of a run folder except the lock.
fn run_folder(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let files = all(place).into_iter().filter(|file| !file.ends_with(".lock"));
    let read = files.filter_map(|file| Some((file.clone(), fs::read(file).ok()?)));
    read.collect()
}

#[test]
fn a_failed_start_on_a_finished_run_changes_nothing_of_it() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out run --set rounds=2").ok();
    fs::create_dir(place.path("empty")).unwrap();
    let before = run_folder(&place);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("coordinator run --listen {}", taken.local_addr().unwrap());
    for (command, code) in [
        (listen.as_str(), 11),
        ("coordinator run --certs no", 12),
        ("coordinator run --data no", 4),
        ("resume run --device cuda:99", 5),
        ("resume run --data no", 4),
    ] {
        let done = place.fedlayer(command);
        assert_eq!(done.code, Some(code), "{command}: {}", done.stderr);
        assert_eq!(run_folder(&place), before, "{command}");
    }
    let checkpoint = place.path("run/all/seed-1/checkpoints/round-0000002.safetensors");
    fs::write(&checkpoint, "torn").unwrap();
    let torn = run_folder(&place);
    let done = place.fedlayer("resume run");
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    assert_eq!(run_folder(&place), torn, "the summary stays");
}
