//! A command that fails at its start changes no byte of a run.

use std::{fs, net::TcpListener};

use crate::{
    run_folders::{everything, finished, interrupted},
    support::Place,
};

/// Starts that fail on an undamaged run: what is wrong, the command, its exit code.
const STARTS: [(&str, &str, i32); 11] = [
    ("no such device", "resume run --device cuda:99", 5),
    ("no data folder", "resume run --data no", 4),
    ("no certificates", "coordinator run --certs no", 12),
    ("an open port", "coordinator run --listen 0.0.0.0:0", 12),
    ("no address", "coordinator run --listen nowhere", 2),
    ("another's address", "coordinator run --listen 192.0.2.1:7878 --insecure", 11),
    ("a changed scenario", "coordinator run --listen 127.0.0.1:0 --set rounds=9", 6),
    ("a wrong scenario", "coordinator run --listen 127.0.0.1:0 --set rounds=0", 3),
    ("a client that is none", "analyze barriers run --strategy all --clients 0,99", 3),
    ("no such strategy", "analyze barriers run --strategy no", 3),
    ("the folder again", "run scenario.toml --out run", 7),
];

/// Damage to a run: its description, the file, and the change of its bytes.
type Damage = (&'static str, &'static str, fn(&[u8]) -> Vec<u8>);

const DAMAGES: [Damage; 8] = [
    ("a torn checkpoint", "all/seed-1/checkpoints/round-0000004.safetensors", half),
    ("a flipped bit of a checkpoint", "all/seed-1/checkpoints/round-0000004.safetensors", flip),
    ("a changed round", "all/seed-1/rounds.jsonl", flip),
    ("a torn record", "all/seed-1/rounds.jsonl", half),
    ("changed barriers of the second plan", "one-layer-rotating/seed-1/barriers.jsonl", flip),
    ("an emptied note", "run.json", |_| Vec::new()),
    ("a changed note", "inputs.json", flip),
    ("a scenario cut in half", "scenario.toml", half),
];

fn half(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

fn flip(bytes: &[u8]) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bytes.len() / 3] ^= 1;
    flipped
}

fn both() -> [(&'static str, Place); 2] {
    [("finished", finished()), ("interrupted", interrupted())]
}

#[test]
fn a_start_that_fails_changes_nothing_of_a_run() {
    for (state, place) in both() {
        let before = everything(&place.path("run"));
        for (what, command, code) in STARTS {
            let done = place.fedlayer(command);
            assert_eq!(done.code, Some(code), "{state}, {what}: {command}: {}", done.stderr);
            assert!(everything(&place.path("run")) == before, "{state}, {what}: {command}");
        }
    }
}

#[test]
fn a_taken_port_changes_nothing_of_a_run() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    for (state, place) in both() {
        let before = everything(&place.path("run"));
        for command in ["coordinator run", "coordinator scenario.toml --out run --go-on"] {
            let done = place.fedlayer(&format!("{command} --listen {listen}"));
            assert_eq!(done.code, Some(11), "{state}: {}", done.stderr);
            assert!(everything(&place.path("run")) == before, "{state}: {command}");
        }
    }
}

#[test]
fn damage_that_is_named_is_all_that_is_wrong_afterwards() {
    for (what, file, damage) in DAMAGES {
        for (state, place) in both() {
            let path = place.path("run").join(file);
            // The finished run keeps its last two checkpoints, the interrupted one fewer.
            let path = if state == "finished" && file.contains("0000004") {
                path.with_file_name("round-0000006.safetensors")
            } else {
                path
            };
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, damage(&bytes)).unwrap();
            let before = everything(&place.path("run"));
            for command in ["resume run", "coordinator run --listen 127.0.0.1:0"] {
                let done = place.fedlayer(command);
                let is_named = done.stderr.contains(path.file_name().unwrap().to_str().unwrap());
                assert_eq!(done.code, Some(6), "{state}, {what}: {command}: {}", done.stderr);
                assert!(is_named, "{state}, {what}: {command}: {}", done.stderr);
                assert!(everything(&place.path("run")) == before, "{state}, {what}: {command}");
            }
        }
    }
}
