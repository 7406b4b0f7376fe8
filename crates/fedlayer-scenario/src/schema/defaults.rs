//! [`without_defaults`]: a value in which every key at its default is left out; [`with_defaults`]:
//! the same value with every default written out.
//!
//! Both take the defaults from the schema. A key that a later version adds with a default is
//! therefore absent from the first form of every older value, and present in the second. A default
//! must never change, because an absent key of an older value would get another meaning. A key that
//! is required never gets a default, because older values with this default would lose the key.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::value_schema::{KeySchema, ValueSchema};

/// Returns a value without the keys that have their default values, inside lists and forms too. Two
/// values with the same meaning for the schema give the same result.
pub(crate) fn without_defaults(value: &Value, schema: &ValueSchema) -> Value {
    within(value, schema, &|table, keys| {
        let is_given = |(name, value): &(&String, &Value)| {
            keys.get(*name).is_none_or(|key: &KeySchema| !key.is_default(value))
        };
        table.iter().filter(is_given).map(|(name, value)| (name.clone(), value.clone())).collect()
    })
}

/// Returns a value with the defaults of all absent keys, inside lists and forms too. A key stays
/// absent if no value has the meaning of its default.
pub(crate) fn with_defaults(value: &Value, schema: &ValueSchema) -> Value {
    within(value, schema, &|table, keys| {
        let mut full = table.clone();
        for (name, key) in keys {
            let own = full.entry(name.clone()).or_insert(Value::Null);
            if own.is_null() {
                *own = key.default.clone();
            }
        }
        full.retain(|_, value| !value.is_null());
        full
    })
}

impl KeySchema {
    /// Returns whether a value means the same as the absent key.
    pub(crate) fn is_default(&self, value: &Value) -> bool {
        if value.is_null() || self.default.is_null() {
            return value.is_null();
        }
        let own = without_defaults(value, &self.schema);
        own == without_defaults(&self.default, &self.schema)
    }
}

/// The change of a table's own keys.
type TableChange<'f> =
    &'f dyn Fn(&Map<String, Value>, &BTreeMap<String, KeySchema>) -> Map<String, Value>;

/// Changes every table of a value, the outermost first. Keys that the schema does not have stay as
/// they are.
fn within(value: &Value, schema: &ValueSchema, change: TableChange<'_>) -> Value {
    let inner = |value: &Value, schema| within(value, schema, change);
    match (schema, value) {
        (ValueSchema::Table(keys), Value::Object(table)) => {
            let table = change(table, keys).into_iter();
            let inner = table.map(|(name, value)| match keys.get(&name) {
                Some(key) => (name, inner(&value, &key.schema)),
                None => (name, value),
            });
            Value::Object(inner.collect())
        }
        (ValueSchema::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| inner(value, item)).collect()
        }
        (ValueSchema::Map(item), Value::Object(table)) => Value::Object(
            table.iter().map(|(name, value)| (name.clone(), inner(value, item))).collect(),
        ),
        (ValueSchema::Choice { .. }, Value::Object(table)) => {
            let inner = table.iter().map(|(name, value)| match schema.form(name) {
                Some(form) => (name.clone(), inner(value, form)),
                None => (name.clone(), value.clone()),
            });
            Value::Object(inner.collect())
        }
        (ValueSchema::Either(_), _) => match schema.arm(value) {
            Some(arm) => inner(value, arm),
            None => value.clone(),
        },
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    /// A table of today.
    #[derive(Serialize, JsonSchema, Default)]
    struct Before {
        size: u32,
        inner: BeforeInner,
        items: Vec<BeforeForm>,
    }

    #[derive(Serialize, JsonSchema, Default)]
    struct BeforeInner {
        #[serde(default)]
        rate: f64,
    }

    #[derive(Serialize, JsonSchema)]
    enum BeforeForm {
        Word,
        Table(BeforeInner),
    }

    /// The same table of a later version: every table has a new key with a default.
    #[derive(Serialize, JsonSchema, Default)]
    struct After {
        #[serde(default)]
        first: Option<u32>,
        size: u32,
        #[serde(default = "seven")]
        seven: u32,
        inner: AfterInner,
        items: Vec<AfterForm>,
        #[serde(default)]
        last: AfterInner,
    }

    fn seven() -> u32 {
        7
    }

    #[derive(Serialize, JsonSchema)]
    struct AfterInner {
        #[serde(default)]
        new: bool,
        #[serde(default)]
        rate: f64,
        #[serde(default = "two")]
        list: Vec<u32>,
    }

    fn two() -> Vec<u32> {
        vec![1, 2]
    }

    impl Default for AfterInner {
        fn default() -> Self {
            Self { new: false, rate: 0.0, list: two() }
        }
    }

    #[derive(Serialize, JsonSchema)]
    enum AfterForm {
        Word,
        Table(AfterInner),
    }

    fn short<T: Serialize + JsonSchema>(value: &T) -> Value {
        let schema = ValueSchema::of_schema(&schemars::schema_for!(T).to_value());
        without_defaults(&serde_json::to_value(value).unwrap(), &schema)
    }

    fn full<T: Serialize + JsonSchema>(value: &Value) -> Value {
        with_defaults(value, &ValueSchema::of_schema(&schemars::schema_for!(T).to_value()))
    }

    fn before(rate: f64) -> Before {
        let inner = || BeforeInner { rate };
        Before {
            size: 3,
            inner: inner(),
            items: vec![BeforeForm::Word, BeforeForm::Table(inner())],
        }
    }

    fn after(rate: f64) -> After {
        let inner = || AfterInner { rate, ..AfterInner::default() };
        let items = vec![AfterForm::Word, AfterForm::Table(inner())];
        After { first: None, size: 3, seven: 7, inner: inner(), items, last: AfterInner::default() }
    }

    #[test]
    fn a_new_key_with_a_default_changes_nothing_in_tables_lists_and_forms() {
        for rate in [0.0, 0.5] {
            assert_eq!(short(&before(rate)), short(&after(rate)));
        }
        let expected = json!({ "size": 3, "inner": { "rate": 0.5 }, "items": ["Word", { "Table": { "rate": 0.5 } }] });
        assert_eq!(short(&after(0.5)), expected);
        // A required table stays, though all its keys have defaults.
        let expected = json!({ "size": 3, "inner": {}, "items": ["Word", { "Table": {} }] });
        assert_eq!(short(&after(0.0)), expected);
    }

    #[test]
    fn another_value_of_a_new_key_is_seen() {
        let changes: [fn(&mut After); 6] = [
            |after| after.first = Some(0),
            |after| after.seven = 0,
            |after| after.inner.new = true,
            |after| after.inner.list = vec![2, 1],
            |after| after.last.rate = 1.0,
            |after| {
                after.items[1] = AfterForm::Table(AfterInner { new: true, ..AfterInner::default() })
            },
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = after(0.0);
            change(&mut changed);
            assert_ne!(short(&changed), short(&after(0.0)), "change {index}");
        }
    }

    #[test]
    fn defaults_are_written_out_into_values_that_lack_them() {
        let old = serde_json::to_value(before(0.5)).unwrap();
        let mut new = serde_json::to_value(after(0.5)).unwrap();
        new.as_object_mut().unwrap().remove("first");
        assert_eq!(full::<After>(&old), new);
        assert_eq!(full::<After>(&full::<After>(&old)), new);
        assert_eq!(full::<After>(&short(&after(0.5))), new);
        let unknown = json!({ "size": 3, "of_tomorrow": { "x": 1 } });
        assert_eq!(full::<After>(&unknown)["of_tomorrow"], json!({ "x": 1 }));
    }
}
