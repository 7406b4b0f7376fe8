//! Strategies that train differently: `local` of a strategy changes keys of `[local]`.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::support::{DIGITS, Place, assert_same_bytes};

/// Strategies with the same layers: one with `[local]` as it is, two with keys of their own.
const THREE: &str = r#"[[strategy]]
name = "all"
average = "all"
[[strategy]]
name = "longer"
average = "all"
local = { epochs = 3 }
[[strategy]]
name = "adam"
average = "all"
local = { steps = 7, optimizer = { adam = { lr = 0.003 } } }
"#;

/// The scenario without its strategies.
fn head() -> String {
    let (head, _) = DIGITS.split_once("[[strategy]]").unwrap();
    head.replace("rounds = 6", "rounds = 3").replace("every = 2", "every = 1")
}

/// Returns the files of a strategy in a run, by their paths in the strategy's folder.
fn of_strategy(place: &Place, run: &str, strategy: &str) -> BTreeMap<String, Vec<u8>> {
    let files = place.records(run).into_iter();
    let own = files.filter_map(|(name, bytes)| {
        Some((name.strip_prefix(&format!("{strategy}/"))?.to_owned(), bytes))
    });
    own.collect()
}

/// Each strategy computes what it computes in a scenario of its own: records and checkpoints, with
/// the optimizer's state and the plan's hash, are equal to the last bit.
#[test]
fn a_strategy_with_keys_of_its_own_is_the_run_with_these_keys_in_local() {
    let place = Place::with(&(head() + THREE));
    place.fedlayer("run scenario.toml -q --out together").ok();
    let sgd = "optimizer = { sgd = { lr = 0.1, momentum = 0.9 } }";
    for (name, changes) in [
        ("all", vec![]),
        ("longer", vec![("epochs = 1", "epochs = 3")]),
        ("adam", vec![("epochs = 1", "steps = 7"), (sgd, "optimizer = { adam = { lr = 0.003 } }")]),
    ] {
        let mut alone = head();
        for (from, to) in changes {
            assert_eq!(alone.matches(from).count(), 1, "{from}");
            alone = alone.replace(from, to);
        }
        alone += &format!("[[strategy]]\nname = \"{name}\"\naverage = \"all\"\n");
        fs::write(place.path("alone.toml"), alone).unwrap();
        place.fedlayer(&format!("run alone.toml -q --out alone-{name} --workers 1")).ok();
        let [own, together] = [format!("alone-{name}"), "together".to_owned()];
        let own = of_strategy(&place, &own, name);
        assert!(own.keys().any(|name| name.ends_with("round-0000003.safetensors")));
        assert_same_bytes(&own, &of_strategy(&place, &together, name));
    }
    let losses = |name| of_strategy(&place, "together", name)["seed-1/rounds.jsonl"].clone();
    assert_ne!(losses("all"), losses("longer"));
    place.fedlayer("verify together").ok();
}

#[test]
fn check_run_and_compare_name_the_keys_in_which_strategies_differ() {
    let place = Place::with(&(head() + THREE));
    let checked = place.fedlayer("check scenario.toml").ok().stdout;
    let row = |name: &str| checked.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(row("longer").contains("local.epochs = 3"), "{checked}");
    assert!(row("adam").contains("local.steps = 7"), "{checked}");
    assert!(row("adam").contains("local.optimizer = { adam = { "), "{checked}");
    let json: Value =
        serde_json::from_str(&place.fedlayer("check scenario.toml --json").ok().stdout).unwrap();
    assert_eq!(json["strategies"][1]["local"], serde_json::json!({ "local.epochs": "3" }));
    assert_eq!(json["strategies"][0]["local"], Value::Null);

    let ended = place.fedlayer("run scenario.toml -q --out run").ok().stdout;
    let compared = place.fedlayer("compare run").ok().stdout;
    assert_eq!(ended, compared);
    let named = "`longer` differs from `all` in\n  `local.epochs`: 3 against 1\n  and is paired with it by seed";
    assert!(compared.contains(named), "{compared}");
    assert!(compared.contains("`adam` differs from `all` in\n"), "{compared}");
    let json: Value =
        serde_json::from_str(&place.fedlayer("compare run --json").ok().stdout).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 3);
    assert_eq!(json["differing"][0]["run"], "longer");

    let alone = head().replace("epochs = 1", "epochs = 3");
    let alone = alone + "[[strategy]]\nname = \"longer\"\naverage = \"all\"\n";
    fs::write(place.path("alone.toml"), alone).unwrap();
    place.fedlayer("run alone.toml -q --out alone").ok();
    let two = place.fedlayer("compare alone run").ok().stdout;
    assert!(two.contains("`run: longer` differs from `run: all` in\n"), "{two}");
    assert!(!two.contains("strategy.longer"), "both train alike: {two}");
}

/// The estimates of a scenario are the sums over its strategies.
#[test]
fn the_cost_counts_the_steps_of_each_strategy() {
    let steps = |scenario: &str| {
        let place = Place::with(scenario);
        let text = place.fedlayer("check scenario.toml --json").ok().stdout;
        let json: Value = serde_json::from_str(&text).unwrap();
        json["cost"]["steps"].as_u64().unwrap()
    };
    let one = "[[strategy]]\nname = \"all\"\naverage = \"all\"\n";
    let two =
        format!("{one}[[strategy]]\nname = \"longer\"\naverage = \"all\"\nlocal.epochs = 3\n");
    let alone = steps(&(head() + one));
    // Each plan's steps are rounded down.
    assert!((4 * alone..=4 * alone + 3).contains(&steps(&(head() + &two))));
}
