//! [`check_schema`]: compares a parsed text with the schema of a scenario and collects all
//! problems.
//!
//! `keys` checks the keys of a table, `choice` the words and forms of an enum.

mod choice;
mod keys;

use toml::de::{DeTable, DeValue};

use super::{
    bounds::Bounds,
    scalar,
    value_schema::ValueSchema,
    wrong_type::{accepts, wrong_type},
};
use crate::{
    limits::MOST_PROBLEMS,
    phrasing::count,
    problem::{Location, Problem},
    toml_tree::{KeyPath, TomlTree},
};

/// The help for a wrong value of a freely chosen key, as in `sweep.grid`.
const FREE_KEY: &str =
    "write values in brackets, and a key with points in quotes: `\"local.epochs\" = [1, 2]`";

/// Returns every problem of a text that does not fit the schema.
pub(crate) fn check_schema(tree: &TomlTree<'_>, schema: &ValueSchema) -> Vec<Problem> {
    check_schema_at(&KeyPath::default(), tree, schema)
}

/// Returns every problem of a text that does not fit the schema, where the text is the value of the
/// key `path`.
pub(crate) fn check_schema_at(
    path: &KeyPath,
    tree: &TomlTree<'_>,
    schema: &ValueSchema,
) -> Vec<Problem> {
    let mut check = SchemaCheck { tree, root: schema, problems: Vec::new() };
    check.value(path, tree.root(), schema);
    check.problems
}

/// A check under way: the text, the schema of the whole scenario, and the problems so far.
struct SchemaCheck<'s> {
    tree: &'s TomlTree<'s>,
    root: &'s ValueSchema,
    problems: Vec<Problem>,
}

impl SchemaCheck<'_> {
    /// Returns whether enough problems were found for the check to end.
    fn is_full(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    fn value(&mut self, path: &KeyPath, found: &DeValue<'_>, schema: &ValueSchema) {
        if self.is_full() {
            return;
        }
        match (schema, found) {
            (ValueSchema::Anything, _) | (ValueSchema::Boolean, DeValue::Boolean(_)) => {}
            (ValueSchema::Table(keys), DeValue::Table(table)) => self.table(path, table, keys),
            (ValueSchema::Map(item), DeValue::Table(table)) => self.map(path, table, item),
            (ValueSchema::List { item, len }, DeValue::Array(items)) => {
                self.list_length(path, items.len(), len);
                // For a list of a million items, one problem is enough.
                if items.len() <= MOST_PROBLEMS || len.contain(items.len() as f64) {
                    for (index, found) in items.iter().enumerate() {
                        self.value(&path.join(index), found.get_ref(), item);
                    }
                }
            }
            (ValueSchema::Choice { words, forms }, DeValue::String(found)) => {
                self.word(path, found, words, forms);
            }
            (ValueSchema::Choice { words, forms }, DeValue::Table(table)) => {
                self.form(path, table, words, forms);
            }
            (ValueSchema::Either(schemas), _) => {
                match schemas.iter().find(|schema| accepts(schema, found)) {
                    Some(schema) => self.value(path, found, schema),
                    None => self.problems.push(wrong_type(path, found, schema)),
                }
            }
            _ => self.problems.extend(scalar_problem(path, found, schema)),
        }
    }

    /// Checks a table of keys that the scenario chooses freely.
    fn map(&mut self, path: &KeyPath, table: &DeTable<'_>, item: &ValueSchema) {
        for (key, found) in table {
            if self.is_full() {
                return;
            }
            let path = path.join(key.get_ref());
            if accepts(item, found.get_ref()) {
                self.value(&path, found.get_ref(), item);
            } else {
                let problem = wrong_type(&path, found.get_ref(), item);
                self.problems.push(problem.help(FREE_KEY.to_owned()));
            }
        }
    }

    fn list_length(&mut self, path: &KeyPath, found: usize, allowed: &Bounds) {
        if allowed.contain(found as f64) {
            return;
        }
        let title = match found {
            0 => format!("`{path}` must not be empty"),
            _ => format!("`{path}` must have {} items", allowed.words().unwrap_or_default()),
        };
        let label = format!("found {}", count(found, "item"));
        self.problems.push(Problem::new(Location::Value(path.clone()), title).label(label));
    }
}

/// Returns the problem of a value that is neither a table, a list nor a choice, if there is one.
fn scalar_problem(path: &KeyPath, found: &DeValue<'_>, schema: &ValueSchema) -> Option<Problem> {
    match (schema, found) {
        (ValueSchema::Integer(bounds), DeValue::Integer(found)) => {
            scalar::integer(path, found, bounds)
        }
        (ValueSchema::Number(bounds), DeValue::Integer(found)) => {
            scalar::whole_number(path, found, bounds)
        }
        (ValueSchema::Number(bounds), DeValue::Float(found)) => scalar::number(path, found, bounds),
        (ValueSchema::Text(len), DeValue::String(found)) => scalar::text(path, found, len),
        _ => Some(wrong_type(path, found, schema)),
    }
}
