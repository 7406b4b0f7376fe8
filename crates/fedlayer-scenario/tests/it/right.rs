//! Valid scenarios and their plans.

use fedlayer_core::spec::{
    Average, BarrierSpec, CheckpointSpec, EvaluateSpec, LastBatch, LocalSpec, Loss, ModelSpec,
    Optimizer, OptimizerMemory, Partition, Precision, Rule, Schedule, Sgd, Statistics, Weighting,
};
use fedlayer_scenario::{example, schema};

use crate::base::{BASE, edited, read_text};

#[test]
fn plans_are_strategies_times_seeds() {
    let read = read_text(BASE).unwrap();
    let folders: Vec<String> = read.plans.iter().map(|plan| plan.folder()).collect();
    assert_eq!(folders.len(), 12);
    assert_eq!(
        folders[..4],
        ["all/seed-1", "all/seed-2", "all/seed-3", "one-layer-rotating/seed-1"]
    );
    let plan = &read.plans[3];
    assert_eq!((plan.seed, plan.rounds, plan.clients.count), (1, 20, 8));
    assert_eq!(plan.strategy.average, Average::Always(Rule::Rotate(1)));
    assert_eq!(plan.data.partition, Partition::Dirichlet(0.3));
    let layers: Vec<&str> = plan.layout.names().map(|name| name.as_str()).collect();
    assert_eq!(layers, ["fc1", "fc2", "out"]);
    assert_eq!(plan.layout.value_count(), 64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10);
}

#[test]
fn what_is_left_out_has_its_default() {
    let text = r#"
rounds = 1
model = "linear"
data.set = "digits"
clients.count = 2
local = { epochs = 1, batch = 10, optimizer = { sgd = { lr = 1 } } }
strategy = [{ name = "all", average = "all" }]
"#;
    let plan = read_text(text).unwrap().plans.remove(0);
    assert_eq!(plan.seed, 1);
    assert_eq!((plan.data.partition, plan.data.test_share), (Partition::Iid, None));
    assert_eq!(plan.data.client_test_share, 0.2);
    assert_eq!((plan.clients.cohort(), plan.clients.min_clients, plan.clients.attempts), (2, 1, 3));
    assert_eq!((plan.clients.dropout, plan.clients.deadline), (0.0, None));
    assert_eq!(plan.model, ModelSpec::Linear);
    let optimizer =
        Optimizer::Sgd(Sgd { lr: 1.0, momentum: 0.0, nesterov: false, weight_decay: 0.0 });
    let local = LocalSpec {
        epochs: Some(1),
        steps: None,
        batch: 10,
        last_batch: LastBatch::Keep,
        optimizer,
        schedule: Schedule::Constant,
        warmup: None,
        optimizer_state: OptimizerMemory::Reset,
        loss: Loss::CrossEntropy,
        clip: None,
        precision: Precision::F32,
    };
    assert_eq!(plan.local, local);
    assert_eq!(plan.barriers, None);
    assert_eq!(plan.evaluate, EvaluateSpec::default());
    assert_eq!(plan.checkpoints, CheckpointSpec::default());
    assert_eq!(plan.strategy.weights, Weighting::Examples);
    assert_eq!(plan.strategy.statistics, Statistics::Average);
}

#[test]
fn an_empty_table_of_barriers_measures_the_defaults() {
    let barriers = "every = 5\nsets = [\"full\", \"layers\", \"shallow\", \"deep\"]\n";
    let read = read_text(&edited(barriers, "")).unwrap();
    assert_eq!(read.plans[0].barriers, Some(BarrierSpec::default()));
}

/// Edits of the base that are all allowed.
#[test]
fn every_form_is_taken() {
    for (from, to) in [
        ("\"digits\"", "{ synthetic = {} }"),
        ("\"digits\"", "{ synthetic = { examples = 100, classes = 2, separation = 1 } }"),
        ("{ dirichlet = 0.3 }", "\"iid\""),
        ("{ dirichlet = 0.3 }", "{ quantity = 1 }"),
        ("{ dirichlet = 0.3 }", "{ classes = 2 }"),
        ("partition = { dirichlet = 0.3 }", "[data.partition]\nshards = 2"),
        ("mlp = [128, 64]", "deep-linear = [9, 9]"),
        ("mlp = [128, 64]", "mlp = { hidden = [5, 5], activation = \"sigmoid\" }"),
        ("[model]\nmlp = [128, 64]", "[model.mlp]\nhidden = [1, 1]"),
        ("batch = 16", "batch = 16\nschedule = { step = { every = 2, factor = 0.5 } }"),
        ("batch = 16", "batch = 16\nschedule = { multi-step = { at = [1, 5], factor = 0.5 } }"),
        ("batch = 16", "batch = 0x10\nclip = 1"),
        ("{ sgd = { lr = 0.1, momentum = 0.9 } }", "{ adam = { lr = 0.001 } }"),
        ("momentum = 0.9", "momentum = 0.9, nesterov = true"),
        ("momentum = 0.9", "momentum = -0.0"),
        ("\"shallow\"", "{ window = 3 }, { named = [\"fc?\"] }, { named = [\"out\"] }"),
        ("rotate = 1", "layers = [\"fc*\", \"out\"]"),
        ("rotate = 1", "middle = 3"),
        ("seeds = [1, 2, 3]", "seeds = [9223372036854775807, 0]"),
        ("seeds = [1, 2, 3]", ""),
        ("\"6-\"", "\"6-20\""),
        ("\"1-5\"", "\"1\""),
        ("count = 8", "count = 1_000\nper_round = 10\nmin_clients = 10\ndeadline = 1"),
        ("count = 8", "count = 8\n[checkpoints]\nkeep = \"all\""),
        ("count = 8", "count = 8\n[evaluate]\nclients = \"all\""),
        ("name = \"late\"", "name = \"später 層\""),
    ] {
        if let Err(report) = read_text(&edited(from, to)) {
            panic!("`{to}` was refused:\n{report}");
        }
    }
}

#[test]
fn a_toy_takes_plain_gradient_descent() {
    let text = edited("mlp = [128, 64]", "toy = { curvature = [1, 2] }")
        .replace(", momentum = 0.9", "")
        .replace("[\"out\"]", "[\"q2\"]");
    let read = read_text(&text).unwrap();
    assert_eq!(read.plans[0].layout.value_count(), 64);
}

#[test]
fn the_example_is_valid_and_shows_every_key() {
    let read = read_text(example()).unwrap();
    assert_eq!(read.text, example());
    let mut keys = Vec::new();
    collect_keys(&schema(), &mut keys);
    // Keys that another form of the same table replaces are named on the line of that form.
    let elsewhere = ["redundant", "noise", "informative", "clusters_per_class", "separation"];
    let elsewhere = [&elsewhere[..], &["beta1", "beta2", "epsilon"]].concat();
    let elsewhere = [&elsewhere[..], &["weight_decay", "nesterov", "curvature", "at"]].concat();
    let networks = ["pool", "groups", "width", "heads", "tied"];
    let spelt_out = ["stride", "padding", "bias", "kind", "avg-pool", "residual"];
    let files = ["file", "label", "group", "shape", "train_labels", "test_labels"];
    let tables = ["ignore", "separator", "header"];
    let elsewhere = [&elsewhere[..], &networks, &spelt_out, &files, &tables].concat();
    for key in keys.iter().filter(|key| !elsewhere.contains(&key.as_str())) {
        assert!(example().contains(key.as_str()), "the example does not show `{key}`");
    }
}

fn collect_keys(schema: &serde_json::Value, keys: &mut Vec<String>) {
    if let Some(fields) = schema["properties"].as_object() {
        keys.extend(fields.keys().cloned());
    }
    match schema {
        serde_json::Value::Object(fields) => {
            fields.values().for_each(|inner| collect_keys(inner, keys));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|inner| collect_keys(inner, keys)),
        _ => {}
    }
}

#[test]
fn the_schema_is_of_draft_2020_12_and_says_what_keys_are_for() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["title"], "A fedlayer scenario");
    assert_eq!(schema["properties"]["rounds"]["maximum"], 1_000_000);
    assert_eq!(schema["$defs"]["DataSpec"]["properties"]["client_test_share"]["default"], 0.2);
    assert!(schema["properties"]["seeds"]["description"].is_string());
}
