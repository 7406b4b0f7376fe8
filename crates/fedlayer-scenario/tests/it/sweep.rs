//! `[sweep]`: its plans, and its messages.

use fedlayer_core::Plan;
use fedlayer_scenario::{Color, Setting, read};

use crate::base::{BASE, data, holds, read_set, read_text};

/// Returns [`BASE`] with a sweep.
fn with(sweep: &str) -> String {
    format!("{BASE}\n[sweep]\n{sweep}\n")
}

fn plans(sweep: &str) -> Vec<Plan> {
    read_text(&with(sweep)).unwrap_or_else(|report| panic!("{report}")).plans
}

/// Returns the variants, each once, in the order of the plans.
fn labels(plans: &[Plan]) -> Vec<String> {
    let mut labels: Vec<String> =
        plans.iter().map(|plan| plan.variant.as_ref().unwrap().label()).collect();
    labels.dedup();
    labels
}

#[test]
fn a_grid_is_every_combination_and_its_first_key_changes_slowest() {
    let plans = plans("grid = { rounds = [5, 9], \"local.optimizer.sgd.lr\" = [1e-1, 0.03, 1] }");
    let expected = [
        "rounds=5, lr=1e-1",
        "rounds=5, lr=0.03",
        "rounds=5, lr=1",
        "rounds=9, lr=1e-1",
        "rounds=9, lr=0.03",
        "rounds=9, lr=1",
    ];
    assert_eq!(labels(&plans), expected);
    // Four strategies with three seeds each.
    assert_eq!(plans.len(), 6 * 12);
    assert_eq!(plans[0].folder(), "rounds-5-lr-1e-1/all/seed-1");
    assert_eq!(plans[71].folder(), "rounds-9-lr-1/late/seed-3");
    assert_eq!(plans[71].title(), "rounds=9, lr=1: late");
}

#[test]
fn a_list_has_each_variant_by_itself_in_either_form() {
    let inline =
        plans("list = [{ rounds = 5, \"local.batch\" = 8 }, { \"data.partition\" = \"iid\" }]");
    let tables = plans(
        "[[sweep.list]]\nrounds = 5\n\"local.batch\" = 8\n[[sweep.list]]\n\"data.partition\" = 'iid'",
    );
    assert_eq!(labels(&inline), ["rounds=5, batch=8", "partition=iid"]);
    assert_eq!(inline, tables);
    assert_eq!((inline[0].rounds, inline[12].rounds), (5, 20));
}

#[test]
fn list_and_grid_together_are_each_with_each() {
    let plans =
        plans("list = [{ rounds = 5 }, { rounds = 9 }]\n[sweep.grid]\n\"local.batch\" = [8, 16]");
    let expected =
        ["rounds=5, batch=8", "rounds=5, batch=16", "rounds=9, batch=8", "rounds=9, batch=16"];
    assert_eq!(labels(&plans), expected);
}

/// Kinds of values that can be swept, and the `--set` that does the same.
#[test]
fn a_variant_is_the_scenario_with_settings() {
    for (key, value, set) in [
        ("local.optimizer.sgd.lr", "0.5", "local.optimizer.sgd.lr=0.5"),
        ("data.keep_classes", "3", "data.keep_classes=3"),
        ("data.partition", "{ shards = 2 }", "data.partition={shards=2}"),
        ("data.partition.dirichlet", "2", "data.partition.dirichlet=2"),
        ("model", "\"linear\"", "model=linear"),
        ("model.mlp", "[\n 8, # narrow\n 8]", "model.mlp=[8, 8]"),
        ("strategy.1.average.rotate", "2", "strategy.1.average.rotate=2"),
        ("barriers.sets", "[\"full\"]", "barriers.sets=[\"full\"]"),
        ("clients.dropout", "0.25", "clients.dropout=0.25"),
    ] {
        let swept = plans(&format!("[sweep.grid]\n\"{key}\" = [{value}]"));
        let set = match key {
            "model" => vec![set, "strategy.2.average.except=[\"out\"]"],
            _ => vec![set],
        };
        let plain = read_set(&set).unwrap().plans;
        assert!(plain.iter().all(|plan| plan.variant.is_none()));
        let bare = |plan: Plan| Plan { variant: None, ..plan };
        assert_eq!(swept.into_iter().map(bare).collect::<Vec<_>>(), plain, "{key}");
    }
}

#[test]
fn a_sweep_can_be_set_and_is_part_of_the_new_text() {
    let read = read_set(&["sweep={ grid = { rounds = [5, 9] } }", "local.batch=4"]).unwrap();
    assert_eq!(labels(&read.plans), ["rounds=5", "rounds=9"]);
    assert!(read.plans.iter().all(|plan| plan.local.batch == 4));
    assert_eq!(read_text(&read.text).unwrap().plans, read.plans);
}

#[test]
fn without_a_sweep_a_plan_says_nothing_of_one() {
    let plan = read_text(BASE).unwrap().plans.remove(0);
    assert_eq!((plan.folder().as_str(), plan.title().as_str()), ("all/seed-1", "all"));
    let words = serde_json::to_string(&plan).unwrap();
    for key in ["variant", "keep_classes", "label_noise"] {
        assert!(!words.contains(key), "{words}");
    }
}

#[test]
fn ten_thousand_variants_are_many_and_more_are_too_many() {
    let list = |count: u32| {
        let values: Vec<String> = (1..=count).map(|value| value.to_string()).collect();
        values.join(", ")
    };
    let grid =
        |a, b| format!("grid = {{ rounds = [{}], \"local.batch\" = [{}] }}", list(a), list(b));
    let one = BASE.replace("seeds = [1, 2, 3]", "seeds = [1]");
    let read = |sweep: &str| read_text(&format!("{one}\n[sweep]\n{sweep}\n"));
    assert_eq!(read(&grid(10, 10)).unwrap().plans.len(), 400);
    let report = read(&grid(101, 100)).unwrap_err().to_string();
    assert!(report.contains("a sweep has at most 10_000 variants"), "{report}");
    assert!(report.contains("found 10100 variants"), "{report}");
}

#[test]
fn wrong_sweeps() {
    let cases = [
        (
            "a value that is out of range",
            "grid = { \"local.optimizer.sgd.lr\" = [0.1, -1], rounds = [5, 6] }",
        ),
        ("a value of the wrong type", "list = [{ rounds = 5 }, { rounds = \"many\" }]"),
        ("an unknown key in a table that there is", "grid = { \"local.epoch\" = [1, 2] }"),
        ("an unknown table", "grid = { \"local.sgd.lr\" = [0.1, 0.01] }"),
        ("a key inside a number", "grid = { \"rounds.x\" = [1] }"),
        ("a strategy that there is not", "grid = { \"strategy.7.average\" = [\"all\"] }"),
        ("a value that does not fit the rest", "grid = { \"clients.per_round\" = [4, 9] }"),
        (
            "a value that makes something else wrong",
            "grid = { \"model.mlp\" = [[8], [8, 8]], \"barriers.sets\" = [[{ named = [\"fc2\"] }]] }",
        ),
        ("a wrong part of a value", "grid = { \"model.mlp\" = [[8], [8, 0]] }"),
        (
            "a layer that only one variant lacks",
            "[sweep.grid]\n\"strategy.2.average\" = [\"all\", { layers = [\"fc9\"] }]",
        ),
        ("seeds", "grid = { seeds = [[1], [2]] }"),
        ("an analysis", "grid = { \"analysis.0.splits\" = [[\"test\"], [\"train\"]] }"),
        ("a sweep in a sweep", "list = [{ \"sweep.grid\" = 1 }]"),
        ("neither grid nor list", ""),
        ("an empty grid", "grid = {}"),
        ("a key without values", "grid = { rounds = [] }"),
        ("an empty list", "list = []"),
        ("an entry that changes nothing", "list = [{ rounds = 5 }, {}]"),
        ("a value twice", "grid = { \"local.optimizer.sgd.lr\" = [0.1, 1e-1] }"),
        (
            "an entry twice",
            "list = [{ rounds = 5, \"local.batch\" = 1 }, { \"local.batch\" = 1, rounds = 5 }]",
        ),
        (
            "a key in the grid and in the list",
            "grid = { rounds = [1, 2] }\nlist = [{ rounds = 5 }]",
        ),
        ("a key inside another", "grid = { model = [\"linear\"], \"model.mlp\" = [[4]] }"),
        ("an empty part of a key", "grid = { \"local..lr\" = [1] }"),
        ("a dotted key without quotes", "[sweep.grid]\nlocal.epochs = [1, 2]"),
        ("one value instead of a list", "grid = { rounds = 5 }"),
        ("a typo in the sweep's own key", "gird = { rounds = [5] }"),
        ("a list of numbers", "list = [5, 6]"),
    ];
    let mut all = String::new();
    for (about, sweep) in cases {
        let report = match read_text(&with(sweep)) {
            Ok(_) => panic!("{about}: taken"),
            Err(report) => report,
        };
        let line = "=".repeat(about.len());
        all += &format!("{about}\n{line}\n{}\n\n", report.render(Color::Plain));
    }
    holds("sweep", &all);
}

#[test]
fn wrong_settings_of_a_sweep() {
    let said = |text: &str, settings: &[&str]| {
        let settings: Vec<Setting> = settings.iter().map(|set| set.parse().unwrap()).collect();
        read("scenarios/x.toml", text, &settings, &data).unwrap_err().to_string()
    };
    let swept = with("grid = { rounds = [5, 9] }");
    let all = [
        said(BASE, &["sweep={ grid = { rounds = [5, 0] } }"]),
        said(&swept, &["rounds=3"]),
        said(&swept, &["sweep.grid.rounds.1=0"]),
        said(&swept, &["clients.count=0"]),
    ];
    holds("sweep_settings", &all.join("\n"));
    // If only one variant sets the key, a setting has an effect on the others.
    let listed = with("list = [{ rounds = 5 }, { \"local.batch\" = 4 }]");
    let settings = ["rounds=3".parse().unwrap()];
    let read = read("x.toml", &listed, &settings, &data).unwrap();
    assert_eq!((read.plans[0].rounds, read.plans[12].rounds), (5, 3));
}
