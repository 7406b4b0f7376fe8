//! The forms of a plan that its hash is taken over: [`canonical_form`], and [`form_of_format_1`]
//! for run folders of the first format.

use std::{collections::BTreeSet, sync::LazyLock};

use fedlayer_core::{Plan, model::Layout, spec::Variant};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Scenario,
    ordered_json::Ordered,
    scenario_schema::scenario_schema,
    schema::{KeySchema, ValueSchema, without_defaults},
};

/// A plan without defaults. The keys of every table of JSON are in alphabetical order.
#[derive(Serialize)]
struct CanonicalPlan<'p> {
    layout: &'p Layout,
    scenario: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'p Variant>,
}

/// Returns a text that is equal for equal plans and for no others. A key at its default is left
/// out, so a key that a later version adds with a default changes the text of no older plan.
///
/// # Errors
/// If a value cannot be written as JSON.
pub fn canonical_form(plan: &Plan) -> Result<Vec<u8>, serde_json::Error> {
    let scenario = serde_json::to_value(Scenario::of_plan(plan))?;
    serde_json::to_vec(&CanonicalPlan {
        layout: &plan.layout,
        scenario: without_defaults(&scenario, scenario_schema()),
        variant: plan.variant.as_ref(),
    })
}

/// Returns the text of a plan that run folders of format 1 have hashed: the plan with the defaults
/// of all keys of that time, in the order of its fields. Later keys are left out at their defaults.
///
/// # Errors
/// If a value cannot be written as JSON.
pub fn form_of_format_1(plan: &Plan) -> Result<Vec<u8>, serde_json::Error> {
    let mut form: Ordered = serde_json::from_slice(&serde_json::to_vec(plan)?)?;
    if let (Ordered::Table(table), ValueSchema::Table(keys)) = (&mut form, scenario_schema()) {
        table.retain(|(name, value)| keys.get(name).is_none_or(|key| is_kept(value, name, key)));
        for (name, value) in table {
            match keys.get(name).map(|key| &key.schema) {
                // A plan has one strategy of the scenario's list.
                Some(ValueSchema::List { item, .. }) => {
                    drop_later_keys(value, &item_path(name), item);
                }
                Some(schema) => drop_later_keys(value, name, schema),
                None => {}
            }
        }
    }
    serde_json::to_vec(&form)
}

/// Drops every key inside a value that is not of format 1 and at its default. `path` is the path of
/// the value.
fn drop_later_keys(value: &mut Ordered, path: &str, schema: &ValueSchema) {
    let below = |name: &str| format!("{path}.{name}");
    match (value, schema) {
        (value, ValueSchema::Either(_)) => {
            if let Some(arm) = schema.arm(&value.plain()) {
                drop_later_keys(value, path, arm);
            }
        }
        (Ordered::Table(table), ValueSchema::Table(keys)) => {
            table.retain(|(name, value)| {
                keys.get(name).is_none_or(|key| is_kept(value, &below(name), key))
            });
            for (name, value) in table {
                if let Some(key) = keys.get(name) {
                    drop_later_keys(value, &below(name), &key.schema);
                }
            }
        }
        (Ordered::Table(table), ValueSchema::Choice { .. }) => {
            for (name, value) in table {
                if let Some(form) = schema.form(name) {
                    drop_later_keys(value, &below(name), form);
                }
            }
        }
        (Ordered::List(items), ValueSchema::List { item, .. }) => {
            items.iter_mut().for_each(|value| drop_later_keys(value, &item_path(path), item));
        }
        _ => {}
    }
}

/// Returns whether the value of the key with this path is part of the form of format 1.
fn is_kept(value: &Ordered, path: &str, key: &KeySchema) -> bool {
    is_of_format_1(path) || !key.is_default(&value.plain())
}

/// Returns the path of the items of a list.
fn item_path(list: &str) -> String {
    format!("{list}[]")
}

/// Returns whether a key was known when run folders had format 1.
fn is_of_format_1(path: &str) -> bool {
    static KEYS: LazyLock<BTreeSet<&str>> =
        LazyLock::new(|| include_str!("format_1_keys.txt").lines().collect());
    KEYS.contains(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Collects the paths of all keys of tables.
    fn paths(schema: &ValueSchema, above: &str, found: &mut BTreeSet<String>) {
        let below = |name: &str| match above {
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        match schema {
            ValueSchema::Table(keys) => keys.iter().for_each(|(name, key)| {
                found.insert(below(name));
                paths(&key.schema, &below(name), found);
            }),
            ValueSchema::Choice { forms, .. } => {
                forms.iter().for_each(|(name, form)| paths(form, &below(name), found));
            }
            ValueSchema::Either(arms) => arms.iter().for_each(|arm| paths(arm, above, found)),
            ValueSchema::List { item, .. } => paths(item, &item_path(above), found),
            _ => {}
        }
    }

    /// A key that was removed or renamed would make every older run another one.
    #[test]
    fn every_key_of_format_1_is_a_key_of_today() {
        let mut today = BTreeSet::new();
        paths(scenario_schema(), "", &mut today);
        let before: Vec<&str> = include_str!("format_1_keys.txt").lines().collect();
        assert!(before.len() == 141, "{} keys", before.len());
        let gone: Vec<_> = before.iter().filter(|path| !today.contains(**path)).collect();
        assert_eq!(gone, Vec::<&&str>::new());
        assert!(is_of_format_1("local.optimizer.sgd.lr"));
        assert!(is_of_format_1("strategy[].average[].rounds"));
        assert!(!is_of_format_1("strategy[].local"));
    }
}
