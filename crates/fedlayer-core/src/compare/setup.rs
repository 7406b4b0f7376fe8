//! [`contrasts`]: the keys in which the set-ups of two runs differ, and whether the results remain
//! comparable.
//!
//! Two questions are separate. *Which runs are paired?* Runs with the same seed share examples,
//! partition, initial weights and cohorts, if the keys that these are drawn from are equal. *Which
//! keys differ?* Any key may differ on purpose, but the reader of a comparison must know.

use serde::Serialize;
use serde_json::{Map, Value};

/// A key in which two set-ups differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contrast {
    /// The path of the key: `local.optimizer.sgd.lr`. The path of a strategy's key contains its
    /// name: `strategy.all.weights`.
    pub key: String,
    /// The reference's value as a scenario writes it, or a text if a scenario cannot write it.
    pub reference: String,
    /// The other set-up's value.
    pub other: String,
    /// The effect of the difference on a comparison.
    pub effect: Effect,
}

/// The effect that a difference between two set-ups has on a comparison of their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The runs are still paired by seed: the difference may be the subject of the comparison.
    Training,
    /// The runs have other seeds or other numbers of rounds. Runs with the same seed would be
    /// paired.
    Extent,
    /// The same seed gives other examples, models or clients, or another quantity is measured.
    /// Nothing is paired.
    Setup,
}

/// The effects by key: the first line that contains a path decides. A key without a line is part of
/// the set-up, so a new key is never overlooked. `None` is a key that changes no number of a
/// comparison.
const EFFECTS: [(&str, Option<Effect>); 14] = [
    ("strategy", Some(Effect::Training)),
    ("analysis", None),
    ("checkpoints", None),
    ("sweep", None),
    ("evaluate.every", None),
    ("evaluate.select", None),
    ("evaluate.patience", Some(Effect::Extent)),
    ("barriers.between", Some(Effect::Training)),
    ("barriers", None),
    ("data.augment", Some(Effect::Training)),
    ("local", Some(Effect::Training)),
    ("seeds", Some(Effect::Extent)),
    ("rounds", Some(Effect::Extent)),
    ("", Some(Effect::Setup)),
];

/// The meaning of an absent key, if no value of a scenario has this meaning.
const NOT_GIVEN: [(&str, &str); 10] = [
    ("clients.deadline", "no deadline"),
    ("data.train", "all examples"),
    ("data.test", "all examples"),
    ("data.keep_classes", "all classes"),
    ("data.scale", "as the files' numbers are stored"),
    ("evaluate.patience", "no early end"),
    ("initial", "drawn from the seed"),
    ("local.clip", "no clipping"),
    ("local.warmup", "no warm-up"),
    ("", "not given"),
];

/// Returns every key in which two scenarios differ and that matters to a comparison of their
/// results. Both are JSON with all defaults written out; an absent key equals a key that is `null`.
/// Strategies are compared by name. A strategy of only one scenario has its own row in a
/// comparison, and is not a difference.
pub fn contrasts(reference: &Value, other: &Value) -> Vec<Contrast> {
    let mut found = Vec::new();
    visit(Some(reference), Some(other), "", &mut found);
    found
}

fn visit(reference: Option<&Value>, other: Option<&Value>, key: &str, found: &mut Vec<Contrast>) {
    let [reference, other] = [reference, other].map(|value| value.filter(|value| !value.is_null()));
    if reference == other {
        return;
    }
    match (reference, other) {
        (Some(Value::Object(a)), Some(Value::Object(b))) if key.is_empty() || share_a_key(a, b) => {
            let only_b = b.keys().filter(|name| !a.contains_key(*name));
            for name in a.keys().chain(only_b) {
                let inner = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                visit(a.get(name), b.get(name), &inner, found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if key == "strategy" => {
            for strategy in a {
                let name = &strategy["name"];
                let namesake = b.iter().filter(|other| other["name"] == *name);
                let inner = format!("{key}.{}", name.as_str().unwrap_or_default());
                namesake.for_each(|other| visit(Some(strategy), Some(other), &inner, found));
            }
        }
        _ => found.extend(contrast(reference, other, key)),
    }
}

/// Contrasts two values of a key, if the key matters to a comparison.
fn contrast(reference: Option<&Value>, other: Option<&Value>, key: &str) -> Option<Contrast> {
    let effect = (*entry_for(&EFFECTS, key)?)?;
    let absent = || entry_for(&NOT_GIVEN, key).map_or_else(String::new, ToString::to_string);
    let [reference, other] = [reference, other].map(|value| value.map_or_else(absent, written));
    Some(Contrast { key: key.to_owned(), reference, other, effect })
}

/// Returns the entry of the first line of a table with a key that equals the path or contains it.
fn entry_for<'t, T>(table: &'t [(&str, T)], key: &str) -> Option<&'t T> {
    let lies_within =
        |above: &str| key == above || above.is_empty() || key.starts_with(&format!("{above}."));
    table.iter().find(|(above, _)| lies_within(above)).map(|(_, said)| said)
}

/// Returns whether two tables have a key in common. If not, they are different choices (`{ mlp = …
/// }` and `{ resnet-18 = … }`), not two versions of one choice.
fn share_a_key(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.keys().any(|key| b.contains_key(key))
}

/// Writes a value as a scenario does, in one line.
fn written(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Array(items) => format!("[{}]", list(items.iter().map(written).collect())),
        Value::Object(table) => {
            let said = table.iter().filter(|(_, value)| !value.is_null());
            let entries = said.map(|(key, value)| format!("{key} = {}", written(value)));
            let entries = list(entries.collect());
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {entries} }}") }
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scenario() -> Value {
        json!({
            "seeds": [1, 2],
            "rounds": 20,
            "data": { "set": "digits", "partition": { "dirichlet": 0.3 }, "augment": { "crop": 0 } },
            "clients": { "count": 8, "per_round": null },
            "model": { "mlp": [64] },
            "local": { "batch": 16, "optimizer": { "sgd": { "lr": 0.1 } } },
            "barriers": { "every": 5, "between": "cohort" },
            "evaluate": { "every": 1, "clients": "cohort" },
            "checkpoints": { "every": 1 },
            "strategy": [{ "name": "all", "average": "all" }],
        })
    }

    /// Returns the contrasts between the scenario and one with another value at a pointer.
    fn changed(pointer: &str, value: Value) -> Vec<(String, String, String, Effect)> {
        let mut other = scenario();
        let (above, key) = pointer.rsplit_once('/').unwrap();
        other.pointer_mut(above).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
        let found = contrasts(&scenario(), &other).into_iter();
        found.map(|found| (found.key, found.reference, found.other, found.effect)).collect()
    }

    fn one(
        key: &str,
        reference: &str,
        other: &str,
        effect: Effect,
    ) -> [(String, String, String, Effect); 1] {
        [(key.to_owned(), reference.to_owned(), other.to_owned(), effect)]
    }

    #[test]
    fn equal_scenarios_differ_in_nothing() {
        assert_eq!(contrasts(&scenario(), &scenario()), []);
        assert_eq!(changed("/clients/per_round", Value::Null), []);
        assert_eq!(changed("/initial", Value::Null), []);
    }

    #[test]
    fn what_decides_examples_models_or_clients_leaves_nothing_paired() {
        let set = changed("/data/set", json!("cifar-10"));
        assert_eq!(set, one("data.set", "\"digits\"", "\"cifar-10\"", Effect::Setup));
        let partition = changed("/data/partition", json!({ "classes": 2 }));
        let expected = ("{ dirichlet = 0.3 }", "{ classes = 2 }");
        assert_eq!(partition, one("data.partition", expected.0, expected.1, Effect::Setup));
        let alpha = changed("/data/partition", json!({ "dirichlet": 0.1 }));
        assert_eq!(alpha, one("data.partition.dirichlet", "0.3", "0.1", Effect::Setup));
        let model = changed("/model", json!({ "resnet-18": { "norm": "none", "groups": null } }));
        let expected = ("{ mlp = [64] }", "{ resnet-18 = { norm = \"none\" } }");
        assert_eq!(model, one("model", expected.0, expected.1, Effect::Setup));
        assert_eq!(
            changed("/clients/count", json!(9)),
            one("clients.count", "8", "9", Effect::Setup)
        );
        let whose = changed("/evaluate/clients", json!("all"));
        assert_eq!(whose, one("evaluate.clients", "\"cohort\"", "\"all\"", Effect::Setup));
        let initial = changed("/initial", json!("a.safetensors"));
        let expected = ("drawn from the seed", "\"a.safetensors\"");
        assert_eq!(initial, one("initial", expected.0, expected.1, Effect::Setup));
        let tomorrow = changed("/a_key_of_tomorrow", json!(1));
        assert_eq!(tomorrow, one("a_key_of_tomorrow", "not given", "1", Effect::Setup));
    }

    #[test]
    fn other_training_is_what_a_comparison_may_be_about() {
        let lr = changed("/local/optimizer/sgd/lr", json!(0.01));
        assert_eq!(lr, one("local.optimizer.sgd.lr", "0.1", "0.01", Effect::Training));
        let optimizer = changed("/local/optimizer", json!({ "adam": { "lr": 0.1 } }));
        assert_eq!(optimizer[0].0, "local.optimizer");
        assert_eq!(changed("/data/augment/crop", json!(4))[0].3, Effect::Training);
        assert_eq!(changed("/barriers/between", json!("pairs"))[0].3, Effect::Training);
    }

    /// Both strategies are `all` in the table, so the difference must be named.
    #[test]
    fn strategies_of_one_name_that_do_other_things_are_named() {
        let other = changed(
            "/strategy",
            json!([{ "name": "b" }, { "name": "all", "average": { "first": 1 } }]),
        );
        let expected = ("\"all\"", "{ first = 1 }");
        assert_eq!(other, one("strategy.all.average", expected.0, expected.1, Effect::Training));
    }

    #[test]
    fn other_seeds_and_rounds_are_told_from_another_set_up() {
        assert_eq!(changed("/seeds", json!([3])), one("seeds", "[1, 2]", "[3]", Effect::Extent));
        let patience = changed("/evaluate/patience", json!(3));
        assert_eq!(patience, one("evaluate.patience", "no early end", "3", Effect::Extent));
        let by = changed("/evaluate/by", json!("validation-accuracy"));
        assert_eq!(by[0].3, Effect::Setup, "another round may be the best");
        assert_eq!(changed("/rounds", json!(10)), one("rounds", "20", "10", Effect::Extent));
    }

    #[test]
    fn a_key_that_no_line_names_is_part_of_the_set_up_though_it_begins_like_another() {
        for pointer in ["/locality", "/barriers_of", "/analysis2", "/evaluate/everyone"] {
            assert_eq!(changed(pointer, json!(1))[0].3, Effect::Setup, "{pointer}");
        }
    }

    #[test]
    fn strategies_and_what_changes_no_number_are_not_named() {
        for (pointer, value) in [
            ("/strategy", json!([{ "name": "none", "average": "none" }])),
            ("/checkpoints/every", json!(5)),
            ("/evaluate/every", json!(5)),
            ("/evaluate/select", json!("best")),
            ("/barriers", Value::Null),
            ("/barriers/every", json!(1)),
            ("/sweep", json!({ "grid": {} })),
            ("/analysis", json!([{ "measure": { "hessian": {} } }])),
        ] {
            assert_eq!(changed(pointer, value), [], "{pointer}");
        }
    }
}
