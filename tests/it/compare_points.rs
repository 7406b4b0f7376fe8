//! `fedlayer compare` reads runs at a chosen round, with chosen columns, in a chosen form.
//!
//! Most runs here are written by hand: a summary and the lines of `rounds.jsonl` that a comparison
//! reads, so that every expected number follows from a few round ones.

use std::{fs, time::Instant};

use serde_json::{Value, json};

use crate::support::{DIGITS, Done, Place};

/// A round with this test accuracy, evaluated if there is one, that sends 1 kB each way.
fn round(number: u32, accuracy: impl Into<Value>) -> Value {
    let accuracy: Value = accuracy.into();
    let evaluation = json!({ "test_accuracy": accuracy, "test_loss": 1.0 });
    json!({
        "round": number, "bytes_up": 1000, "bytes_down": 1000, "a_key_of_tomorrow": [1],
        "evaluation": if accuracy.is_null() { Value::Null } else { evaluation },
    })
}

/// Rounds with these test accuracies.
fn rounds(accuracies: &[f64]) -> Vec<Value> {
    (1..).zip(accuracies).map(|(number, &accuracy)| round(number, accuracy)).collect()
}

/// Writes the summary and the rounds of a run: per strategy and seed, its rounds.
fn write(place: &Place, run: &str, plans: &[(&str, u64, Vec<Value>)]) {
    let mut rows = Vec::new();
    for (strategy, seed, rounds) in plans {
        let evaluated = rounds.iter().rev().find(|round| round["evaluation"].is_object());
        let last = evaluated.map_or(Value::Null, |round| round["evaluation"].clone());
        rows.push(json!({
            "strategy": strategy, "seed": seed, "rounds": rounds.len(),
            "test_accuracy": last["test_accuracy"], "test_loss": last["test_loss"],
            "client_accuracy_mean": null, "client_accuracy_std": null, "full_barrier": null,
            "max_layer_barrier": null, "max_layer": null,
            "bytes_up": 1000 * rounds.len(), "bytes_down": 1000 * rounds.len(),
        }));
        let folder = place.path(run).join(format!("{strategy}/seed-{seed}"));
        fs::create_dir_all(&folder).unwrap();
        let lines: Vec<String> = rounds.iter().map(|round| format!("{round}\n")).collect();
        fs::write(folder.join("rounds.jsonl"), lines.concat()).unwrap();
    }
    let summary = json!({ "scenario": "hand", "rows": rows });
    fs::write(place.path(run).join("summary.json"), summary.to_string()).unwrap();
}

/// Two strategies with two seeds and four rounds.
fn by_hand() -> Place {
    let place = Place::with("");
    let plans = [
        ("all", 1, rounds(&[0.25, 0.5, 0.75, 0.5])),
        ("all", 2, rounds(&[0.25, 0.75, 0.5, 1.0])),
        ("head", 1, rounds(&[0.5, 0.75, 0.5, 0.25])),
        ("head", 2, rounds(&[0.25, 0.25, 0.25, 0.5])),
    ];
    write(&place, "hand", &plans);
    place
}

/// Returns the cells of a strategy's row in CSV, without its name.
fn csv(place: &Place, arguments: &str, strategy: &str) -> Vec<String> {
    let done = place.fedlayer(&format!("compare {arguments} --csv")).ok();
    let row = done.stdout.lines().find_map(|line| line.strip_prefix(&format!("{strategy},")));
    row.unwrap_or_else(|| panic!("{}", done.stdout)).split(',').map(str::to_owned).collect()
}

/// Returns the mean test accuracies of both strategies.
fn accuracies(place: &Place, arguments: &str) -> [String; 2] {
    let arguments = format!("hand {arguments} --columns test_accuracy");
    ["all", "head"].map(|strategy| csv(place, &arguments, strategy)[0].clone())
}

#[test]
fn runs_are_read_at_the_round_that_is_asked_for() {
    let place = by_hand();
    assert_eq!(accuracies(&place, ""), ["0.75", "0.375"]);
    assert_eq!(accuracies(&place, "--at last"), ["0.75", "0.375"]);
    // (0.75 + 0.5) / 2 and (0.5 + 1) / 2; (0.5 + 0.25) / 2 and (0.25 + 0.5) / 2.
    assert_eq!(accuracies(&place, "--at mean:2"), ["0.6875", "0.375"]);
    assert_eq!(accuracies(&place, "--at bytes:4kB"), ["0.625", "0.5"]);
    assert_eq!(accuracies(&place, "--at-bytes 5999"), ["0.625", "0.5"]);
    assert_eq!(accuracies(&place, "--at bytes:1TB"), ["0.75", "0.375"]);
    let table = place.fedlayer("compare hand --at-bytes 4kB").ok().stdout;
    assert!(table.contains("until which a seed has spent at most 4.0 kB"), "{table}");
    let cells = csv(&place, "hand --at-bytes 4kB --columns at_round,bytes,rounds", "head");
    assert_eq!(cells, ["2", "0", "4000", "0", "4", "4"]);
    let few = place.fedlayer("compare hand --at-bytes 1kB").ok().stdout;
    assert!(few.contains("`all`, seed 1, 2: its first evaluated round had spent more."), "{few}");
    let short = place.fedlayer("compare hand --at mean:5").ok().stdout;
    assert!(short.contains("Fewer evaluated rounds: `all` has 4, `head` has 4."), "{short}");
}

#[test]
fn rounds_and_bytes_to_a_target_are_means_over_seeds_that_all_reach_it() {
    let place = by_hand();
    let to = |target: &str, strategy| {
        let columns = "rounds_to_target,bytes_to_target";
        let arguments = format!("hand --target {target} --columns {columns}");
        csv(&place, &arguments, strategy).join(" ")
    };
    // All: rounds 3 and 2, so 6 kB and 4 kB.
    assert!(to("0.75", "all").starts_with("2.5 0.7"), "{}", to("0.75", "all"));
    assert!(to("0.75", "all").contains(" 5000 1414."), "{}", to("0.75", "all"));
    assert_eq!(to("0.75", "head"), "   ");
    let table = place.fedlayer("compare hand --target 0.75").ok().stdout;
    assert!(table.contains("not reached (1 of 2 seeds)"), "{table}");
    assert!(table.contains("the target's test accuracy (75 %)"), "{table}");
}

/// A round's validation values, as a run with a validation set records them.
fn validated(number: u32, accuracy: f64, key: &str, value: impl Into<Value>) -> Value {
    let mut round = round(number, accuracy);
    round["evaluation"][key] = value.into();
    round
}

#[test]
fn the_best_round_is_chosen_by_validation_alone() {
    let place = Place::with("");
    let refused = {
        write(&place, "plain", &[("all", 1, rounds(&[0.5]))]);
        place.fedlayer("compare plain --at best")
    };
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("`validation_share = 0.1` to `[data]`"), "{}", refused.stderr);
    let best = |key: &str, values: [Value; 3]| {
        let lines = [0.25, 0.75, 0.5].into_iter().zip(values).zip(1..);
        let rounds =
            lines.map(|((accuracy, value), number)| validated(number, accuracy, key, value));
        write(&place, "hand", &[("all", 1, rounds.collect())]);
        csv(&place, "hand --at best --columns test_accuracy,at_round,bytes_up", "all").join(" ")
    };
    // The round with the best test accuracy is the second one.
    let loss = best("validation_loss", [json!(0.9), json!(0.5), json!(0.4)]);
    assert_eq!(loss, "0.5  3  3000 ");
    let first = best("validation_loss", [json!(0.4), json!(0.5), json!(0.4)]);
    assert_eq!(first, "0.25  1  1000 ");
    let null = best("validation_loss", [json!(null), json!(0.5), json!(null)]);
    assert_eq!(null, "0.75  2  2000 ");
    let own = best("client_validation_loss_mean", [json!(0.3), json!(0.5), json!(0.4)]);
    assert_eq!(own, "0.25  1  1000 ");
    let table = place.fedlayer("compare hand --at best").ok().stdout;
    assert!(
        table.contains("best round of each seed by the clients' mean validation loss"),
        "{table}"
    );
}

#[test]
fn the_reference_the_columns_and_the_order_are_chosen() {
    let place = by_hand();
    let chosen =
        "hand --to head --columns delta_test_accuracy,p_test_accuracy --sort test_accuracy:asc";
    let table = place.fedlayer(&format!("compare {chosen}")).ok().stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].starts_with("head ") && lines[2].starts_with("all "), "{table}");
    // The differences are 0.25 and 0.5: 37.5 ± 12.706 · 12.5 points, t = 3 with p = 0.2048.
    assert!(lines[2].contains("tie [-121.3, +196.3]"), "{table}");
    assert!(lines[2].ends_with("0.2048"), "{table}");
    assert!(table.contains("Δ: difference from `head`"), "{table}");
    write(&place, "other", &[("all", 1, rounds(&[0.5])), ("none", 1, rounds(&[0.5]))]);
    let wrong = |arguments: &str, words: &str| {
        let Done { code, stderr, .. } = place.fedlayer(&format!("compare {arguments}"));
        assert_eq!(code, Some(2), "{arguments}: {stderr}");
        assert!(stderr.contains(words), "`{words}` is not in:\n{stderr}");
    };
    wrong("hand --to tail", "hint: one of `all`, `head`");
    wrong("hand other --to all", "hint: one of `hand: all`, `other: all`");
    wrong(
        "hand --columns test_accuracy,acc",
        "allowed are rounds, seeds, max_layer, test_accuracy,",
    );
    wrong("hand --sort test_accuracy:up", "`:asc` or `:desc`");
    wrong("hand --at middle", "`last`, `best`, `mean:K` and `bytes:SIZE`");
    wrong("hand --at last --at-bytes 1kB", "--at-bytes");
    wrong("hand --target 90", "`0.9` is an accuracy of 90 %");
    wrong("hand --csv --json", "cannot be used with");
    let other = place.fedlayer("compare hand other --to none").ok().stdout;
    assert!(other.contains("difference from") || other.contains("differs from `other`"), "{other}");
}

#[test]
fn every_form_has_the_same_numbers() {
    let place = by_hand();
    let said = |form: &str| place.fedlayer(&format!("compare hand {form}")).ok().stdout;
    let json: Value = serde_json::from_str(&said("--at last --to all --json")).unwrap();
    let head = &json["comparison"][1]["quantities"]["test_accuracy"];
    assert_eq!(head["mean"], 0.375);
    assert_eq!(
        (&head["difference"]["mean"], &head["difference"]["is_tie"]),
        (&json!(-0.375), &json!(true))
    );
    assert_eq!(json["rows"].as_array().unwrap().len(), 4);
    assert!(said("--markdown").contains("| all | 4 | 75.0±35.4 | - |"), "{}", said("--markdown"));
    assert!(said("--latex").contains("all & 4 & 75.0$\\pm$35.4 & - &"), "{}", said("--latex"));
    assert!(said("--csv").contains("\nhead,4,4,0.375,"), "{}", said("--csv"));
    // Without a choice, JSON is the summary itself.
    let plain: Value = serde_json::from_str(&said("--json")).unwrap();
    assert!(plain.get("comparison").is_none(), "{plain}");
}

/// Lines of `clients.jsonl` with these accuracies after averaging in the round.
fn clients(round: u32, accuracies: &[Option<f64>]) -> String {
    let line = |(client, accuracy): (usize, &Option<f64>)| {
        let line = json!({ "round": round, "client": client, "test_accuracy_after": accuracy });
        format!("{line}\n")
    };
    accuracies.iter().enumerate().map(line).collect()
}

#[test]
fn fairness_worst_decile_and_incentive_are_read_from_the_records_of_clients() {
    let scenario = DIGITS.replace("rounds = 6", "rounds = 2")
        + "[[strategy]]\nname = \"local\"\naverage = \"none\"\n";
    let place = Place::with(&scenario);
    place.fedlayer("run scenario.toml -q --out run").ok();
    let columns = "compare run --columns fairness,worst_decile,incentive";
    let needs = place.fedlayer(columns).ok().stdout;
    assert_eq!(needs.matches("needs clients.jsonl").count(), 9, "{needs}");
    let write = |strategy: &str, accuracies: &[Option<f64>]| {
        let lines = clients(1, &[Some(0.0); 3]) + &clients(2, accuracies);
        let folder = place.path("run").join(strategy).join("seed-1");
        fs::write(folder.join("clients.jsonl"), lines).unwrap();
    };
    write("all", &[Some(0.5), Some(0.5), None, Some(0.5)]);
    write("one-layer-rotating", &[Some(0.75), Some(0.25), Some(0.75), Some(1.0)]);
    let without = place.fedlayer(columns).ok().stdout;
    assert_eq!(without.matches("needs local training").count(), 2, "{without}");
    write("local", &[Some(0.25), Some(0.75), Some(0.25), Some(1.0)]);
    // Of clients 0, 1 and 3, only client 0 is above both references. Mean 0.6875; squares of
    // 0.0625, 0.4375, 0.0625 and 0.3125, over 4: 0.07421875.
    let cells =
        csv(&place, "run --columns fairness,worst_decile,incentive", "\"one layer, rotating\"");
    let numbers: Vec<f64> = [0, 2, 4].map(|index: usize| cells[index].parse().unwrap()).to_vec();
    assert!((numbers[0] - 0.074_218_75).abs() < 1e-15, "{cells:?}");
    assert_eq!(numbers[1], 0.25, "{cells:?}");
    assert!((numbers[2] - 1.0 / 3.0).abs() < 1e-15, "{cells:?}");
    let all = csv(&place, "run --columns fairness,worst_decile,incentive", "all");
    assert_eq!([&all[0], &all[2], &all[4]], ["0", "0.5", "0"], "{all:?}");
}

#[test]
fn odd_records_are_right_or_named() {
    let place = Place::with("");
    // One seed, one round, without an evaluation.
    write(&place, "one", &[("all", 1, vec![round(1, Value::Null)])]);
    let table = place.fedlayer("compare one --at mean:3 --target 0.5").ok().stdout;
    assert!(table.contains("1 seed: neither deviations nor intervals."), "{table}");
    assert!(table.contains("not reached"), "{table}");
    // A seed without a number, and a strategy that the other run does not have.
    let nan = vec![round(1, 0.5), validated(2, 0.5, "test_accuracy", Value::Null)];
    write(&place, "a", &[("all", 1, rounds(&[0.5, 0.5])), ("all", 2, nan)]);
    write(&place, "b", &[("none", 2, rounds(&[0.5, 0.5]))]);
    let table = place.fedlayer("compare a b --at mean:2").ok().stdout;
    assert!(table.contains("`a: all`, seed 2: no test acc, so there is no mean"), "{table}");
    assert!(table.contains("b: none"), "{table}");
    // A half-written line; records that are not there.
    let path = place.path("one/all/seed-1/rounds.jsonl");
    fs::write(&path, "{\"round\":1}\n{\"round\":2,\"evalu").unwrap();
    let cut = place.fedlayer("compare one --target 0.5");
    assert!(cut.stderr.contains("rounds.jsonl` is damaged: line 2: "), "{}", cut.stderr);
    fs::write(&path, "{\"round\":1,\"bytes_up\":NaN}\n").unwrap();
    let nan = place.fedlayer("compare one --target 0.5");
    assert!(nan.stderr.contains("rounds.jsonl` is damaged: line 1: "), "{}", nan.stderr);
    fs::remove_file(&path).unwrap();
    let none = place.fedlayer("compare one --target 0.5").ok().stdout;
    assert!(none.contains("needs rounds.jsonl"), "{none}");
    let refused = place.fedlayer("compare one --at mean:2");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("has only `summary.json`"), "{}", refused.stderr);
}

/// A run that goes on has lines past its last checkpoint, the last of them half written.
#[test]
fn a_run_that_goes_on_is_named() {
    let place = Place::with(&DIGITS.replace("rounds = 6", "rounds = 2"));
    place.fedlayer("run scenario.toml -q --out run").ok();
    fs::remove_file(place.path("run/summary.json")).unwrap();
    let path = place.path("run/all/seed-1/rounds.jsonl");
    let half = fs::read_to_string(&path).unwrap() + "{\"round\":3,\"att";
    fs::write(&path, half).unwrap();
    let refused = place.fedlayer("compare run --at mean:2");
    assert_eq!(refused.stdout, "");
    assert!(refused.code != Some(0) && refused.stderr.contains("run"), "{}", refused.stderr);
}

#[test]
fn ten_thousand_rounds_are_compared_in_seconds() {
    let place = Place::with("");
    let many: Vec<f64> = (0..10_000).map(|index| f64::from(index) / 10_000.0).collect();
    write(&place, "long", &[("all", 1, rounds(&many)), ("all", 2, rounds(&many))]);
    let begun = Instant::now();
    let cells = csv(
        &place,
        "long --target 0.5 --at mean:100 --columns test_accuracy,rounds_to_target",
        "all",
    );
    // The mean of 0.9900 to 0.9999; the target is reached in round 5001.
    assert!((cells[0].parse::<f64>().unwrap() - 0.99495).abs() < 1e-12, "{cells:?}");
    assert_eq!(cells[2], "5001", "{cells:?}");
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}
