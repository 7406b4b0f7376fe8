//! Pairs of scenarios that differ in one key, for every key of the schema.

use fedlayer_scenario::{Scenario, read_without_data, schema};
use serde_json::{Map, Value, json};

/// A scenario with the required keys only.
pub(crate) fn base() -> Value {
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

/// Reads a scenario that is given as JSON.
pub(crate) fn scenario(value: &Value) -> Scenario {
    let text = toml_of(value);
    let said = read_without_data("scenario.toml", &text, &[]);
    said.map_err(|report| format!("{report}\n{text}")).unwrap()
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
            let items = self.forms(&form["items"]);
            let (item, other) = (&items[0], items.get(1).unwrap_or(&items[0]));
            let (first, second) = match item["properties"].is_object() {
                true => (self.smallest(item), self.smallest(other)),
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
pub(crate) struct Pair {
    /// The path of the key.
    pub(crate) key: Vec<String>,
    /// The first scenario's value; `None` if it does not have the key.
    one: Option<Value>,
    /// The second scenario's value.
    other: Value,
    /// True if the first scenario does not have the key.
    pub(crate) is_left_out: bool,
}

impl Pair {
    fn of(key: &[String], one: Option<&Value>, other: &Value) -> Self {
        Self { key: key.to_vec(), one: one.cloned(), other: other.clone(), is_left_out: false }
    }

    /// Returns the two scenarios.
    pub(crate) fn scenarios(&self) -> [Value; 2] {
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

/// Returns all pairs of all keys of the schema, apart from those of some tables.
pub(crate) fn all(left_out: &[&str]) -> Vec<Pair> {
    let schema = Schema(schema());
    let mut pairs = Vec::new();
    for (key, node) in schema.0["properties"].as_object().unwrap() {
        if left_out.contains(&key.as_str()) {
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

/// Returns all pairs of all keys of a strategy.
pub(crate) fn of_strategy() -> Vec<Pair> {
    let schema = Schema(schema());
    let strategy = &schema.0["properties"]["strategy"]["items"];
    let mut pairs = Vec::new();
    schema.pairs(strategy, &["strategy".to_owned()], &mut pairs);
    let own = base()["strategy"][0].as_object().unwrap().clone();
    for pair in &mut pairs {
        pair.complete(&own);
        pair.one = pair.one.take().map(|strategy| json!([strategy]));
        pair.other = json!([pair.other]);
    }
    pairs
}
