//! A comparison of runs names every key in which their scenarios differ, with both values. Tested
//! for every key of the schema.

use std::collections::BTreeMap;

use fedlayer_core::compare::{Contrast, Effect};
use serde_json::{Value, json};

use crate::schema_pairs::{all, base, scenario};

/// Tables that are not tested: strategies and variants are distinguished by name, and analyses
/// change no number of a comparison.
const LEFT_OUT: [&str; 3] = ["analysis", "strategy", "sweep"];

/// Keys that change no number of a comparison.
const WITHOUT_EFFECT: [&str; 10] = [
    "barriers.alpha",
    "barriers.baselines",
    "barriers.every",
    "barriers.sets",
    "barriers.splits",
    "barriers.twins",
    "checkpoints.every",
    "checkpoints.keep",
    "evaluate.select",
    "evaluate.every",
];

/// Returns the keys that a comparison of two scenarios names.
fn contrasts(reference: &Value, other: &Value) -> Vec<Contrast> {
    scenario(reference).contrasts(&scenario(other)).unwrap()
}

/// Returns the effect that a difference in a key must have.
fn expected(key: &str) -> Effect {
    let is_training = ["local", "data.augment", "barriers.between"];
    match key {
        "seeds" | "rounds" | "evaluate.patience" => Effect::Extent,
        _ if is_training.iter().any(|above| key.starts_with(above)) => Effect::Training,
        _ => Effect::Setup,
    }
}

#[test]
fn every_key_of_the_schema_is_named_with_both_values_and_withholds_what_it_must() {
    // For keys that one scenario does not have: true if some value of the other one is not the
    // default.
    let mut left_out: BTreeMap<String, bool> = BTreeMap::new();
    let mut same = Vec::new();
    let mut keys = 0;
    for pair in all(&LEFT_OUT) {
        let [one, other] = pair.scenarios();
        let found = contrasts(&one, &other);
        let key = pair.key.join(".");
        if WITHOUT_EFFECT.iter().any(|known| key.starts_with(known)) {
            assert_eq!(found, [], "{key}");
            continue;
        }
        if pair.is_left_out {
            *left_out.entry(key.clone()).or_default() |= !found.is_empty();
        } else if found.is_empty() {
            same.push(key.clone());
        }
        let about = format!("{key}: {one} and {other}: {found:?}");
        // A choice without a common key is named as a whole.
        let is_named =
            |found: &Contrast| key == found.key || key.starts_with(&format!("{}.", found.key));
        assert!(found.iter().all(is_named), "{about}");
        for Contrast { reference, other, effect, .. } in &found {
            assert!(!reference.is_empty() && !other.is_empty() && reference != other, "{about}");
            assert_eq!(*effect, expected(&key), "{about}");
            keys += 1;
        }
    }
    assert!(keys > 100, "{keys} keys");
    // `[5]` and `{ hidden = [5] }` are one network.
    assert_eq!(same, ["model.mlp"]);
    // An empty table means the same as no table.
    let never: Vec<&String> =
        left_out.iter().filter(|(_, named)| !**named).map(|(key, _)| key).collect();
    assert_eq!(never, ["data.augment"]);
}

/// The most frequent comparison: with a run that leaves a key at its default.
#[test]
fn a_key_that_is_not_given_has_the_value_that_it_then_has() {
    let with = |key: &str, value: Value| {
        let mut scenario = base();
        let path = format!("/{}", key.replace('.', "/"));
        let (table, name) = path.rsplit_once('/').unwrap();
        let table = scenario.pointer_mut(table).unwrap().as_object_mut().unwrap();
        table.insert(name.to_owned(), value);
        contrasts(&base(), &scenario)
    };
    for (key, value, default) in [
        ("clients.per_round", json!(5), "8"),
        ("clients.deadline", json!(5.0), "no deadline"),
        ("clients.dropout", json!(0.5), "0.0"),
        ("data.train", json!(100), "all examples"),
        ("data.keep_classes", json!(5), "all classes"),
        ("data.label_noise", json!(0.5), "0.0"),
        ("data.scale", json!("none"), "\"unit\""),
        ("data.normalize", json!("set"), "\"none\""),
        ("data.test_share", json!(0.5), "0.2"),
        ("data.partition", json!("whole"), "\"iid\""),
        ("initial", json!("a"), "drawn from the seed"),
        ("local.last_batch", json!("drop"), "\"keep\""),
        ("local.clip", json!(1.0), "no clipping"),
        ("local.warmup", json!({ "steps": 5 }), "no warm-up"),
    ] {
        let found = with(key, value);
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        assert_eq!((found[0].key.as_str(), found[0].reference.as_str()), (key, default));
    }
    // The scenario with the default written out is the same.
    for (key, value) in [
        ("clients.per_round", json!(8)),
        ("data.scale", json!("unit")),
        ("data.test_share", json!(0.2)),
        ("data.label_noise", json!(0.0)),
        ("local.last_batch", json!("keep")),
        ("seeds", json!([2, 1])),
    ] {
        assert_eq!(with(key, value), [], "{key}");
    }
}
