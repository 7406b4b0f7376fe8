//! A million clients cost as much as the clients that are drawn.

use std::{fs, path::PathBuf, process::Stdio};

use serde_json::Value;

use crate::support::Place;

fn scenario() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/million.toml"))
}

#[test]
fn check_lists_the_first_clients_and_counts_all() {
    let place = Place::with("");
    let check = format!("check {}", scenario().display());
    let text = place.fedlayer(&check).ok().stdout;
    assert!(text.contains("examples of 1,000,000 clients"), "{text}");
    assert!(text.contains("… and 999,980 more"), "{text}");
    let json: Value =
        serde_json::from_str(&place.fedlayer(&format!("{check} --json")).ok().stdout).unwrap();
    assert_eq!(json["client_count"], 1_000_000);
    // Two strategies, ten rounds, a hundred clients, two epochs of 40 examples in batches of ten.
    // The shared model of `all` is evaluated on the common test set once a round, each model of the
    // other strategy once; all models on the clients' own data.
    assert_eq!(json["cost"]["steps"], 2 * 10 * 100 * 2 * 4);
    assert_eq!(json["cost"]["evaluations"], 10 * (1 + 100) + 10 * (100 + 100));
    assert_eq!(json["clients"].as_array().unwrap().len(), 20);
    for client in json["clients"].as_array().unwrap() {
        assert_eq!(client["train"].as_u64().unwrap() + client["test"].as_u64().unwrap(), 50);
    }
}

/// Linux knows the largest memory of a program that is still running.
#[cfg(target_os = "linux")]
#[test]
fn a_run_stays_below_a_gibibyte() {
    let place = Place::with("");
    let run = format!("run {} --out run --set rounds=1", scenario().display());
    let mut child = place.command(&run).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let code = loop {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(kibibytes.unwrap_or(0_u64));
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        std::thread::yield_now();
    };
    assert!(code.success());
    assert!(most > 0, "`{status}` says nothing");
    assert!(most < 1 << 20, "{most} KiB");
    let text = fs::read_to_string(place.path("run/all/seed-1/rounds.jsonl")).unwrap();
    let round: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(round["reported"].as_array().unwrap().len(), 100);
}

/// The pairs of these clients, with their twins, do not fit into 64 bits.
#[test]
fn pairs_of_a_hundred_million_clients_are_counted() {
    let scenario = fs::read_to_string(scenario()).unwrap();
    let barriers = "[barriers]\nbetween = \"pairs\"\ntwins = 1000\nsplits = [\"test\"]\nalpha = [0.1, 0.2, 0.3, 0.4, 0.5]\n\
                    sets = [\"full\", \"layers\", \"shallow\", \"deep\"]\n";
    let place = Place::with(&format!("{scenario}\n{barriers}"));
    let everybody = "--set clients.count=100000000 --set clients.per_round=100000000";
    let done = place.fedlayer(&format!("check scenario.toml {everybody} --json")).ok();
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(json["cost"]["evaluations"], u64::MAX);
}
