//! Validation data, and the best round that they choose.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{DIGITS, Done, Place, assert_same_bytes};

/// A scenario on files that a network learns by heart: the validation loss falls, then rises.
const OVERFITTED: &str = r#"# Which round is best?   fedlayer run scenario.toml
rounds = 40
[data]
set = { files = { train = "train.csv", test = "test.csv" } }
validation_share = 0.3
[clients]
count = 3
[model]
mlp = [32]
[local]
epochs = 4
batch = 8
optimizer = { sgd = { lr = 0.1, momentum = 0.9 } }
[evaluate]
select = "best"
patience = 4
[[strategy]]
name = "all"
average = "all"
[[strategy]]
name = "body"
average = { except = ["out"] }
"#;

/// Returns rows of ten random features; one of them gives the label of most rows, and of all rows
/// the other label if `is_wrong`.
fn rows(count: u32, mut state: u64, is_wrong: bool) -> String {
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    let mut text = "a,b,c,d,e,f,g,h,i,j,label\n".to_owned();
    for _ in 0..count {
        let features: Vec<f64> = (0..10).map(|_| next()).collect();
        let label = (features[0] + 0.7 * next() > 0.0) != is_wrong;
        features.iter().for_each(|value| text += &format!("{value},"));
        text += &format!("{}\n", u8::from(label));
    }
    text
}

fn overfitted(scenario: &str, is_test_wrong: bool) -> Place {
    let place = Place::with(scenario);
    fs::write(place.path("train.csv"), rows(120, 1, false)).unwrap();
    fs::write(place.path("test.csv"), rows(60, 2, is_test_wrong)).unwrap();
    place
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn records(place: &Place, plan: &str) -> Vec<Value> {
    let text = fs::read_to_string(place.path(&format!("run/{plan}/rounds.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Finds the first round with the smallest validation loss.
fn best_of(records: &[Value]) -> (u64, f64) {
    let loss = |record: &Value| record["evaluation"]["validation_loss"].as_f64().unwrap();
    let least = records.iter().map(loss).fold(f64::INFINITY, f64::min);
    let best = records.iter().find(|record| loss(record) == least).unwrap();
    (best["round"].as_u64().unwrap(), least)
}

#[test]
fn the_best_round_is_kept_and_reported_beside_the_last_and_patience_ends_the_run() {
    let place = overfitted(&format!("{OVERFITTED}[checkpoints]\nkeep = \"all\"\n"), false);
    let done = place.fedlayer("run scenario.toml --out run").ok();
    let summary = json(&place.path("run/summary.json"));
    for (row, plan) in summary["rows"].as_array().unwrap().iter().zip(["all/seed-1", "body/seed-1"])
    {
        let records = records(&place, plan);
        let (round, loss) = best_of(&records);
        assert!(round > 1 && round < 36, "round {round}: nothing is overfitted");
        assert_eq!(records.len() as u64, round + 4, "the patience");
        let best = &row["best"];
        assert_eq!((best["round"].as_u64(), best["value"].as_f64()), (Some(round), Some(loss)));
        assert_eq!(
            (&best["by"], &best["stopped_early"]),
            (&"validation-loss".into(), &true.into())
        );
        let evaluation = &records[round as usize - 1]["evaluation"];
        assert_eq!(best["test_accuracy"], evaluation["test_accuracy"]);
        assert_eq!(row["test_accuracy"], records.last().unwrap()["evaluation"]["test_accuracy"]);
        let sent = |key: &str| -> u64 {
            records[..round as usize].iter().map(|record| record[key].as_u64().unwrap()).sum()
        };
        assert_eq!(best["bytes_up"].as_u64(), Some(sent("bytes_up")));
        let checkpoints = place.path("run").join(plan).join("checkpoints");
        let kept = fs::read(checkpoints.join("best.safetensors")).unwrap();
        let own = checkpoints.join(format!("round-{round:07}.safetensors"));
        assert_eq!(kept, fs::read(own).unwrap(), "a copy of the checkpoint of the best round");
    }
    assert!(done.stdout.contains("best at"), "{}", done.stdout);
    assert!(done.stdout.contains("with the best `validation-loss`"), "{}", done.stdout);
    assert!(
        !done.stdout.contains("leaves out seed"),
        "both ended by their patience: {}",
        done.stdout
    );
    assert!(place.fedlayer("verify run").ok().stderr.is_empty());
    // The run is complete: nothing is left to do.
    let before = place.records("run");
    place.fedlayer("resume run").ok();
    assert_same_bytes(&before, &place.records("run"));
    // The model of the best round has an address.
    place
        .fedlayer("run scenario.toml --out again --rounds 1 --set initial=\"run:all:1:best\"")
        .ok();
}

/// A test part with every label wrong changes what is reported, and not what is chosen.
#[test]
fn a_choice_by_validation_never_reads_the_test_part() {
    let run = |is_test_wrong| {
        let place = overfitted(OVERFITTED, is_test_wrong);
        place.fedlayer("run scenario.toml --out run").ok();
        place
    };
    let (right, wrong) = (run(false), run(true));
    let rows = |place: &Place| json(&place.path("run/summary.json"))["rows"].clone();
    for (right, wrong) in
        rows(&right).as_array().unwrap().iter().zip(rows(&wrong).as_array().unwrap())
    {
        for key in ["round", "value", "stopped_early"] {
            assert_eq!(right["best"][key], wrong["best"][key], "{key}");
        }
        assert_eq!(right["rounds"], wrong["rounds"]);
        assert_ne!(right["best"]["test_accuracy"], wrong["best"]["test_accuracy"]);
    }
}

/// Kills a run once `lines` rounds of the second strategy are written.
fn kill_after(place: &Place, command: &str, lines: usize) {
    let mut child = place.start(command);
    let log = place.path("run/body/seed-1/rounds.jsonl");
    let written = || fs::read_to_string(&log).map_or(0, |text| text.lines().count());
    while written() < lines {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A run that is still going on when its first rounds are seen.
fn long() -> String {
    let scenario =
        OVERFITTED.replace("patience = 4", "patience = 30").replace("epochs = 4", "epochs = 40");
    format!("{scenario}[checkpoints]\nevery = 3\n")
}

#[test]
fn a_killed_run_that_is_resumed_keeps_the_same_best_model() {
    let whole = overfitted(&long(), false);
    whole.fedlayer("run scenario.toml --out run").ok();
    let expected = whole.records("run");
    assert!(expected.contains_key("all/seed-1/checkpoints/best.safetensors"));
    for lines in [1, 2, 4] {
        let place = overfitted(&long(), false);
        kill_after(&place, "run scenario.toml --out run --workers 2", lines);
        place.fedlayer("resume run --workers 1").ok();
        assert_same_bytes(&expected, &place.records("run"));
    }
}

/// As if the process had been killed after the commit of the best round and before its copy.
#[test]
fn a_best_model_that_was_not_copied_yet_is_copied_by_the_next_process() {
    let scenario = long().replace("every = 3", "keep = \"all\"");
    let whole = overfitted(&scenario, false);
    whole.fedlayer("run scenario.toml --out run").ok();
    for act in [
        |path: &Path| fs::remove_file(path).unwrap(),
        |path: &Path| {
            let first = path.with_file_name("round-0000001.safetensors");
            fs::copy(first, path).map(drop).unwrap();
        },
    ] {
        let place = overfitted(&scenario, false);
        kill_after(&place, "run scenario.toml --out run", 3);
        act(&place.path("run/body/seed-1/checkpoints/best.safetensors"));
        place.fedlayer("resume run").ok();
        assert_same_bytes(&whole.records("run"), &place.records("run"));
    }
}

#[test]
fn a_damaged_best_model_is_named_and_healed() {
    let whole = overfitted(OVERFITTED, false);
    whole.fedlayer("run scenario.toml --out run").ok();
    let place = overfitted(OVERFITTED, false);
    place.fedlayer("run scenario.toml --out run").ok();
    let path = place.path("run/all/seed-1/checkpoints/best.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let refused = |place: &Place, command: &str, words: &str| {
        let Done { code, stdout, stderr } = place.fedlayer(command);
        assert_eq!(code, Some(6), "{command}: {stderr}");
        assert!((stdout.clone() + &stderr).contains(words), "{command}: {stdout}{stderr}");
    };
    for (act, words) in
        [(Some(bytes), "best.safetensors` is damaged"), (None, "best.safetensors` is gone")]
    {
        match act {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        refused(&place, "verify run", words);
        refused(&place, "resume run", words);
        place.fedlayer("resume run --previous").ok();
        assert_same_bytes(&whole.records("run"), &place.records("run"));
        place.fedlayer("verify run").ok();
    }
}

#[test]
fn without_own_test_data_there_is_no_value_over_them_and_the_table_says_why() {
    let scenario = DIGITS.replace("set = \"digits\"", "set = \"digits\"\nclient_test_share = 0");
    let place = Place::with(&scenario);
    let done = place.fedlayer("run scenario.toml --out run --rounds 2").ok();
    let evaluation = &records(&place, "all/seed-1")[1]["evaluation"];
    assert!(evaluation["test_accuracy"].is_f64());
    for key in ["client_loss_mean", "client_accuracy_mean", "client_accuracy_std"] {
        assert_eq!(evaluation[key], Value::Null, "{key}");
    }
    assert!(!done.stdout.contains("NaN"), "{}", done.stdout);
    let words = "client acc: no client has test data of its own (`data.client_test_share`).";
    assert!(done.stdout.contains(words), "{}", done.stdout);
    let check = place.fedlayer("check scenario.toml").ok();
    assert!(check.stdout.contains("none (`data.client_test_share`)"), "{}", check.stdout);
    // Every example of the pool is trained on.
    let report: Value =
        serde_json::from_str(&place.fedlayer("check scenario.toml --json").ok().stdout).unwrap();
    assert_eq!(report["parts"]["train"], 1438);
}

#[test]
fn check_prints_the_sizes_of_all_five_parts() {
    let shares = "set = \"digits\"\nvalidation_share = 0.1\nclient_validation_share = 0.25";
    let place = Place::with(&DIGITS.replace("set = \"digits\"", shares));
    let done = place.fedlayer("check scenario.toml").ok();
    let report: Value =
        serde_json::from_str(&place.fedlayer("check scenario.toml --json").ok().stdout).unwrap();
    let parts = &report["parts"];
    let size = |part: &str| parts[part].as_u64().unwrap();
    assert_eq!((size("validation"), size("test"), size("shared")), (144, 359, 0));
    assert_eq!(size("train") + size("client_validation") + size("client_test"), 1294);
    assert!(done.stdout.contains("parts of the data: no two share an example"), "{}", done.stdout);
    for part in ["train", "validation", "test", "clients' validation", "clients' test"] {
        let line = done.stdout.lines().find(|line| line.starts_with(&format!("{part} ")));
        assert!(line.is_some(), "{part}: {}", done.stdout);
    }
    let whole = place.fedlayer("check scenario.toml --set data.partition=\"whole\"").ok();
    assert!(whole.stdout.contains("clients share their examples"), "{}", whole.stdout);
}
