//! Single values: numbers and their ranges, texts and their lengths, and values of the wrong type.

use fedlayer_core::{is_printable, printable, quoted};
use toml::de::{DeFloat, DeInteger, DeValue};

use crate::{
    problem::{At, Problem},
    shape::{Bounds, Shape},
    tree::Path,
    walk::allowed,
    words::{count, cut, join, number as named},
};

/// The problem with an integer, if there is one.
pub(crate) fn integer(path: &Path, found: &DeInteger<'_>, bounds: &Bounds) -> Option<Problem> {
    match parse(found) {
        Some(number) if bounds.contain(number as f64) && number as f64 <= bounds.most => None,
        Some(number) if bounds.contain(number as f64) => {
            let bounds = Bounds { high: Some((bounds.most, true)), ..*bounds };
            Some(out_of_range(path, &found.to_string(), &bounds))
        }
        Some(_) => Some(out_of_range(path, &found.to_string(), bounds)),
        None if bounds.high.is_some() || found.as_str().starts_with('-') => {
            Some(out_of_range(path, &found.to_string(), bounds))
        }
        None => {
            let title = match bounds.most < i64::MAX as f64 {
                true => format!("`{path}` must be at most {}", named(bounds.most)),
                false => format!("`{path}` must be at most {}", i64::MAX),
            };
            let label = format!("found {}", cut(&found.to_string()));
            Some(Problem::new(At::Value(path.clone()), title).label(label))
        }
    }
}

/// The problem with an integer where any number may stand, if there is one.
pub(crate) fn whole_number(path: &Path, found: &DeInteger<'_>, bounds: &Bounds) -> Option<Problem> {
    match parse(found) {
        Some(number) if bounds.contain(number as f64) => None,
        Some(_) => Some(out_of_range(path, &found.to_string(), bounds)),
        None => {
            let title = format!("`{path}` is too large for an integer of TOML");
            let problem = Problem::new(At::Value(path.clone()), title)
                .label(format!("found {}", cut(&found.to_string())))
                .help("write it with a decimal point or an exponent: `1e20`".to_owned());
            Some(problem)
        }
    }
}

/// The problem with a number, if there is one.
pub(crate) fn number(path: &Path, found: &DeFloat<'_>, bounds: &Bounds) -> Option<Problem> {
    match found.as_str().parse::<f64>() {
        Ok(number) if number.is_finite() && bounds.contain(number) => None,
        Ok(number) if number.is_finite() => Some(out_of_range(path, found.as_str(), bounds)),
        _ => {
            let title = format!("`{path}` must be a finite number");
            let label = match found.as_str().contains(|c: char| c.is_ascii_digit()) {
                true => format!("found {}, which a 64-bit number cannot hold", cut(found.as_str())),
                false => format!("found {}", found.as_str()),
            };
            Some(Problem::new(At::Value(path.clone()), title).label(label))
        }
    }
}

/// The problem with a text's length or characters, if there is one.
pub(crate) fn text(path: &Path, found: &str, len: &Bounds) -> Option<Problem> {
    if let Some(unprintable) = found.chars().find(|&c| !is_printable(c) && c != '\t') {
        return Some(not_printable(path, unprintable));
    }
    let characters = found.chars().count();
    if len.contain(characters as f64) {
        return None;
    }
    let title = match characters {
        0 => format!("`{path}` must not be empty"),
        _ => format!("`{path}` must have {} characters", len.words().unwrap_or_default()),
    };
    let label = format!("found {}", count(characters, "character"));
    Some(Problem::new(At::Value(path.clone()), title).label(label))
}

/// The problem of a text that a terminal would obey rather than show. A tab may separate columns.
fn not_printable(path: &Path, found: char) -> Problem {
    let title = format!("`{path}` has a character that cannot be shown");
    Problem::new(At::Value(path.clone()), title)
        .label(format!("found `{}`", printable(found.encode_utf8(&mut [0; 4]))))
        .help("leave out control characters, line breaks and marks of direction".to_owned())
}

/// The problem of a value that is of another type than the shape.
pub(crate) fn wrong_type(path: &Path, found: &DeValue<'_>, shape: &Shape) -> Problem {
    let mut wanted = Vec::new();
    kinds(shape, &mut wanted);
    let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
    let title = match path.steps() {
        [] => format!("a scenario must be {}", join(&wanted, "or")),
        _ => format!("`{path}` must be {}", join(&wanted, "or")),
    };
    Problem::new(At::Value(path.clone()), title)
        .label(format!("found {}", kind(found)))
        .help(as_wanted(found, shape))
        .help(choices(shape))
}

fn out_of_range(path: &Path, found: &str, bounds: &Bounds) -> Problem {
    let allowed = bounds.words().unwrap_or_default();
    Problem::new(At::Value(path.clone()), format!("`{path}` must be {allowed}"))
        .label(format!("found {}", cut(found)))
}

/// The value of an integer; nothing where TOML's 64 bits cannot hold it.
fn parse(found: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(found.as_str(), found.radix()).ok()
}

/// A value's type in words.
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

/// The types that a shape takes, in words, each once.
fn kinds(shape: &Shape, all: &mut Vec<&'static str>) {
    let mut add = |kind| {
        if !all.contains(&kind) {
            all.push(kind);
        }
    };
    match shape {
        Shape::Table(_) | Shape::Map(_) => add("a table"),
        Shape::List { .. } => add("an array"),
        Shape::Integer(_) => add("an integer"),
        Shape::Number(_) => add("a number"),
        Shape::Text(_) => add("a text in quotes"),
        Shape::Boolean => add("`true` or `false`"),
        Shape::Choice { words, forms } => {
            if !words.is_empty() {
                add("a word in quotes");
            }
            if !forms.is_empty() {
                add("a table");
            }
        }
        Shape::Either(shapes) => shapes.iter().for_each(|shape| kinds(shape, all)),
        Shape::Anything => add("anything"),
    }
}

/// How the same value is written in the type that is wanted, where it can be.
fn as_wanted(found: &DeValue<'_>, shape: &Shape) -> Option<String> {
    let written = match (shape, found) {
        (Shape::Either(shapes), _) => {
            return shapes.iter().find_map(|shape| as_wanted(found, shape));
        }
        (Shape::Integer(_), DeValue::String(text)) => text.trim().parse::<i64>().ok()?.to_string(),
        (Shape::Number(_), DeValue::String(text)) => {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
            text.trim().to_owned()
        }
        (Shape::Boolean, DeValue::String(text)) => text.parse::<bool>().ok()?.to_string(),
        (Shape::Integer(_), DeValue::Float(float)) => {
            let number = float.as_str().parse::<f64>().ok()?;
            (number.fract() == 0.0 && number.abs() < 1e15).then(|| format!("{number:.0}"))?
        }
        (Shape::Text(_), DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) => {
            quoted(&plain(found)?)
        }
        (
            Shape::List { item, .. },
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::String(_),
        ) => match (&**item, found) {
            (Shape::Text(_), DeValue::String(_)) => format!("[{}]", quoted(&plain(found)?)),
            (Shape::Choice { words, .. }, DeValue::String(text)) => {
                let word = words.iter().find(|word| *word == text)?;
                format!("[{}]", quoted(word))
            }
            (Shape::Integer(_), DeValue::Integer(_))
            | (Shape::Number(_), DeValue::Integer(_) | DeValue::Float(_)) => {
                format!("[{}]", plain(found)?)
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(format!("write `{}`", cut(&written)))
}

/// A single value as text, where it is one.
fn plain(found: &DeValue<'_>) -> Option<String> {
    match found {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The words and forms of a shape that is, or may be, a choice.
fn choices(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Choice { words, forms } => Some(allowed(words, forms)),
        Shape::Either(shapes) => shapes.iter().find_map(choices),
        _ => None,
    }
}
