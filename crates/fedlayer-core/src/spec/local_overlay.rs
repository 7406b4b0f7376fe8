//! [`LocalOverlay`]: the keys of `[local]` that a strategy changes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::LocalSpec;

/// The keys of `[local]` that a strategy changes, and their values.
///
/// It is kept as it is written, because a key at its default differs from an absent key: it
/// replaces the value of `[local]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocalOverlay(Map<String, Value>);

/// Pairs of keys of one table, of which a scenario gives one.
const ALTERNATIVES: [[&str; 2]; 1] = [["epochs", "steps"]];

impl LocalOverlay {
    /// Returns `[local]` with the keys of the overlay, as JSON. It may lack keys that a form needs,
    /// such as the learning rate of another optimizer.
    ///
    /// A table is merged with the table of `[local]` key by key. Every other value replaces that of
    /// `[local]`, and so does a table of another form (`{ adam = … }` for `{ sgd = … }`). Of
    /// `epochs` and `steps`, the one that the overlay gives replaces the other.
    ///
    /// # Errors
    /// If a value of `[local]` cannot be written as JSON.
    pub fn merged_with(&self, local: &LocalSpec) -> Result<Value, serde_json::Error> {
        let own = serde_json::to_value(local)?;
        Ok(without_nulls(merged(own, &Value::Object(self.0.clone()))))
    }

    /// Returns whether the overlay gives the value of a key or of a part of it; `steps` lead there
    /// from `[local]`.
    pub fn gives(&self, steps: &[String]) -> bool {
        let Some((first, inner)) = steps.split_first() else { return true };
        let mut at = self.0.get(first);
        for step in inner {
            at = match at {
                Some(Value::Object(table)) => table.get(step),
                Some(Value::Array(items)) => step.parse().ok().and_then(|i: usize| items.get(i)),
                _ => None,
            };
        }
        at.is_some()
    }

    /// Returns whether nothing of a key of `[local]` is left: the overlay gives another value that
    /// is no table, or the alternative of the key.
    pub fn replaces(&self, key: &str) -> bool {
        self.replaced_keys().any(|replaced| replaced == key)
    }

    /// Returns the keys of `[local]` of which nothing is left.
    pub fn replaced_keys(&self) -> impl Iterator<Item = &str> {
        let given = self.0.iter().filter(|(_, value)| !value.is_object());
        given.flat_map(|(key, _)| {
            let pair = ALTERNATIVES.into_iter().find(|pair| pair.contains(&key.as_str()));
            pair.map_or_else(|| vec![key.as_str()], |pair| pair.to_vec())
        })
    }
}

/// Merges the value of an overlay with the value of `[local]`.
fn merged(own: Value, overlay: &Value) -> Value {
    let (mut table, changes) = match (own, overlay) {
        (own, Value::Object(changes)) if changes.is_empty() && own.is_object() => return own,
        (Value::Object(table), Value::Object(changes)) if share_a_key(&table, changes) => {
            (table, changes)
        }
        _ => return overlay.clone(),
    };
    for [one, other] in ALTERNATIVES {
        for (given, replaced) in [(one, other), (other, one)] {
            if changes.contains_key(given) && !changes.contains_key(replaced) {
                table.remove(replaced);
            }
        }
    }
    for (key, change) in changes {
        let value = table.remove(key).map_or_else(|| change.clone(), |own| merged(own, change));
        table.insert(key.clone(), value);
    }
    Value::Object(table)
}

/// Returns whether two tables have a key in common. If not, they are different forms.
fn share_a_key(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    b.keys().any(|key| a.contains_key(key))
}

/// Removes the keys without a value, which a scenario cannot write.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(table) => {
            let given = table.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        value => value,
    }
}

/// The schema of [`LocalSpec`] in which no key is required and none has a default.
impl JsonSchema for LocalOverlay {
    fn schema_name() -> Cow<'static, str> {
        "LocalOverlay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let inline = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
        });
        let mut schema = LocalSpec::json_schema(&mut inline.into_generator());
        if let Some(table) = schema.as_object_mut() {
            make_optional(table);
        }
        schema
    }
}

/// Makes every key of a table's schema optional, and those of the tables inside it.
fn make_optional(schema: &mut Map<String, Value>) {
    schema.remove("required");
    schema.remove("default");
    for (word, inner) in schema.iter_mut() {
        match (word.as_str(), inner) {
            // The single key of a form says which form it is.
            ("oneOf", Value::Array(forms)) => {
                let forms = forms.iter_mut().filter_map(Value::as_object_mut);
                let keys = forms.filter_map(|form| form.get_mut("properties"));
                keys.filter_map(Value::as_object_mut).for_each(make_each_optional);
            }
            ("anyOf", Value::Array(forms)) => {
                forms.iter_mut().filter_map(Value::as_object_mut).for_each(make_optional);
            }
            ("properties", Value::Object(keys)) => make_each_optional(keys),
            _ => {}
        }
    }
}

fn make_each_optional(keys: &mut Map<String, Value>) {
    keys.values_mut().filter_map(Value::as_object_mut).for_each(make_optional);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::{Adam, Optimizer, OptimizerMemory, Schedule, Sgd, Warmup};

    fn local() -> LocalSpec {
        let sgd = Sgd { momentum: 0.9, ..Sgd::new(0.1) };
        LocalSpec { clip: Some(1.0), ..LocalSpec::new(2, 16, Optimizer::Sgd(sgd)) }
    }

    fn over(overlay: Value) -> LocalSpec {
        let overlay: LocalOverlay = serde_json::from_value(overlay).unwrap();
        serde_json::from_value(overlay.merged_with(&local()).unwrap()).unwrap()
    }

    #[test]
    fn an_overlay_replaces_its_keys_and_leaves_all_others() {
        assert_eq!(over(json!({})), local());
        let kept = LocalSpec { optimizer_state: OptimizerMemory::Keep, ..local() };
        assert_eq!(over(json!({ "optimizer_state": "keep" })), kept);
        // A default replaces another value too.
        assert_eq!(over(json!({ "epochs": 1 })), LocalSpec { epochs: Some(1), ..local() });
    }

    #[test]
    fn tables_are_merged_and_forms_are_replaced() {
        let faster = Optimizer::Sgd(Sgd { momentum: 0.9, ..Sgd::new(0.5) });
        let changed = over(json!({ "optimizer": { "sgd": { "lr": 0.5 } } }));
        assert_eq!(changed, LocalSpec { optimizer: faster, ..local() });
        let adam = Adam { lr: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        let changed = over(json!({ "optimizer": { "adam": { "lr": 0.5 } } }));
        assert_eq!(changed, LocalSpec { optimizer: Optimizer::Adam(adam), ..local() });
        let schedule = Schedule::Step { every: 3, factor: 0.5 };
        let changed = over(json!({ "schedule": { "step": { "every": 3, "factor": 0.5 } } }));
        assert_eq!(changed, LocalSpec { schedule, ..local() });
        let warmup = Warmup { steps: Some(5), epochs: None, from: 0.0 };
        let changed = over(json!({ "warmup": { "steps": 5 } }));
        assert_eq!(changed, LocalSpec { warmup: Some(warmup), ..local() });
    }

    #[test]
    fn steps_replace_epochs() {
        let steps = LocalSpec { epochs: None, steps: Some(7), ..local() };
        assert_eq!(over(json!({ "steps": 7 })), steps);
        let both = LocalSpec { epochs: Some(3), steps: Some(7), ..local() };
        assert_eq!(over(json!({ "steps": 7, "epochs": 3 })), both);
    }

    #[test]
    fn an_overlay_knows_what_it_gives() {
        let overlay = json!({ "schedule": { "multi-step": { "at": [1, 2] } } });
        let overlay: LocalOverlay = serde_json::from_value(overlay).unwrap();
        let gives = |path: &str| {
            let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
            overlay.gives(&steps)
        };
        for path in ["schedule", "schedule.multi-step", "schedule.multi-step.at.1"] {
            assert!(gives(path), "{path}");
        }
        for path in ["epochs", "schedule.step", "schedule.multi-step.at.2"] {
            assert!(!gives(path), "{path}");
        }
        assert!(overlay.gives(&[]));
    }

    #[test]
    fn an_overlay_knows_of_which_keys_nothing_is_left() {
        let overlay = json!({ "steps": 3, "loss": "squared", "optimizer": { "sgd": { "lr": 1 } } });
        let overlay: LocalOverlay = serde_json::from_value(overlay).unwrap();
        let replaced: Vec<&str> = overlay.replaced_keys().collect();
        assert_eq!(replaced, ["loss", "epochs", "steps"]);
        assert!(overlay.replaces("epochs") && !overlay.replaces("optimizer"));
    }

    #[test]
    fn every_key_of_local_is_a_key_of_an_overlay_and_none_is_needed() {
        let of_local = schemars::schema_for!(LocalSpec).to_value();
        let of_overlay = schemars::schema_for!(LocalOverlay).to_value();
        let keys = |schema: &Value| {
            let keys = schema["properties"].as_object().unwrap().keys();
            keys.cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys(&of_local), keys(&of_overlay));
        let forms = of_overlay["properties"]["optimizer"]["oneOf"].as_array().unwrap();
        assert_eq!(forms[0]["required"], json!(["sgd"]));
        assert!(forms[0]["properties"]["sgd"]["properties"]["lr"].is_object());
        let text = of_overlay.to_string();
        assert!(!text.contains("\"default\""), "{text}");
        assert!(!text.contains("\"lr\"]"), "{text}");
    }
}
