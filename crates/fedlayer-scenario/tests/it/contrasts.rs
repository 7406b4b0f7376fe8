//! A comparison of runs names every key in which their scenarios differ, with both values. Tested
//! for every key of the schema.

use std::collections::BTreeMap;

use fedlayer_core::compare::{Contrast, Effect};
use fedlayer_scenario::{Scenario, read_without_data, schema};
use serde_json::{Map, Value, json};

/// A scenario with the required keys only.
fn base() -> Value {
    json!({
        "seeds": [1, 2],
        "rounds": 20,
        "data": { "set": "digits" },
        "clients": { "count": 8 },
        "model": "linear",
        "local": { "epochs": 1, "batch": 16, "optimizer": { "sgd": { "lr": 0.1 } } },
        "strategy": [{ "name": "all", "average": "all" }],
    })
}

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

fn scenario(value: &Value) -> Scenario {
    let text = toml_of(value);
    let said = read_without_data("scenario.toml", &text, &[]);
    said.map_err(|report| format!("{report}\n{text}")).unwrap()
}

/// Returns the keys that a comparison of two scenarios names.
fn contrasts(reference: &Value, other: &Value) -> Vec<Contrast> {
    scenario(reference).contrasts(&scenario(other)).unwrap()
}

/// Writes a scenario as TOML with one line per key.
fn toml_of(scenario: &Value) -> String {
    let entries = scenario.as_object().unwrap().iter();
    entries.map(|(key, value)| format!("{key} = {}\n", inline(value))).collect()
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries = table.iter().map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

/// The JSON Schema of scenarios.
struct Schema(Value);

impl Schema {
    /// Resolves the reference of a node.
    fn resolved(&self, node: &Value) -> Value {
        let Some(name) = node["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"))
        else {
            return node.clone();
        };
        let mut whole = self.0["$defs"][name].as_object().unwrap().clone();
        whole.extend(
            node.as_object().unwrap().iter().map(|(key, said)| (key.clone(), said.clone())),
        );
        whole.remove("$ref");
        self.resolved(&Value::Object(whole))
    }

    /// Returns the forms that a value may have, without `null`.
    fn forms(&self, node: &Value) -> Vec<Value> {
        let node = self.resolved(node);
        let choices = ["oneOf", "anyOf"].iter().filter_map(|word| node[word].as_array()).flatten();
        let forms: Vec<Value> = choices.flat_map(|form| self.forms(form)).collect();
        if forms.is_empty() { vec![node] } else { forms }
            .into_iter()
            .filter(|form| form["type"] != "null")
            .collect()
    }

    /// Returns the smallest value of a form, and another value.
    fn two_values(&self, form: &Value) -> (Value, Value) {
        if !form["const"].is_null() {
            return (form["const"].clone(), form["const"].clone());
        }
        let least = form["minimum"].as_f64().or(form["exclusiveMinimum"].as_f64()).unwrap_or(0.0);
        let is = |word: &str| {
            form["type"] == word || form["type"].as_array().is_some_and(|all| all[0] == word)
        };
        if let Some(words) = form["enum"].as_array() {
            (words[0].clone(), words[words.len() - 1].clone())
        } else if is("integer") {
            (json!(least as u64 + 5), json!(least as u64 + 6))
        } else if is("number") {
            (json!(least + 0.25), json!(least + 0.375))
        } else if is("boolean") {
            (json!(true), json!(false))
        } else if is("string") {
            (json!("a"), json!("b"))
        } else if is("array") {
            let item = &self.forms(&form["items"])[0];
            let (first, second) = match item["properties"].is_object() {
                true => (self.smallest(item), self.smallest(&self.forms(&form["items"])[1])),
                false => self.two_values(item),
            };
            (json!([first]), json!([second]))
        } else {
            let smallest = self.smallest(form);
            (smallest.clone(), smallest)
        }
    }

    /// Returns a value with the required keys only.
    fn smallest(&self, node: &Value) -> Value {
        let form = &self.forms(node)[0];
        let Some(properties) = form["properties"].as_object() else {
            return self.two_values(form).0;
        };
        let required = form["required"].as_array().cloned().unwrap_or_default();
        let needed = properties.iter().filter(|(key, _)| required.contains(&json!(key)));
        Value::Object(needed.map(|(key, inner)| (key.clone(), self.smallest(inner))).collect())
    }

    /// Adds pairs of values that differ in one key, for every key at or below a node with this
    /// path.
    fn pairs(&self, node: &Value, path: &[String], pairs: &mut Vec<Pair>) {
        let forms = self.forms(node);
        let values: Vec<Value> = forms.iter().map(|form| self.smallest(form)).collect();
        for pair in values.windows(2) {
            pairs.push(Pair::of(path, Some(&pair[0]), &pair[1]));
        }
        for (form, smallest) in forms.iter().zip(&values) {
            match form["properties"].as_object() {
                None => {
                    let (one, other) = self.two_values(form);
                    pairs.extend((one != other).then(|| Pair::of(path, Some(&one), &other)));
                }
                Some(properties) => {
                    for (key, inner) in properties {
                        self.inner_pairs(path, key, (inner, smallest), pairs);
                    }
                }
            }
        }
    }

    /// Adds the pairs of a key in a table, which also has its required keys.
    fn inner_pairs(
        &self,
        path: &[String],
        key: &str,
        (inner, table): (&Value, &Value),
        pairs: &mut Vec<Pair>,
    ) {
        let mut found = Vec::new();
        let at: Vec<String> = path.iter().cloned().chain([key.to_owned()]).collect();
        self.pairs(inner, &at, &mut found);
        let is_required = !table[key].is_null();
        if !is_required {
            // The default of the key against every value.
            for form in self.forms(inner) {
                let (one, other) = self.two_values(&form);
                found.push(Pair::of(&at, None, &one));
                found.extend((one != other).then(|| Pair::of(&at, None, &other)));
            }
        }
        let within = |value: &Value| {
            let mut table = table.as_object().cloned().unwrap_or_default();
            table.insert(key.to_owned(), value.clone());
            Value::Object(table)
        };
        pairs.extend(found.into_iter().map(|pair| Pair {
            is_left_out: pair.is_left_out || pair.one.is_none(),
            one: Some(pair.one.map_or(table.clone(), |value| within(&value))),
            other: within(&pair.other),
            key: pair.key,
        }));
    }
}

/// Two values of one key.
struct Pair {
    /// The path of the key.
    key: Vec<String>,
    /// The first scenario's value; `None` if it does not have the key.
    one: Option<Value>,
    /// The second scenario's value.
    other: Value,
    /// True if the first scenario does not have the key.
    is_left_out: bool,
}

impl Pair {
    fn of(key: &[String], one: Option<&Value>, other: &Value) -> Self {
        Self { key: key.to_vec(), one: one.cloned(), other: other.clone(), is_left_out: false }
    }

    /// Returns the two scenarios.
    fn scenarios(&self) -> [Value; 2] {
        let with = |value: Option<&Value>| {
            let mut scenario = base();
            let table: &mut Map<String, Value> = scenario.as_object_mut().unwrap();
            match value {
                Some(value) => table.insert(self.key[0].clone(), value.clone()),
                None => None,
            };
            scenario
        };
        [with(self.one.as_ref()), with(Some(&self.other))]
    }

    /// Adds the keys that a table of the base has to both values.
    fn complete(&mut self, own: &Map<String, Value>) {
        for value in self.one.iter_mut().chain([&mut self.other]) {
            let Value::Object(table) = value else { continue };
            for (key, value) in own {
                table.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// Returns all pairs of all keys of the schema.
fn all() -> Vec<Pair> {
    let schema = Schema(schema());
    let mut pairs = Vec::new();
    for (key, node) in schema.0["properties"].as_object().unwrap() {
        if LEFT_OUT.contains(&key.as_str()) {
            continue;
        }
        // Values inside a table of the base get the required keys of the table.
        let before = pairs.len();
        schema.pairs(node, std::slice::from_ref(key), &mut pairs);
        if let Value::Object(own) = &base()[key] {
            pairs[before..].iter_mut().for_each(|pair| pair.complete(own));
        }
    }
    pairs
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
    for pair in all() {
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
