//! [`choices`]: the combinations of values in a sweep.

use std::collections::BTreeMap;

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::SWEEP;
use crate::{
    phrasing::{backticked, count, grouped_digits},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// The largest number of variants of a sweep.
const MOST: usize = 10_000;

/// The keys that a sweep must not change, with the reason and what to do.
const FIXED: [(&str, &str, &str); 3] = [
    (
        "seeds",
        "every variant is run with all seeds",
        "write them at the top: `seeds = [1, 2, 3]`; tables show means and deviations over them",
    ),
    (
        "analysis",
        "every variant has the same analyses",
        "write one `[[analysis]]` table for each measurement",
    ),
    (SWEEP, "a sweep cannot contain a sweep", "list more keys in `sweep.grid` instead"),
];

/// A key with one of its values, and the locations of both in the scenario.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The key that is set.
    pub(super) path: KeyPath,
    /// Its value, without blanks and comments.
    pub(super) value: Value,
    /// The path of the key in the sweep.
    pub(super) key_at: KeyPath,
    /// The path of the value in the sweep.
    pub(super) value_at: KeyPath,
}

/// Returns the choices of each variant: the entries of the list in their order, and for each entry
/// the combinations of the grid, in which the first key changes slowest.
///
/// # Errors
/// The problems of the sweep itself.
pub(super) fn choices(document: &DocumentMut) -> Result<Vec<Vec<Choice>>, Vec<Problem>> {
    let at = KeyPath::from(SWEEP);
    let Some(table) = document.get(SWEEP).and_then(Item::as_table_like) else {
        return Ok(Vec::new());
    };
    let list = table.get("list").map(|item| list(item, &at.join("list")));
    let grid = table.get("grid").and_then(Item::as_table_like);
    let grid = grid.map(|table| grid_axes(table, &at.join("grid")));
    if list.is_none() && grid.is_none() {
        return Err(vec![no_values(&at)]);
    }
    let mut problems = Vec::new();
    for (part, key) in [(&list, "list"), (&grid, "grid")] {
        let Some(part) = part else { continue };
        problems.extend(part.is_empty().then(|| empty(&at.join(key))));
        problems.extend(part.iter().filter(|(_, own)| own.is_empty()).map(|(at, _)| empty(at)));
    }
    let (entries, axes) = (list.unwrap_or_default(), grid.unwrap_or_default());
    problems.extend(wrong_keys(&entries, &axes));
    for (_, axis) in &axes {
        let values = axis.iter().map(|choice| (normal(&choice.value), choice.value_at.clone()));
        problems.extend(repeated(values));
    }
    problems.extend(repeated(entries.iter().map(|(at, own)| (normal_entry(own), at.clone()))));
    let mut factors = axes.iter().map(|(_, axis)| axis.len());
    let variants = factors
        .try_fold(entries.len().max(1), |product: usize, factor| product.checked_mul(factor));
    if variants.is_none_or(|variants| variants > MOST) {
        problems.push(too_many(&at, variants));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut variants: Vec<Vec<Choice>> = entries.into_iter().map(|(_, own)| own).collect();
    if variants.is_empty() {
        variants.push(Vec::new());
    }
    let cross = |variants: Vec<Vec<Choice>>, (_, axis): &SweepPart| {
        let with = |variant: Vec<Choice>| {
            axis.iter().map(move |choice| [&variant[..], std::slice::from_ref(choice)].concat())
        };
        variants.into_iter().flat_map(with).collect()
    };
    Ok(axes.iter().fold(variants, cross))
}

/// The path of a key of the grid with its values, or of an entry of the list with its keys.
type SweepPart = (KeyPath, Vec<Choice>);

/// Returns the values of each key of the grid, in the order of the text.
fn grid_axes(table: &dyn TableLike, at: &KeyPath) -> Vec<SweepPart> {
    let axis = |(key, item): (&str, &Item)| {
        let key_at = at.join(key);
        let values = item.as_array().into_iter().flatten();
        let choice = |(index, value): (usize, &Value)| Choice {
            path: KeyPath::from(key),
            value: bare(value.clone()),
            value_at: key_at.join(index),
            key_at: key_at.clone(),
        };
        let choices = values.enumerate().map(choice).collect();
        (key_at.clone(), choices)
    };
    table.iter().map(axis).collect()
}

/// Returns the keys and values of each entry of the list, in either of TOML's two forms.
fn list(item: &Item, at: &KeyPath) -> Vec<SweepPart> {
    let entry = |(index, table): (usize, &dyn TableLike)| {
        let choice = |(key, item): (&str, &Item)| {
            let key_at = at.join(index).join(key);
            let value = bare(item.clone().into_value().ok()?);
            Some(Choice { path: KeyPath::from(key), value, value_at: key_at.clone(), key_at })
        };
        (at.join(index), table.iter().filter_map(choice).collect())
    };
    let tables: Vec<&dyn TableLike> = match item {
        Item::ArrayOfTables(tables) => tables.iter().map(|table| table as &dyn TableLike).collect(),
        item => {
            let items = item.as_array().into_iter().flatten();
            items.filter_map(|value| Some(value.as_inline_table()? as &dyn TableLike)).collect()
        }
    };
    tables.into_iter().enumerate().map(entry).collect()
}

/// Returns the problems of the keys. Those of the grid and those of an entry are set together.
fn wrong_keys(entries: &[SweepPart], axes: &[SweepPart]) -> Vec<Problem> {
    let grid: Vec<&Choice> = axes.iter().filter_map(|(_, axis)| axis.first()).collect();
    let mut problems = check_keys(&grid, 0);
    for (_, entry) in entries {
        let all: Vec<&Choice> = grid.iter().copied().chain(entry).collect();
        problems.extend(check_keys(&all, grid.len()));
    }
    problems
}

/// Removes blanks and comments around and between the parts of a value.
fn bare(mut value: Value) -> Value {
    value.decor_mut().clear();
    match &mut value {
        Value::Array(items) => {
            items.iter_mut().for_each(|item| *item = bare(item.clone()));
            items.fmt();
        }
        Value::InlineTable(table) => {
            table.iter_mut().for_each(|(_, item)| *item = bare(item.clone()));
            table.fmt();
        }
        _ => {}
    }
    value.decor_mut().clear();
    value
}

/// Returns the problems of keys that cannot be swept or that overwrite each other. Those before the
/// index `known` are known to be good.
fn check_keys(choices: &[&Choice], known: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, choice) in choices.iter().enumerate().skip(known) {
        let at = Location::Key(choice.key_at.clone());
        let path = &choice.path;
        let first = path.steps().first().map_or("", String::as_str);
        if path.steps().iter().any(String::is_empty) {
            let title = "no part of a key may be empty";
            problems.push(
                Problem::new(at, title)
                    .label(format!("found {}", backticked(path.to_string())))
                    .help("write the key as for `--set`: `\"local.optimizer.sgd.lr\"`".to_owned()),
            );
        } else if let Some((fixed, why, help)) = FIXED.iter().find(|(fixed, ..)| *fixed == first) {
            let problem = Problem::new(at, format!("`{fixed}` cannot be swept"))
                .label(*why)
                .help((*help).to_owned());
            problems.push(problem);
        } else if let Some(other) = choices[..index]
            .iter()
            .find(|other| other.path.contains(path) || path.contains(&other.path))
        {
            let title = match other.path == *path {
                true => format!("`{path}` is set twice in one variant"),
                false => format!("`{}` and `{path}` overlap in one variant", other.path),
            };
            let problem = Problem::new(at, title)
                .label("the second of them")
                .also(Location::Key(other.key_at.clone()), "the first of them")
                .help("leave one of them out".to_owned());
            problems.push(problem);
        }
    }
    problems
}

/// Returns a problem for every item with the same meaning as an earlier one. An item is its meaning
/// and its path.
fn repeated(items: impl Iterator<Item = (String, KeyPath)>) -> Vec<Problem> {
    let mut known: BTreeMap<String, KeyPath> = BTreeMap::new();
    let mut problems = Vec::new();
    for (meaning, at) in items {
        if let Some(first) = known.get(&meaning) {
            problems.push(
                Problem::new(Location::Value(at), "two variants would be the same")
                    .label("again here")
                    .also(Location::Value(first.clone()), "first here")
                    .help("leave one of them out".to_owned()),
            );
        } else {
            known.insert(meaning, at);
        }
    }
    problems
}

/// Returns the meaning of a value: `0.10`, `0.1` and `1e-1` are one number.
fn normal(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.value().to_string(),
        // Rust prints a float without fraction as an integer.
        Value::Float(number) => number.value().to_string(),
        other => other.to_string(),
    }
}

/// Returns the meaning of an entry of the list, which does not depend on the order of its keys.
fn normal_entry(entry: &[Choice]) -> String {
    let mut parts: Vec<String> =
        entry.iter().map(|choice| format!("{}={}", choice.path, normal(&choice.value))).collect();
    parts.sort_unstable();
    parts.join("\n")
}

/// The problem of a sweep without values.
fn no_values(at: &KeyPath) -> Problem {
    Problem::new(Location::Key(at.clone()), "a sweep needs values")
        .label("has neither `grid` nor `list`")
        .help("`grid = { \"local.epochs\" = [1, 2] }` runs every combination of values; `list = [{ rounds = 5 }, { rounds = 10 }]` runs each entry as one variant".to_owned())
}

fn empty(at: &KeyPath) -> Problem {
    Problem::new(Location::Value(at.clone()), format!("`{at}` must not be empty"))
        .label("no variant")
        .help("leave it out, or give it values".to_owned())
}

fn too_many(at: &KeyPath, variants: Option<usize>) -> Problem {
    let found = match variants {
        Some(variants) => format!("found {}", count(variants, "variant")),
        None => "found more than can be counted".to_owned(),
    };
    let most = grouped_digits(MOST as f64);
    Problem::new(Location::Key(at.clone()), format!("a sweep has at most {most} variants"))
        .label(found)
        .help("give fewer values; what belongs together can be a `list`".to_owned())
}
