//! [`ValueSchema`]: the values that a key of a scenario takes, read from the JSON Schema of the
//! specification's types.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bounds::Bounds;
use crate::phrasing::{join, shortened};

/// The values that a key takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ValueSchema {
    /// A table with these keys and no others.
    Table(BTreeMap<String, KeySchema>),
    /// A table with any keys and values of one schema.
    Map(Box<ValueSchema>),
    /// An array.
    List {
        /// The schema of each item.
        item: Box<ValueSchema>,
        /// The allowed number of items.
        len: Bounds,
    },
    /// A whole number.
    Integer(Bounds),
    /// Any finite number.
    Number(Bounds),
    /// A text, with the allowed number of characters.
    Text(Bounds),
    /// `true` or `false`.
    Boolean,
    /// One of several words and of several tables with one key: an externally tagged enum.
    Choice {
        /// The words.
        words: Vec<String>,
        /// The key of each table, and the schema of its value.
        forms: Vec<(String, ValueSchema)>,
    },
    /// One of several schemas that differ in the type of the value: an untagged enum.
    Either(Vec<ValueSchema>),
    /// Any value: the schema does not restrict it, and deserialisation decides.
    Anything,
}

/// A key of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeySchema {
    /// The values that it takes.
    pub(crate) schema: ValueSchema,
    /// The index of a required key among the required ones; `None` for an optional key.
    pub(crate) required: Option<usize>,
    /// The value that it has if it is absent; null if no value has the meaning of the absent key.
    pub(crate) default: Value,
    /// The first sentence of its description.
    pub(crate) about: String,
}

impl ValueSchema {
    /// Reads a JSON Schema.
    pub(crate) fn of_schema(schema: &Value) -> Self {
        Self::of(schema, schema)
    }

    fn of(schema: &Value, root: &Value) -> Self {
        if let Some(reference) = schema["$ref"].as_str() {
            return match root.pointer(reference.trim_start_matches('#')) {
                Some(target) => Self::of(target, root),
                None => Self::Anything,
            };
        }
        if let Some(arms) = schema["oneOf"].as_array() {
            return Self::choice(arms, root).unwrap_or(Self::Anything);
        }
        if let Some(arms) = schema["anyOf"].as_array() {
            let arms = arms.iter().filter(|arm| arm["type"] != "null");
            let mut schemas: Vec<Self> = arms.map(|arm| Self::of(arm, root)).collect();
            return match schemas.len() {
                1 => schemas.remove(0),
                _ => Self::Either(schemas),
            };
        }
        if schema["enum"].is_array() || schema["const"].is_string() {
            return Self::choice(std::slice::from_ref(schema), root).unwrap_or(Self::Anything);
        }
        match type_of(schema) {
            Some("object") => Self::table(schema, root),
            Some("array") => Self::List {
                item: Box::new(Self::of(&schema["items"], root)),
                len: Bounds::between(&schema["minItems"], &schema["maxItems"]),
            },
            Some("integer") => Self::Integer(Bounds::of(schema)),
            Some("number") => Self::Number(Bounds::of(schema)),
            Some("string") => {
                Self::Text(Bounds::between(&schema["minLength"], &schema["maxLength"]))
            }
            Some("boolean") => Self::Boolean,
            _ => Self::Anything,
        }
    }

    fn table(schema: &Value, root: &Value) -> Self {
        if schema["properties"].is_null() && schema["additionalProperties"] != Value::Bool(false) {
            return Self::Map(Box::new(Self::of(&schema["additionalProperties"], root)));
        }
        let required: Vec<&str> = strings(&schema["required"]).collect();
        let keys = schema["properties"].as_object().into_iter().flatten();
        let key = |(name, schema): (&String, &Value)| {
            let key = KeySchema {
                schema: Self::of(schema, root),
                required: required.iter().position(|required| required == name),
                default: schema["default"].clone(),
                about: first_sentence(schema["description"].as_str().unwrap_or_default()),
            };
            (name.clone(), key)
        };
        Self::Table(keys.map(key).collect())
    }

    /// Reads a choice; `None` if an arm is neither a word nor a table with one key.
    fn choice(arms: &[Value], root: &Value) -> Option<Self> {
        let (mut words, mut forms) = (Vec::new(), Vec::new());
        for arm in arms {
            if let Some(word) = arm["const"].as_str() {
                words.push(word.to_owned());
            } else if arm["enum"].is_array() {
                words.extend(strings(&arm["enum"]).map(str::to_owned));
            } else {
                let keys = arm["properties"].as_object().filter(|keys| keys.len() == 1)?;
                let (name, schema) = keys.iter().next()?;
                forms.push((name.clone(), Self::of(schema, root)));
            }
        }
        Some(Self::Choice { words, forms })
    }

    /// Returns every key of the schema's tables and forms, with the keys above it.
    pub(crate) fn keys(&self) -> Vec<(Vec<String>, String)> {
        let mut keys = Vec::new();
        self.collect_keys(&[], &mut keys);
        keys
    }

    fn collect_keys(&self, above: &[String], keys: &mut Vec<(Vec<String>, String)>) {
        let mut go_on = |name: &String, schema: &Self| {
            keys.push((above.to_vec(), name.clone()));
            schema.collect_keys(&[above, std::slice::from_ref(name)].concat(), keys);
        };
        match self {
            Self::Table(keys) => {
                keys.iter().for_each(|(name, key)| go_on(name, &key.schema));
            }
            Self::Choice { forms, .. } => forms.iter().for_each(|(name, form)| go_on(name, form)),
            Self::Either(schemas) => {
                schemas.iter().for_each(|schema| schema.collect_keys(above, keys));
            }
            // A key inside a list has no fixed path, and a freely chosen key is no key of a
            // scenario.
            Self::List { .. }
            | Self::Map(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Boolean
            | Self::Anything => {}
        }
    }
}

impl ValueSchema {
    /// Returns the schema of a key of a table.
    pub(crate) fn key(&self, name: &str) -> Option<&Self> {
        let Self::Table(keys) = self else { return None };
        keys.get(name).map(|key| &key.schema)
    }

    /// Returns the schema of a form of a choice.
    pub(crate) fn form(&self, name: &str) -> Option<&Self> {
        let Self::Choice { forms, .. } = self else { return None };
        forms.iter().find(|(form, _)| form == name).map(|(_, schema)| schema)
    }

    /// Returns the one of several schemas that takes values of this type.
    pub(crate) fn arm(&self, value: &Value) -> Option<&Self> {
        let Self::Either(arms) = self else { return None };
        arms.iter().find(|arm| arm.takes(value))
    }

    /// Returns whether a value has a type that the schema takes.
    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Table(_) | Self::Map(_) => value.is_object(),
            Self::List { .. } => value.is_array(),
            Self::Integer(_) => value.is_i64() || value.is_u64(),
            Self::Number(_) => value.is_number(),
            Self::Text(_) => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Choice { words, forms } => match value {
                Value::String(_) => !words.is_empty(),
                Value::Object(_) => !forms.is_empty(),
                _ => false,
            },
            Self::Either(arms) => arms.iter().any(|arm| arm.takes(value)),
            Self::Anything => true,
        }
    }
}

/// Returns the type of a schema, other than `null`.
fn type_of(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(one) => Some(one),
        many => strings(many).find(|&name| name != "null"),
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Returns the first sentence of a description, without its full stop.
fn first_sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.').to_owned()
}

/// Lists the words and forms of a choice: ``allowed: `"iid"` or `{ dirichlet = … }` ``.
pub(super) fn alternatives(words: &[String], forms: &[(String, ValueSchema)]) -> String {
    let words = words.iter().map(|word| format!("`\"{}\"`", shortened(word)));
    let forms = forms.iter().map(|(form, _)| format!("`{{ {form} = … }}`"));
    let all: Vec<String> = words.chain(forms).collect();
    format!("allowed: {}", join(&all, "or"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> ValueSchema {
        ValueSchema::of_schema(&crate::schema())
    }

    /// Collects a schema and all schemas inside it.
    fn all(schema: &ValueSchema, found: &mut Vec<ValueSchema>) {
        found.push(schema.clone());
        match schema {
            ValueSchema::Table(keys) => keys.values().for_each(|key| all(&key.schema, found)),
            ValueSchema::List { item, .. } | ValueSchema::Map(item) => all(item, found),
            ValueSchema::Choice { forms, .. } => {
                forms.iter().for_each(|(_, form)| all(form, found))
            }
            ValueSchema::Either(schemas) => schemas.iter().for_each(|schema| all(schema, found)),
            _ => {}
        }
    }

    #[test]
    fn the_schema_of_a_scenario_leaves_nothing_open_but_what_a_sweep_sets() {
        let mut found = Vec::new();
        all(&schema(), &mut found);
        assert!(found.len() > 100);
        // The values of a grid and those of a list are checked with the keys that they set.
        assert_eq!(found.iter().filter(|schema| **schema == ValueSchema::Anything).count(), 2);
    }

    #[test]
    fn every_key_of_a_scenario_is_explained() {
        let mut found = Vec::new();
        all(&schema(), &mut found);
        for schema in found {
            if let ValueSchema::Table(keys) = schema {
                for (name, key) in keys {
                    assert!(!key.about.is_empty(), "`{name}` has no description");
                }
            }
        }
    }

    #[test]
    fn keys_come_with_the_way_to_them() {
        let keys = schema().keys();
        let way = |name: &str| {
            let found = keys.iter().find(|(_, key)| key == name);
            found.map(|(above, _)| above.join("."))
        };
        assert_eq!(way("momentum").unwrap(), "local.optimizer.sgd");
        assert_eq!(way("rounds").unwrap(), "");
        assert_eq!(way("hidden").unwrap(), "model.mlp");
    }
}
