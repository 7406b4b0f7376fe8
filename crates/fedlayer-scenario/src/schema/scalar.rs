//! Single values: numbers and their ranges, texts with their lengths and characters.

use fedlayer_core::text::{is_printable, printable};
use toml::de::{DeFloat, DeInteger};

use super::bounds::Bounds;
use crate::{
    phrasing::{count, grouped_digits, shortened},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Returns the problem of an integer, if there is one.
pub(crate) fn integer(path: &KeyPath, found: &DeInteger<'_>, bounds: &Bounds) -> Option<Problem> {
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
                true => format!("`{path}` must be at most {}", grouped_digits(bounds.most)),
                false => format!("`{path}` must be at most {}", i64::MAX),
            };
            let label = format!("found {}", shortened(&found.to_string()));
            Some(Problem::new(Location::Value(path.clone()), title).label(label))
        }
    }
}

/// Returns the problem of an integer for a key that takes any number, if there is one.
pub(crate) fn whole_number(
    path: &KeyPath,
    found: &DeInteger<'_>,
    bounds: &Bounds,
) -> Option<Problem> {
    match parse(found) {
        Some(number) if bounds.contain(number as f64) => None,
        Some(_) => Some(out_of_range(path, &found.to_string(), bounds)),
        None => {
            let title = format!("`{path}` is too large for an integer of TOML");
            let problem = Problem::new(Location::Value(path.clone()), title)
                .label(format!("found {}", shortened(&found.to_string())))
                .help("write it with a decimal point or an exponent: `1e20`".to_owned());
            Some(problem)
        }
    }
}

/// Returns the problem of a number, if there is one.
pub(crate) fn number(path: &KeyPath, found: &DeFloat<'_>, bounds: &Bounds) -> Option<Problem> {
    match found.as_str().parse::<f64>() {
        Ok(number) if number.is_finite() && bounds.contain(number) => None,
        Ok(number) if number.is_finite() => Some(out_of_range(path, found.as_str(), bounds)),
        _ => {
            let title = format!("`{path}` must be a finite number");
            let label = match found.as_str().contains(|c: char| c.is_ascii_digit()) {
                true => format!(
                    "found {}, which a 64-bit number cannot hold",
                    shortened(found.as_str())
                ),
                false => format!("found {}", found.as_str()),
            };
            Some(Problem::new(Location::Value(path.clone()), title).label(label))
        }
    }
}

/// Returns the problem of a text's length or characters, if there is one.
pub(crate) fn text(path: &KeyPath, found: &str, len: &Bounds) -> Option<Problem> {
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
    Some(Problem::new(Location::Value(path.clone()), title).label(label))
}

/// Returns the problem of a text with a control character, which a terminal would obey instead of
/// showing it. Tabs are allowed, because they separate columns.
fn not_printable(path: &KeyPath, found: char) -> Problem {
    let title = format!("`{path}` has a character that cannot be shown");
    Problem::new(Location::Value(path.clone()), title)
        .label(format!("found `{}`", printable(found.encode_utf8(&mut [0; 4]))))
        .help("remove control characters, line breaks and direction marks".to_owned())
}

fn out_of_range(path: &KeyPath, found: &str, bounds: &Bounds) -> Problem {
    let allowed = bounds.words().unwrap_or_default();
    Problem::new(Location::Value(path.clone()), format!("`{path}` must be {allowed}"))
        .label(format!("found {}", shortened(found)))
}

/// Returns the value of an integer; `None` if TOML's 64 bits cannot hold it.
fn parse(found: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(found.as_str(), found.radix()).ok()
}
