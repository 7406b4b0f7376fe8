//! The contract with other programs: the contents of the files of a run folder.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::support::{DIGITS, Place};

fn json_lines(place: &Place, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(place.path(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn summary_and_rows_have_the_promised_fields() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out run").ok();
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(place.path("run/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["scenario"], "scenario");
    let promised: BTreeSet<&str> = [
        "strategy",
        "seed",
        "rounds",
        "test_accuracy",
        "test_loss",
        "client_accuracy_mean",
        "client_accuracy_std",
        "full_barrier",
        "max_layer_barrier",
        "max_layer",
        "end_loss_spread",
        "bytes_up",
        "bytes_down",
    ]
    .into();
    let rows = summary["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(BTreeSet::from_iter(keys(row)), promised);
        let accuracy = row["test_accuracy"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&accuracy), "{row}");
        assert!(row["full_barrier"].is_f64() && row["max_layer"].is_string(), "{row}");
    }
    let barriers = json_lines(&place, "run/all/seed-1/barriers.jsonl");
    let promised: BTreeSet<&str> = [
        "round",
        "split",
        "metric",
        "kind",
        "set",
        "base",
        "alpha",
        "baseline",
        "value",
        "std_error",
    ]
    .into();
    assert!(barriers.iter().all(|row| BTreeSet::from_iter(keys(row)) == promised));
    let rounds: BTreeSet<u64> = barriers.iter().filter_map(|row| row["round"].as_u64()).collect();
    assert_eq!(rounds, BTreeSet::from([2, 4, 6]));
}

#[test]
fn every_row_of_barriers_has_a_key_of_its_own() {
    let every = "[barriers]\nevery = 2\nsets = [\"full\", \"layers\", \"shallow\", \"deep\"]\nalpha = [0.25, 0.5]\ntwins = 2";
    let place = Place::with(&DIGITS.replace("[barriers]\nevery = 2", every));
    place.fedlayer("run scenario.toml --out run --set rounds=2").ok();
    let mut keys = BTreeSet::new();
    for row in json_lines(&place, "run/all/seed-1/barriers.jsonl") {
        // A peak is one of its grid; its value is the α of the peak.
        let alpha = if row["kind"] == "peak" { &Value::Null } else { &row["alpha"] };
        let columns = ["round", "split", "metric", "kind", "set", "base", "baseline"];
        let key = columns.map(|column| row[column].to_string()).join(" ") + &alpha.to_string();
        assert!(keys.insert(key), "{row} stands there twice");
    }
}

/// The summary's barriers are rows of `barriers.jsonl`: test loss, baseline `mean`, α = ½, mean
/// over the bases, last measured round.
#[test]
fn the_summary_says_what_the_records_say() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out run").ok();
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(place.path("run/summary.json")).unwrap()).unwrap();
    let folders = ["all", "one-layer-rotating"];
    for (row, folder) in summary["rows"].as_array().unwrap().iter().zip(folders) {
        let barriers = json_lines(&place, &format!("run/{folder}/seed-1/barriers.jsonl"));
        let shown = |kind: &str| -> Vec<&Value> {
            let is_shown = |row: &&Value| {
                row["round"] == 6
                    && row["kind"] == kind
                    && row["split"] == "test"
                    && row["metric"] == "loss"
                    && row["baseline"] == "mean"
                    && row["alpha"] == 0.5
                    && row["base"] == "mean"
            };
            barriers.iter().filter(is_shown).collect()
        };
        assert_eq!(row["full_barrier"], shown("full")[0]["value"]);
        let layers = shown("layer");
        assert_eq!(layers.len(), 2);
        let largest = layers
            .iter()
            .max_by(|a, b| a["value"].as_f64().unwrap().total_cmp(&b["value"].as_f64().unwrap()))
            .unwrap();
        assert_eq!(row["max_layer"], largest["set"]);
        assert_eq!(row["max_layer_barrier"], largest["value"]);
        let rounds = json_lines(&place, &format!("run/{folder}/seed-1/rounds.jsonl"));
        let last = rounds.last().unwrap();
        assert_eq!(row["test_accuracy"], last["evaluation"]["test_accuracy"]);
        let up: u64 = rounds.iter().map(|round| round["bytes_up"].as_u64().unwrap()).sum();
        assert_eq!(row["bytes_up"], up);
    }
}

/// Under "all" there is one averaged model, which is the one that is tested. Its bytes are those of
/// the whole model, per client and round.
#[test]
fn full_averaging_is_charged_the_whole_model() {
    let scenario = DIGITS.replace("per_round = 5\ndropout = 0.1\n", "");
    let place = Place::with(&scenario);
    place.fedlayer("run scenario.toml --out run --set rounds=2").ok();
    let model = 4 * (64 * 16 + 16 + 16 * 10 + 10);
    for round in json_lines(&place, "run/all/seed-1/rounds.jsonl") {
        assert_eq!(round["bytes_up"], 6 * model);
        assert_eq!(round["bytes_down"], 6 * model);
    }
    let rotating = json_lines(&place, "run/one-layer-rotating/seed-1/rounds.jsonl");
    let first_layer = 4 * (64 * 16 + 16);
    assert_eq!(rotating[0]["averaged"], "fc1");
    assert_eq!(rotating[0]["bytes_up"], 6 * first_layer);
    assert_eq!(rotating[1]["bytes_down"], 6 * first_layer);
}
