//! Run folders of an earlier program (`tests/it/fixtures/runs`) can still be resumed, compared,
//! analysed and verified.
//!
//! `finished` and `interrupted` are runs of the same `scenario.toml`; the second was killed after
//! its second round. Version 0.1.0 wrote them. They are never written again.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{Place, copy_folder};

fn earlier() -> Place {
    let place = Place::with("");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/fixtures/runs");
    copy_folder(&fixtures, place.path("").as_path());
    place
}

#[test]
fn an_earlier_finished_run_is_what_was_written_and_resumes_to_its_own_table() {
    let place = earlier();
    let before = place.records("finished");
    let verified = place.fedlayer("verify finished").ok();
    assert!(verified.stderr.is_empty(), "{}", verified.stderr);
    place.fedlayer("resume finished").ok();
    crate::support::assert_same_bytes(&before, &place.records("finished"));
}

#[test]
fn an_earlier_interrupted_run_resumes_to_its_last_round() {
    let place = earlier();
    let first = |place: &Place| {
        let rounds = place.path("interrupted/body/seed-1/rounds.jsonl");
        fs::read_to_string(rounds).unwrap().lines().next().unwrap().to_owned()
    };
    let before = first(&place);
    place.fedlayer("resume interrupted").ok();
    assert_eq!(before, first(&place), "the rounds before the kill stay as they were");
    let summary = fs::read_to_string(place.path("interrupted/summary.json")).unwrap();
    let rows: Value = serde_json::from_str(&summary).unwrap();
    let rounds: Vec<&Value> =
        rows["rows"].as_array().unwrap().iter().map(|row| &row["rounds"]).collect();
    assert_eq!(rounds, [4, 4]);
    place.fedlayer("verify interrupted").ok();
}

#[test]
fn an_earlier_run_compares_with_a_run_of_today() {
    let place = earlier();
    place.fedlayer("run finished/scenario.toml --out today").ok();
    let compared = place.fedlayer("compare finished today").ok();
    assert!(!compared.stderr.contains("differ"), "{}", compared.stderr);
    assert!(compared.stdout.contains("Δ"), "{}", compared.stdout);
}

#[test]
fn an_earlier_run_is_analysed() {
    let place = earlier();
    place.fedlayer("analyze barriers finished --strategy body --name anew").ok();
    let rows = |name: &str| {
        let file = place.path("finished/analyses").join(format!("{name}.jsonl"));
        fs::read_to_string(file).unwrap().lines().count()
    };
    assert!(rows("anew") > 0);
    place.fedlayer("analyze flatness finished --strategy body --splits test --name flat").ok();
}

/// An earlier run goes on in its own format, so that the earlier program can still read it.
#[test]
fn an_earlier_run_keeps_the_hashes_of_its_plans() {
    let place = earlier();
    let note = || -> Value {
        let text = fs::read_to_string(place.path("interrupted/run.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let before = note();
    place.fedlayer("resume interrupted").ok();
    let after = note();
    assert_eq!(after["provenance"], before["provenance"]);
    assert_eq!(after["format"], Value::Null);
    let hash = before["provenance"]["plans"][0]["blake3"].as_str().unwrap();
    let last = place.path("interrupted/all/seed-1/checkpoints/round-0000004.safetensors");
    let last = String::from_utf8_lossy(&fs::read(last).unwrap()).into_owned();
    assert!(last.contains(hash), "the last checkpoint has another hash than {hash}");
}
