//! A client that does not count is never silent: it is refused before the run if that can be known;
//! otherwise the table marks it and names the cause.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::{
    natural::{self, NATURAL, table, ten_of},
    support::Place,
};

/// Eight of ten clients have 115 training examples: six batches of 19, and one example.
const LAST_BATCH_OF_ONE: &str = r#"# A question?   fedlayer run scenario.toml
rounds = 2
[data]
set = "digits"
[clients]
count = 10
[model]
layers = [{ linear = { out = 8 } }, { norm = { kind = "batch" } }, "relu", { linear = { out = 10 } }]
[local]
epochs = 1
batch = 19
optimizer = { sgd = { lr = 0.05 } }
[[strategy]]
name = "all"
average = "all"
"#;

/// These clients were refused in every round as "training diverged"; the run ended with exit code 0
/// and an unmarked table.
#[test]
fn a_last_batch_of_one_is_refused_by_check_and_run_alike_and_can_be_dropped() {
    let place = Place::with(LAST_BATCH_OF_ONE);
    let check = place.fedlayer("check scenario.toml");
    let run = place.fedlayer("run scenario.toml --out out");
    assert_eq!((check.code, run.code), (Some(3), Some(3)));
    assert_eq!(check.stderr, run.stderr);
    assert!(!place.path("out").exists());
    for words in [
        "scenario.toml:11:9",
        "in a batch of one example, batch normalisation `norm1` sees one value per channel",
        "the last batch of clients 1, 2, 3, 4 and 4 more has one example (client 1: 115 examples in batches of 19)",
        "write `last_batch = \"drop\"` in `[local]`",
        "with `batch = 20` no client has a batch of one example",
    ] {
        assert!(check.stderr.contains(words), "lacks `{words}`: {}", check.stderr);
    }
    let done = place.fedlayer("run scenario.toml --out out -q --set local.last_batch=drop").ok();
    assert!(!done.stdout.contains('*'), "{}", done.stdout);
    let rounds = fs::read_to_string(place.path("out/all/seed-1/rounds.jsonl")).unwrap();
    for line in rounds.lines() {
        let round: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(round["reported"].as_array().unwrap().len(), 10);
        // Six whole batches each; two clients have no others.
        assert_eq!(round["steps"], 60);
    }
}

#[test]
fn a_client_that_is_refused_is_named_in_the_table_with_its_cause_and_not_hidden_by_q() {
    let place = natural::place(NATURAL, &ten_of([("a", 1.0), ("b", 1.0), ("c", 3e38)]));
    let done = place.fedlayer("run scenario.toml --out out -q").ok();
    let [foot, cause] = done.stdout.lines().rev().take(2).collect::<Vec<_>>()[..] else {
        panic!("{}", done.stdout)
    };
    let (foot, cause) = (cause, foot);
    assert_eq!(foot, "* `all`, seed 1: 2 of 6 client-rounds do not count; see `rounds.jsonl`.");
    assert!(cause.starts_with("    client 2 in rounds 1-2: failed: training diverged"), "{cause}");
    assert!(cause.contains("on inputs from 0 to ") && cause.contains("scale them"), "{cause}");
    assert!(!done.stdout.contains("learning rate"), "{}", done.stdout);
    assert!(done.stdout.contains(" 2* "), "{}", done.stdout);
    let summary = fs::read_to_string(place.path("out/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let refused = &summary["rows"][0]["refused"];
    assert_eq!((&refused["client_rounds"], &refused["of"]), (&2.into(), &6.into()));
    // The table of a finished run repeats it.
    assert!(place.fedlayer("compare out").ok().stdout.contains(foot));
}

#[test]
fn a_run_without_enough_clients_names_them_all() {
    let place = natural::place(NATURAL, &ten_of([("a", 3e38), ("b", 3e38), ("c", 3e38)]));
    let done = place.fedlayer("run scenario.toml --out out -q");
    assert_eq!(done.code, Some(9));
    assert!(
        done.stderr.contains("clients 0, 1 and 2 failed: training diverged"),
        "{}",
        done.stderr
    );
}

/// Values of 0 to 255 were trained unscaled, without a warning.
#[test]
fn inputs_that_nobody_scaled_are_shown_by_check_and_warned_of_by_run() {
    let place = natural::place(NATURAL, &ten_of([("a", 255.0), ("b", 255.0), ("c", 255.0)]));
    let check = place.fedlayer("check scenario.toml").ok().stdout;
    assert!(check.contains("inputs, as the model sees them (a number x of the set: x)"), "{check}");
    assert!(check.contains("warning: training inputs are from 0 to 255"), "{check}");
    assert!(check.contains("warning: test inputs are scaled differently"), "{check}");
    let json = place.fedlayer("check scenario.toml --json").ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["inputs"]["train"]["max"], 255.0);
    assert_eq!(json["inputs"]["test"]["max"], 1.0);
    assert_eq!(json["inputs"]["warnings"].as_array().unwrap().len(), 2);
    let slow = "--set local.optimizer.sgd.lr=1e-9";
    let run = place.fedlayer(&format!("run scenario.toml --out out {slow}")).ok();
    assert!(run.stderr.contains("warning: training inputs are from 0 to 255"), "{}", run.stderr);
    let note = fs::read_to_string(place.path("out/run.json")).unwrap();
    let note: serde_json::Value = serde_json::from_str(&note).unwrap();
    assert_eq!(note["inputs"], "x");
    fs::write(place.path("test.csv"), table(&ten_of([("a", 255.0)]))).unwrap();
    let check = place.fedlayer("check scenario.toml --set data.normalize=set").ok().stdout;
    assert!(check.contains("(x − mean) / std of the training examples"), "{check}");
    assert!(!check.contains("warning"), "{check}");
}

/// `resume` and `coordinator` did not warn, and a coordinator did not note how inputs are scaled.
#[test]
fn resume_and_coordinator_warn_of_inputs_and_note_them_as_run_does() {
    let place = natural::place(NATURAL, &ten_of([("a", 255.0), ("b", 255.0), ("c", 255.0)]));
    let warning = "warning: training inputs are from 0 to 255";
    let note = |run: &str| -> serde_json::Value {
        let text = fs::read_to_string(place.path(run).join("run.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["inputs"].clone()
    };
    let slow = "--set local.optimizer.sgd.lr=1e-9";
    let run = place.fedlayer(&format!("run scenario.toml --out out {slow}")).ok();
    let resumed = place.fedlayer("resume out").ok();
    for said in [&run.stderr, &resumed.stderr] {
        assert_eq!(said.matches(warning).count(), 1, "{said}");
    }
    let mut command = place.command("coordinator scenario.toml --listen 127.0.0.1:0 --out served");
    let mut coordinator = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(coordinator.stderr.as_mut().unwrap()).lines();
    let lines = lines.map(Result::unwrap);
    let said: Vec<String> = lines.take_while(|line| !line.contains("listening on")).collect();
    let noted = note("served");
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    assert!(said.iter().any(|line| line.contains(warning)), "{said:?}");
    assert_eq!([note("out"), noted], ["x", "x"]);
}

#[test]
fn a_constant_that_is_no_deviation_is_refused_with_its_place() {
    let normalize = "set = \"digits\"\nnormalize = { mean = [0.5, 0.5], std = [1.0] }";
    let place = Place::with(&LAST_BATCH_OF_ONE.replace("set = \"digits\"", normalize));
    let done = place.fedlayer("check scenario.toml");
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("`data.normalize.mean` has 2 values"), "{}", done.stderr);
    assert!(done.stderr.contains("scenario.toml:5:22"), "{}", done.stderr);
    let negative = normalize.replace("[1.0]", "[-1.0]").replace("[0.5, 0.5]", "[0.5]");
    let place = Place::with(&LAST_BATCH_OF_ONE.replace("set = \"digits\"", &negative));
    let done = place.fedlayer("check scenario.toml");
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("must be above 0"), "{}", done.stderr);
}
