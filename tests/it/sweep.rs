//! A sweep: the same bytes with any number of workers and after a kill. Each variant gives the
//! bytes of its scenario alone, and all are in one table.

use std::fs;

use serde_json::Value;

use crate::support::{DIGITS, Place, assert_same_bytes};

/// Four variants of two strategies; two of the variants have other data and another model.
const GRID: &str =
    "grid = { \"local.optimizer.sgd.lr\" = [0.1, 0.02], \"data.keep_classes\" = [3, 10] }";

fn sweep(base: &str, sweep: &str) -> String {
    format!("{base}[sweep]\n{sweep}\n")
}

/// The files of a plan.
const RECORDS: [&str; 2] = ["rounds.jsonl", "barriers.jsonl"];

#[test]
fn one_worker_and_four_write_the_same_bytes() {
    let place = Place::with(&sweep(DIGITS, GRID));
    place.fedlayer("run scenario.toml --out one --workers 1").ok();
    place.fedlayer("run scenario.toml --out four --workers 4").ok();
    let one = place.records("one");
    for variant in [
        "lr-0.1-keep_classes-3",
        "lr-0.1-keep_classes-10",
        "lr-0.02-keep_classes-3",
        "lr-0.02-keep_classes-10",
    ] {
        let records = format!("{variant}/one-layer-rotating/seed-1/rounds.jsonl");
        assert!(one.contains_key(&records), "{records} is not among {:?}", one.keys());
    }
    assert!(one.contains_key("sweep.csv"));
    assert_same_bytes(&one, &place.records("four"));
}

#[test]
fn each_variant_has_the_records_of_its_scenario_by_itself() {
    let list = "list = [{ \"data.label_noise\" = 0.3, \"strategy.1.average\" = { first = 1 } }, { \"model.mlp\" = [8], rounds = 3 }]";
    let place = Place::with(&sweep(DIGITS, list));
    place.fedlayer("run scenario.toml --out swept").ok();
    fs::write(place.path("plain.toml"), DIGITS).unwrap();
    let variants = [
        (
            "label_noise-0.3-average-first-1",
            "--set data.label_noise=0.3 --set strategy.1.average={first=1}",
        ),
        ("mlp-8-rounds-3", "--set model.mlp=[8] --set rounds=3"),
    ];
    for (folder, settings) in variants {
        place.fedlayer(&format!("run plain.toml --out {folder} {settings}")).ok();
        for strategy in ["all", "one-layer-rotating"] {
            for file in RECORDS {
                let plan = format!("{folder}/{strategy}/seed-1/{file}");
                let swept = fs::read(place.path("swept").join(&plan)).unwrap();
                assert!(!swept.is_empty());
                assert!(swept == fs::read(place.path(&plan)).unwrap(), "{plan} differs");
            }
        }
    }
    let summary = |run: &str| -> Value {
        serde_json::from_slice(&fs::read(place.path(run).join("summary.json")).unwrap()).unwrap()
    };
    let mut row = summary("swept")["rows"][3].clone();
    let variant = row.as_object_mut().unwrap().remove("variant").unwrap();
    assert_eq!(row, summary("mlp-8-rounds-3")["rows"][1]);
    assert_eq!(variant["folder"], "mlp-8-rounds-3");
    assert_eq!(variant["settings"][1]["value"], "3");
}

#[test]
fn a_killed_sweep_that_is_resumed_writes_the_same_bytes() {
    let long = DIGITS.replace("rounds = 6", "rounds = 30").replace("epochs = 1", "epochs = 2");
    let place = Place::with(&sweep(&long, GRID));
    place.fedlayer("run scenario.toml --out whole").ok();
    let kill_after = |command: &str, variant: &str, lines: usize| {
        let mut child = place.start(command);
        let log = place.path(&format!("killed/{variant}/all/seed-1/rounds.jsonl"));
        while fs::read_to_string(&log).map_or(0, |text| text.lines().count()) < lines {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    };
    kill_after("run scenario.toml --out killed --workers 2", "lr-0.1-keep_classes-3", 3);
    kill_after("resume killed --workers 1", "lr-0.02-keep_classes-3", 7);
    let done = place.fedlayer("resume killed").ok();
    assert!(done.stderr.contains("going on after"), "{}", done.stderr);
    assert_same_bytes(&place.records("whole"), &place.records("killed"));
    let again = place.fedlayer("resume killed").ok();
    assert_eq!(again.stdout, done.stdout);
}

#[test]
fn the_table_has_a_row_per_variant_and_strategy_and_the_sheet_one_per_seed() {
    let place = Place::with(&sweep(&DIGITS.replace("seeds = [1]", "seeds = [1, 2]"), GRID));
    let done = place.fedlayer("run scenario.toml --out run --quiet").ok();
    let lines: Vec<&str> = done.stdout.lines().collect();
    let heading: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(&heading[..3], ["lr", "keep_classes", "strategy"], "{}", done.stdout);
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let begins: Vec<String> = lines[1..9].iter().map(|line| cells(line)[..3].join(" ")).collect();
    let expected = [
        "0.1 3 all",
        "0.1 3 one",
        "0.1 10 all",
        "0.1 10 one",
        "0.02 3 all",
        "0.02 3 one",
        "0.02 10 all",
        "0.02 10 one",
    ];
    assert_eq!(begins, expected, "{}", done.stdout);
    assert!(lines[1].contains('±'), "{}", done.stdout);
    assert_eq!(place.fedlayer("compare run").ok().stdout, done.stdout);
    let sheet = fs::read_to_string(place.path("run/sweep.csv")).unwrap();
    assert_eq!(sheet.lines().count(), 1 + 16);
    let first =
        "local.optimizer.sgd.lr,data.keep_classes,strategy,seed,committed_rounds,test_accuracy,";
    assert!(sheet.starts_with(first), "{sheet}");
    for line in sheet.lines().skip(1) {
        let folder = line.rsplit(',').next().unwrap();
        assert!(place.path("run").join(folder).join("rounds.jsonl").exists(), "{folder}");
    }
}

#[test]
fn variants_are_compared_with_other_runs_as_strategies() {
    let place = Place::with(&sweep(DIGITS, "list = [{ rounds = 1 }, { rounds = 2 }]"));
    place.fedlayer("run scenario.toml --out swept").ok();
    fs::write(place.path("plain.toml"), DIGITS).unwrap();
    place.fedlayer("run plain.toml --out plain --set rounds=2").ok();
    let table = place.fedlayer("compare plain swept").ok().stdout;
    for name in ["plain: all", "swept: rounds=1: all", "swept: rounds=2: one layer, rotating"] {
        assert!(table.contains(name), "{table}");
    }
}

#[test]
fn check_counts_the_variants_and_their_cost_together() {
    let place = Place::with(&sweep(DIGITS, "grid = { rounds = [2, 4] }"));
    let json = |arguments: &str| -> Value {
        let done = place.fedlayer(&format!("check {arguments} --json")).ok();
        serde_json::from_str(&done.stdout).unwrap()
    };
    let swept = json("scenario.toml");
    assert_eq!(swept["variants"].as_array().unwrap().len(), 2);
    fs::write(place.path("plain.toml"), DIGITS).unwrap();
    let steps = |rounds: u32| {
        let plain = json(&format!("plain.toml --set rounds={rounds}"));
        assert_eq!(plain["variants"], Value::Null);
        plain["cost"]["steps"].as_u64().unwrap()
    };
    assert_eq!(swept["cost"]["steps"].as_u64().unwrap(), steps(2) + steps(4));
    let text = place.fedlayer("check scenario.toml").ok().stdout;
    for words in ["sweep (2 variants", "rounds=4", "2 of them × 1 seeds, 2 rounds"] {
        assert!(text.contains(words), "`{words}` is not in:\n{text}");
    }
}

#[test]
fn a_variant_that_diverges_is_named_and_the_others_are_finished() {
    let place = Place::with(&sweep(DIGITS, "grid = { \"local.optimizer.sgd.lr\" = [0.1, 1e30] }"));
    let done = place.fedlayer("run scenario.toml --out run --quiet");
    assert_eq!(done.code, Some(9), "{}", done.stderr);
    assert!(done.stderr.contains("`lr=1e30: all`, seed 1"), "{}", done.stderr);
    assert!(done.stderr.contains("2 of 4 runs failed; the others are finished"), "{}", done.stderr);
    assert!(done.stdout.starts_with("  lr") || done.stdout.starts_with("lr"), "{}", done.stdout);
}

/// Forty plans of three files each, with a limit of 64 open files.
#[test]
fn a_plan_holds_its_files_only_while_it_has_its_turn() {
    let small = "# A question?   fedlayer run scenario.toml
rounds = 1
data.set = \"digits\"
clients.count = 2
model = \"linear\"
local = { steps = 1, batch = 4, optimizer = { sgd = { lr = 0.1 } } }
[[strategy]]
name = \"all\"
average = \"all\"
";
    let values: Vec<String> = (1..=40).map(|batch| batch.to_string()).collect();
    let grid = format!("grid = {{ \"local.batch\" = [{}] }}", values.join(", "));
    let place = Place::with(&sweep(small, &grid));
    let script = format!(
        "ulimit -n 64; exec {} run scenario.toml --out run --workers 2",
        env!("CARGO_BIN_EXE_fedlayer")
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &script]).current_dir(place.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sheet = fs::read_to_string(place.path("run/sweep.csv")).unwrap();
    assert_eq!(sheet.lines().count(), 1 + 40);
}

#[test]
fn every_variant_has_its_analyses() {
    let analysis = "[[analysis]]\nname = \"ends\"\nstrategy = \"one layer, rotating\"\nmeasure = { barriers = {} }\nsplits = [\"test\"]\n";
    let short = DIGITS.replace("rounds = 6", "rounds = 2") + analysis;
    let place =
        Place::with(&sweep(&short, "list = [{ \"model.mlp\" = [8] }, { \"model.mlp\" = [8, 8] }]"));
    let done = place.fedlayer("run scenario.toml --out run").ok();
    assert!(done.stdout.contains("mlp=[8]: ends"), "{}", done.stdout);
    let rows = |folder: &str| {
        fs::read_to_string(place.path(&format!("run/{folder}/analyses/ends.jsonl"))).unwrap()
    };
    assert!(!rows("mlp-8").contains("fc2"));
    assert!(rows("mlp-8-8").contains("fc2"));
    let by_hand = |rest: &str| {
        let strategy = ["--strategy", "one layer, rotating"];
        let mut command = place.command(&format!("analyze barriers run {rest}"));
        let output = command.args(strategy).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(by_hand("--variant mlp-8-8 --name hand").0, Some(0));
    assert!(place.path("run/mlp-8-8/analyses/hand.jsonl").exists());
    for (rest, words) in
        [("", "no variant is named"), ("--variant mlp-9", "the sweep has no variant `mlp-9`")]
    {
        let (code, said) = by_hand(rest);
        assert_ne!(code, Some(0));
        let all = format!("{words}; choose one with `--variant`: `mlp-8`, `mlp-8-8`");
        assert!(said.contains(&all), "{said}");
    }
}

/// One of two variants diverges. `run` and `resume` name the analysis that needs it and make all
/// others.
#[test]
fn a_variant_that_fails_does_not_take_the_analyses_of_the_others() {
    let analysis = "[[analysis]]\nmeasure = { barriers = {} }\nsplits = [\"test\"]\n";
    let base = DIGITS
        .replace("rounds = 6", "rounds = 2")
        .replace("average = \"all\"", "average = \"none\"");
    let grid = "grid = { \"local.optimizer.sgd.lr\" = [0.05, 1e30] }";
    let place = Place::with(&sweep(&(base.clone() + analysis), grid));
    let done = place.fedlayer("run scenario.toml --out run");
    assert_eq!(done.code, Some(9), "{}", done.stderr);
    assert!(done.stderr.contains("`lr=1e30: all`, seed 1"), "{}", done.stderr);
    let left_out = "analysis `barriers` is left out: `lr=1e30: all`, seed 1 is not finished";
    assert!(done.stderr.contains(left_out), "{}", done.stderr);
    assert!(done.stdout.contains("lr=0.05: barriers"), "{}", done.stdout);
    let values = place.path("run/lr-0.05/analyses/barriers.jsonl");
    let made = fs::read(&values).unwrap();
    assert!(!place.path("run/lr-1e30/analyses").exists());
    fs::remove_file(&values).unwrap();
    let resumed = place.fedlayer("resume run");
    assert_eq!(resumed.code, Some(9), "{}", resumed.stderr);
    assert_eq!(fs::read(&values).unwrap(), made);
    // The values are those of the variant alone.
    fs::write(place.path("plain.toml"), base + analysis).unwrap();
    place.fedlayer("run plain.toml --out plain --set local.optimizer.sgd.lr=0.05").ok();
    assert_eq!(fs::read(place.path("plain/analyses/barriers.jsonl")).unwrap(), made);
}
