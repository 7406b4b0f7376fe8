//! The texts of a plan that its hash is taken over: they differ where the plans differ, and nowhere
//! else.

use std::sync::Arc;

use fedlayer_core::{Plan, data::DataFacts, model::Layout, spec::ModelSpec};
use fedlayer_scenario::{Scenario, canonical_form, form_of_format_1, with_defaults};
use serde_json::{Value, json};

use crate::{
    base::{BASE, edited, read_text},
    schema_pairs::{all, base, of_strategy, scenario},
};

/// Tables that are no part of a plan.
const NO_PART: [&str; 2] = ["analysis", "sweep"];

/// A list with pairs of its own.
const LIST: &str = "strategy";

fn layout() -> Arc<Layout> {
    let facts = DataFacts { shape: vec![4], classes: 2, targets: 1, pool: 10, test: 10 };
    Arc::new(ModelSpec::Linear.layout(&facts).unwrap())
}

/// Returns the first plan of a scenario, whether its values are consistent or not.
fn plan(scenario: &Scenario) -> Plan {
    let Scenario { rounds, data, clients, model, initial, local, barriers, .. } = scenario.clone();
    let Scenario { evaluate, checkpoints, strategy, seeds, .. } = scenario.clone();
    let (seed, strategy) = (seeds[0], strategy[0].clone());
    Plan {
        seed,
        rounds,
        data,
        clients,
        model,
        initial,
        layout: layout(),
        local,
        barriers,
        evaluate,
        checkpoints,
        strategy,
        variant: None,
    }
}

fn text(form: Vec<u8>) -> String {
    String::from_utf8(form).unwrap()
}

/// Every key of the schema, with the smallest values that it may have, and with and without its
/// default.
#[test]
fn a_plan_has_another_form_if_and_only_if_a_key_has_another_value() {
    let (mut equal, mut different) = (0, 0);
    let tables = all(&[&NO_PART[..], &[LIST]].concat());
    for pair in tables.into_iter().chain(of_strategy()) {
        let key = pair.key.join(".");
        if key.starts_with("strategy.local") {
            continue;
        }
        let [one, other] = pair.scenarios().map(|value| plan(&scenario(&value)));
        let forms = [&one, &other].map(|plan| text(canonical_form(plan).unwrap()));
        let old = [&one, &other].map(|plan| text(form_of_format_1(plan).unwrap()));
        assert_eq!(one == other, forms[0] == forms[1], "{key}: {} and {}", forms[0], forms[1]);
        assert_eq!(one == other, old[0] == old[1], "{key}: {} and {}", old[0], old[1]);
        if one == other { equal += 1 } else { different += 1 }
    }
    assert!(equal > 10 && different > 300, "{equal} equal, {different} different");
}

#[test]
fn the_form_has_the_values_that_are_no_defaults() {
    let whole = text(canonical_form(&plan(&scenario(&base()))).unwrap());
    let (before, scenario) = whole.split_once("\"scenario\":").unwrap();
    let expected = concat!(
        r#"{"clients":{"count":8},"data":{"set":"digits"},"#,
        r#""local":{"batch":16,"epochs":1,"optimizer":{"sgd":{"lr":0.1}}},"model":"linear","#,
        r#""rounds":20,"strategy":[{"average":"all","name":"all"}]}}"#
    );
    assert_eq!(scenario, expected);
    assert_eq!(before, format!("{{\"layout\":{},", serde_json::to_string(&*layout()).unwrap()));
}

#[test]
fn a_default_that_is_written_is_the_same_as_none() {
    let plain = plan(&scenario(&base()));
    let mut full = base();
    full["seeds"] = json!([1]);
    full["evaluate"] = json!({ "every": 1 });
    full["checkpoints"] = json!({ "keep": 2 });
    full["data"]["augment"] = json!({ "crop": 0 });
    full["data"]["label_noise"] = json!(0.0);
    full["local"]["loss"] = json!("cross-entropy");
    full["local"]["optimizer"]["sgd"]["momentum"] = json!(0);
    full["strategy"][0]["weights"] = json!("examples");
    let full = plan(&scenario(&full));
    assert_eq!(canonical_form(&full).unwrap(), canonical_form(&plain).unwrap());
    assert_eq!(form_of_format_1(&full).unwrap(), form_of_format_1(&plain).unwrap());
}

/// Today no plan has a key that format 1 did not know, so its form is the whole plan.
#[test]
fn the_first_form_is_the_whole_plan() {
    let mut plans = read_text(BASE).unwrap().plans;
    let layers = r#"layers = [{ conv = { out = 4, kernel = 3 } }, { norm = { kind = "batch" } }, "relu", "flatten", { linear = { name = "out", out = 10 } }]"#;
    plans.extend(read_text(&edited("mlp = [128, 64]", layers)).unwrap().plans);
    for plan in plans {
        let whole = serde_json::to_string(&plan).unwrap();
        assert_eq!(text(form_of_format_1(&plan).unwrap()), whole);
    }
}

#[test]
fn a_variant_is_a_part_of_the_form() {
    let sweep = "\n[sweep]\ngrid = { \"evaluate.every\" = [1, 2] }\n";
    let plans = read_text(&format!("{BASE}{sweep}")).unwrap().plans;
    let alone = &read_text(BASE).unwrap().plans[0];
    let forms = [&plans[0], alone].map(|plan| text(canonical_form(plan).unwrap()));
    assert_ne!(forms[0], forms[1]);
    assert!(forms[0].contains(r#""variant":{"folder":"every-1""#), "{}", forms[0]);
}

#[test]
fn a_scenario_of_an_earlier_version_is_completed() {
    let json = |scenario: &Scenario| serde_json::to_value(scenario).unwrap();
    let now = json(&scenario(&base()));
    let mut before = now.clone();
    // Keys with defaults that an earlier version did not know.
    for (table, key) in [("/local", "loss"), ("/evaluate", "clients"), ("/strategy/0", "weights")] {
        let table = before.pointer_mut(table).unwrap().as_object_mut().unwrap();
        assert!(table.remove(key).is_some());
    }
    assert_ne!(before, now);
    assert_eq!(with_defaults(&before), with_defaults(&now));
    assert_eq!(with_defaults(&before)["strategy"][0]["weights"], Value::from("examples"));
}
