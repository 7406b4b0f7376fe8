//! [`Setting`]: one `--set key=value`, and how settings change a scenario's text.

use std::str::FromStr;

use thiserror::Error;
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use crate::{
    problem::{At, Problem},
    tree::{Path, Tree},
    words::{count, name},
};

/// One change of a scenario: `local.epochs=5`, `strategy.0.average=none`.
///
/// The key is a path of keys and of indices counted from 0. The value is TOML, or a text where it is not TOML.
#[derive(Debug, Clone)]
pub struct Setting {
    text: String,
    path: Path,
    value: Value,
    /// Where the value begins in the text.
    value_start: usize,
}

/// Why a text is no [`Setting`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// There is no `=`.
    #[error("found `{0}`; a setting is written `key=value`, such as `local.epochs=5`")]
    NoValue(String),
    /// A key is empty.
    #[error("found `{0}`; no part of the key may be empty, as in `local.epochs=5`")]
    EmptyKey(String),
    /// The value begins like TOML and is none.
    #[error("the value of `{key}` is not TOML: {reason}")]
    BrokenValue {
        /// The key.
        key: String,
        /// What the parser says.
        reason: String,
    },
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (key, rest) =
            text.split_once('=').ok_or_else(|| SettingError::NoValue(text.to_owned()))?;
        let path = Path::from(key);
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
    /// The setting as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The key that is set.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the setting sets a key, or something inside it.
    pub fn sets(&self, key: &str) -> bool {
        Path::from(key).contains(&self.path)
    }

    /// The bytes of the key.
    pub(crate) fn key_span(&self) -> std::ops::Range<usize> {
        0..self.text.find('=').unwrap_or(self.text.len())
    }

    /// The bytes of the value, or of that part of it to which `inside` leads.
    pub(crate) fn value_span(&self, inside: &[String]) -> std::ops::Range<usize> {
        let written = self.text[self.value_start..].trim_end();
        let inner =
            Tree::value(written).and_then(|tree| tree.find(inside)).map(|place| place.value);
        let span = inner.unwrap_or(0..written.len());
        self.value_start + span.start..self.value_start + span.end
    }
}

/// The text with the settings applied in their order; all other text, comments too, stays as it is.
///
/// # Errors
/// Every setting whose key does not lead to a place that can be set.
pub(crate) fn apply(text: &str, settings: &[Setting]) -> Result<String, Vec<Problem>> {
    if settings.is_empty() {
        return Ok(text.to_owned());
    }
    let mut document = document(text)?;
    let mut problems = Vec::new();
    for (index, setting) in settings.iter().enumerate() {
        if let Err(refusal) = set(document.as_item_mut(), &setting.path, &setting.value) {
            problems.push(refusal.at(At::Setting(index)));
        }
    }
    if problems.is_empty() { Ok(document.to_string()) } else { Err(problems) }
}

/// A text as a document whose values can be changed.
///
/// # Errors
/// The error of syntax at which reading ended.
pub(crate) fn document(text: &str) -> Result<DocumentMut, Vec<Problem>> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let at = At::Bytes(error.span().unwrap_or(0..0));
        vec![Problem::new(at, error.message().to_owned())]
    })
}

/// Why a key leads nowhere.
pub(crate) struct Refusal {
    title: String,
    help: Option<String>,
}

impl Refusal {
    fn new(title: String) -> Self {
        Self { title, help: None }
    }

    /// The problem that it is at a place.
    pub(crate) fn at(self, at: At) -> Problem {
        Problem::new(at, self.title).help(self.help)
    }
}

/// Sets one value.
///
/// # Errors
/// When the key does not lead to a place that can be set.
pub(crate) fn set(root: &mut Item, key: &Path, value: &Value) -> Result<(), Refusal> {
    let mut at = root;
    let mut path = Path::default();
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
            let title = format!("`{path}` is a table; only a table can take its place");
            return Err(Refusal::new(title));
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

/// The place below `item` that `step` names. A key that is not there yet is made, `inline` where no table with a header can stand.
fn step_into<'i>(
    item: &'i mut Item,
    step: &str,
    path: &Path,
    inline: bool,
) -> Result<&'i mut Item, Refusal> {
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
        return index.and_then(|index| item.get_mut(index)).ok_or_else(|| Refusal {
            title: format!("{} is not the index of an item of `{path}`", name(step)),
            help: Some(format!("`{path}` has {}, counted from 0", count(items, "item"))),
        });
    }
    let kind = item.type_name();
    match item.as_table_like_mut() {
        Some(table) => Ok(table.entry(step).or_insert(Item::None)),
        None => {
            let title = format!("`{path}` is of type {kind}; there is no {} in it", name(step));
            Err(Refusal::new(title))
        }
    }
}
