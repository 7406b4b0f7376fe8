//! [`wrong_type`]: the problem of a value that has another type than its key takes.

use fedlayer_core::text::quoted;
use toml::de::DeValue;

use super::value_schema::{ValueSchema, alternatives};
use crate::{
    phrasing::{join, shortened},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Returns the problem of a value that has another type than its schema.
pub(crate) fn wrong_type(path: &KeyPath, found: &DeValue<'_>, schema: &ValueSchema) -> Problem {
    let mut wanted = Vec::new();
    kinds(schema, &mut wanted);
    let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
    let title = match path.steps() {
        [] => format!("a scenario must be {}", join(&wanted, "or")),
        _ => format!("`{path}` must be {}", join(&wanted, "or")),
    };
    Problem::new(Location::Value(path.clone()), title)
        .label(format!("found {}", kind(found)))
        .help(as_wanted(found, schema))
        .help(choices(schema))
}

/// Returns the type of a value in words.
fn kind(found: &DeValue<'_>) -> &'static str {
    match found {
        DeValue::Float(float) if float.as_str().contains("nan") => "nan, which is not a number",
        DeValue::Float(float) if float.as_str().contains("inf") => "infinity",
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Collects the types that a schema takes, in words, each once.
fn kinds(schema: &ValueSchema, all: &mut Vec<&'static str>) {
    let mut add = |kind| {
        if !all.contains(&kind) {
            all.push(kind);
        }
    };
    match schema {
        ValueSchema::Table(_) | ValueSchema::Map(_) => add("a table"),
        ValueSchema::List { .. } => add("an array"),
        ValueSchema::Integer(_) => add("an integer"),
        ValueSchema::Number(_) => add("a number"),
        ValueSchema::Text(_) => add("a text in quotes"),
        ValueSchema::Boolean => add("`true` or `false`"),
        ValueSchema::Choice { words, forms } => {
            if !words.is_empty() {
                add("a word in quotes");
            }
            if !forms.is_empty() {
                add("a table");
            }
        }
        ValueSchema::Either(schemas) => schemas.iter().for_each(|schema| kinds(schema, all)),
        ValueSchema::Anything => add("anything"),
    }
}

/// Returns how the same value is written in the type that is wanted, if it can be.
fn as_wanted(found: &DeValue<'_>, schema: &ValueSchema) -> Option<String> {
    let written = match (schema, found) {
        (ValueSchema::Either(schemas), _) => {
            return schemas.iter().find_map(|schema| as_wanted(found, schema));
        }
        (ValueSchema::Integer(_), DeValue::String(text)) => {
            text.trim().parse::<i64>().ok()?.to_string()
        }
        (ValueSchema::Number(_), DeValue::String(text)) => {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
            text.trim().to_owned()
        }
        (ValueSchema::Boolean, DeValue::String(text)) => text.parse::<bool>().ok()?.to_string(),
        (ValueSchema::Integer(_), DeValue::Float(float)) => {
            let number = float.as_str().parse::<f64>().ok()?;
            (number.fract() == 0.0 && number.abs() < 1e15).then(|| format!("{number:.0}"))?
        }
        (ValueSchema::Text(_), DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) => {
            quoted(&plain(found)?)
        }
        (
            ValueSchema::List { item, .. },
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::String(_),
        ) => match (&**item, found) {
            (ValueSchema::Text(_), DeValue::String(_)) => format!("[{}]", quoted(&plain(found)?)),
            (ValueSchema::Choice { words, .. }, DeValue::String(text)) => {
                let word = words.iter().find(|word| *word == text)?;
                format!("[{}]", quoted(word))
            }
            (ValueSchema::Integer(_), DeValue::Integer(_))
            | (ValueSchema::Number(_), DeValue::Integer(_) | DeValue::Float(_)) => {
                format!("[{}]", plain(found)?)
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(format!("write `{}`", shortened(&written)))
}

/// Returns a single value as text; `None` for a date, a list or a table.
fn plain(found: &DeValue<'_>) -> Option<String> {
    match found {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Lists the words and forms of a schema that is, or may be, a choice.
fn choices(schema: &ValueSchema) -> Option<String> {
    match schema {
        ValueSchema::Choice { words, forms } => Some(alternatives(words, forms)),
        ValueSchema::Either(schemas) => schemas.iter().find_map(choices),
        _ => None,
    }
}

/// Returns whether a value has a type that the schema takes.
pub(super) fn accepts(schema: &ValueSchema, found: &DeValue<'_>) -> bool {
    match schema {
        ValueSchema::Table(_) | ValueSchema::Map(_) => found.is_table(),
        ValueSchema::List { .. } => found.is_array(),
        ValueSchema::Integer(_) => found.is_integer(),
        ValueSchema::Number(_) => found.is_integer() || found.is_float(),
        ValueSchema::Text(_) => found.is_str(),
        ValueSchema::Boolean => found.is_bool(),
        ValueSchema::Choice { words, forms } => {
            found.is_str() && !words.is_empty() || found.is_table() && !forms.is_empty()
        }
        ValueSchema::Either(schemas) => schemas.iter().any(|schema| accepts(schema, found)),
        ValueSchema::Anything => true,
    }
}
