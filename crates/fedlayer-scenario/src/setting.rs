//! [`Setting`]: one `--set key=value`; [`apply`] changes a scenario's text by settings.

use std::str::FromStr;

use thiserror::Error;
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use crate::{
    phrasing::{backticked, count},
    problem::{Location, Problem},
    toml_tree::{KeyPath, TomlTree},
};

/// One change of a scenario: `local.epochs=5`, `strategy.0.average=none`.
///
/// The key is a path of keys and of indices counted from 0. A value that is not TOML is taken as a
/// text.
#[derive(Debug, Clone)]
pub struct Setting {
    text: String,
    path: KeyPath,
    value: Value,
    /// The first byte of the value.
    value_start: usize,
}

/// The reason why a text is not a [`Setting`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// It has no `=`.
    #[error("found `{0}`; a setting is written `key=value`, such as `local.epochs=5`")]
    NoValue(String),
    /// A part of the key is empty.
    #[error("found `{0}`; no part of the key may be empty, as in `local.epochs=5`")]
    EmptyKey(String),
    /// The value begins like TOML and is not valid TOML.
    #[error("the value of `{key}` is not TOML: {reason}")]
    BrokenValue {
        /// The key.
        key: String,
        /// The parser's message.
        reason: String,
    },
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (key, rest) =
            text.split_once('=').ok_or_else(|| SettingError::NoValue(text.to_owned()))?;
        let path = KeyPath::from(key);
        if path.steps().iter().any(String::is_empty) {
            return Err(SettingError::EmptyKey(text.to_owned()));
        }
        let written = rest.trim();
        let value = match Value::from_str(written) {
            Ok(value) => value,
            Err(error) if written.starts_with(['[', '{', '"', '\'']) => {
                let reason = error.message().to_owned();
                return Err(SettingError::BrokenValue { key: path.to_string(), reason });
            }
            Err(_) => Value::from(written),
        };
        let value_start = text.len() - rest.trim_start().len();
        Ok(Self { text: text.to_owned(), path, value, value_start })
    }
}

impl Setting {
    /// Returns the setting as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the key that is set.
    pub(crate) fn path(&self) -> &KeyPath {
        &self.path
    }

    /// Returns whether the setting sets a key, or something inside it.
    pub fn sets(&self, key: &str) -> bool {
        KeyPath::from(key).contains(&self.path)
    }

    /// Returns the bytes of the key.
    pub(crate) fn key_span(&self) -> std::ops::Range<usize> {
        0..self.text.find('=').unwrap_or(self.text.len())
    }

    /// Returns the bytes of the value, or of its part to which `inside` leads.
    pub(crate) fn value_span(&self, inside: &[String]) -> std::ops::Range<usize> {
        let written = self.text[self.value_start..].trim_end();
        let inner =
            TomlTree::value(written).and_then(|tree| tree.find(inside)).map(|entry| entry.value);
        let span = inner.unwrap_or(0..written.len());
        self.value_start + span.start..self.value_start + span.end
    }
}

/// Applies settings to a text in their order. Everything else, including comments, stays as it is.
///
/// # Errors
/// Every setting with a key that cannot be set.
pub(crate) fn apply(text: &str, settings: &[Setting]) -> Result<String, Vec<Problem>> {
    if settings.is_empty() {
        return Ok(text.to_owned());
    }
    let mut document = document(text)?;
    let mut problems = Vec::new();
    for (index, setting) in settings.iter().enumerate() {
        if let Err(refusal) = set(document.as_item_mut(), &setting.path, &setting.value) {
            problems.push(refusal.at(Location::Setting(index)));
        }
    }
    if problems.is_empty() { Ok(document.to_string()) } else { Err(problems) }
}

/// Parses a text as a document that can be edited.
///
/// # Errors
/// The syntax error at which parsing ended.
pub(crate) fn document(text: &str) -> Result<DocumentMut, Vec<Problem>> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let at = Location::Bytes(error.span().unwrap_or(0..0));
        vec![Problem::new(at, error.message().to_owned())]
    })
}

/// The reason why a key cannot be set.
pub(crate) struct UnsettableKey {
    title: String,
    help: Option<String>,
}

impl UnsettableKey {
    fn new(title: String) -> Self {
        Self { title, help: None }
    }

    /// Turns the reason into a problem at this location.
    pub(crate) fn at(self, at: Location) -> Problem {
        Problem::new(at, self.title).help(self.help)
    }
}

/// Sets one value.
///
/// # Errors
/// If the key cannot be set.
pub(crate) fn set(root: &mut Item, key: &KeyPath, value: &Value) -> Result<(), UnsettableKey> {
    let mut at = root;
    let mut path = KeyPath::default();
    let mut inline = false;
    let mut in_list_of_tables = false;
    for step in key.steps() {
        inline |= at.is_value();
        in_list_of_tables = at.is_array_of_tables();
        at = step_into(at, step, &path, inline)?;
        path = path.join(step);
    }
    let mut value = value.clone();
    if in_list_of_tables {
        let Value::InlineTable(table) = value else {
            let title = format!("`{path}` is a table and can only be replaced by a table");
            return Err(UnsettableKey::new(title));
        };
        *at = Item::Table(table.into_table());
        return Ok(());
    }
    if let Item::Value(old) = at {
        *value.decor_mut() = old.decor().clone();
    }
    *at = Item::Value(value);
    Ok(())
}

/// Returns the entry `step` of `item`. A key that does not exist yet is created: as an inline table
/// if `inline` is true, because a table with a header cannot be inside a value.
fn step_into<'i>(
    item: &'i mut Item,
    step: &str,
    path: &KeyPath,
    inline: bool,
) -> Result<&'i mut Item, UnsettableKey> {
    if item.is_none() {
        *item = match inline {
            true => Item::Value(Value::InlineTable(InlineTable::new())),
            false => {
                let mut table = Table::new();
                table.set_implicit(true);
                Item::Table(table)
            }
        };
    }
    let items = item.as_array().map(toml_edit::Array::len);
    let items = items.or_else(|| item.as_array_of_tables().map(toml_edit::ArrayOfTables::len));
    if let Some(items) = items {
        let index = step.parse::<usize>().ok();
        return index.and_then(|index| item.get_mut(index)).ok_or_else(|| UnsettableKey {
            title: format!("{} is not an index of `{path}`", backticked(step)),
            help: Some(format!("`{path}` has {}, counted from 0", count(items, "item"))),
        });
    }
    let kind = item.type_name();
    match item.as_table_like_mut() {
        Some(table) => Ok(table.entry(step).or_insert(Item::None)),
        None => {
            let title = format!("`{path}` is of type {kind} and has no key {}", backticked(step));
            Err(UnsettableKey::new(title))
        }
    }
}
