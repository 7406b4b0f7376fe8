//! [`choices`]: the combinations of values that a sweep asks for.

use std::collections::BTreeMap;

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::SWEEP;
use crate::{
    problem::{At, Problem},
    tree::Path,
    words::{count, name, number},
};

/// The most variants of a sweep.
const MOST: usize = 10_000;

/// Keys that a sweep may not change, and why.
const FIXED: [(&str, &str, &str); 3] = [
    (
        "seeds",
        "every variant is run with all seeds",
        "write them at the top: `seeds = [1, 2, 3]`; tables show means and deviations over them",
    ),
    (
        "analysis",
        "every variant has the same analyses",
        "write another `[[analysis]]` table for every measurement that is wanted",
    ),
    (SWEEP, "a sweep has no sweep inside", "list more keys in `sweep.grid` instead"),
];

/// A key with one of its values, and where both stand in the scenario.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The key that is set.
    pub(super) path: Path,
    /// Its value, without blanks and comments around and in it.
    pub(super) value: Value,
    /// Where the sweep has the key.
    pub(super) key_at: Path,
    /// Where the sweep has the value.
    pub(super) value_at: Path,
}

/// The choices of each variant: list entries in their order, in each the combinations of the grid, whose first key changes slowest.
pub(super) fn choices(document: &DocumentMut) -> Result<Vec<Vec<Choice>>, Vec<Problem>> {
    let at = Path::from(SWEEP);
    let Some(table) = document.get(SWEEP).and_then(Item::as_table_like) else {
        return Ok(Vec::new());
    };
    let list = table.get("list").map(|item| list(item, &at.join("list")));
    let grid = table.get("grid").and_then(Item::as_table_like);
    let grid = grid.map(|table| grid_axes(table, &at.join("grid")));
    if list.is_none() && grid.is_none() {
        return Err(vec![nothing(&at)]);
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
    let cross = |variants: Vec<Vec<Choice>>, (_, axis): &Part| {
        let with = |variant: Vec<Choice>| {
            axis.iter().map(move |choice| [&variant[..], std::slice::from_ref(choice)].concat())
        };
        variants.into_iter().flat_map(with).collect()
    };
    Ok(axes.iter().fold(variants, cross))
}

/// A key of the grid with its values, or an entry of the list with its keys, and where it stands.
type Part = (Path, Vec<Choice>);

/// The values of each key of the grid, in the order of the text.
fn grid_axes(table: &dyn TableLike, at: &Path) -> Vec<Part> {
    let axis = |(key, item): (&str, &Item)| {
        let key_at = at.join(key);
        let values = item.as_array().into_iter().flatten();
        let choice = |(index, value): (usize, &Value)| Choice {
            path: Path::from(key),
            value: bare(value.clone()),
            value_at: key_at.join(index),
            key_at: key_at.clone(),
        };
        let choices = values.enumerate().map(choice).collect();
        (key_at.clone(), choices)
    };
    table.iter().map(axis).collect()
}

/// The keys and values of each entry of the list, whichever of TOML's two forms it has.
fn list(item: &Item, at: &Path) -> Vec<Part> {
    let entry = |(index, table): (usize, &dyn TableLike)| {
        let choice = |(key, item): (&str, &Item)| {
            let key_at = at.join(index).join(key);
            let value = bare(item.clone().into_value().ok()?);
            Some(Choice { path: Path::from(key), value, value_at: key_at.clone(), key_at })
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

/// What is wrong with the keys: those of the grid and those of an entry are set together.
fn wrong_keys(entries: &[Part], axes: &[Part]) -> Vec<Problem> {
    let grid: Vec<&Choice> = axes.iter().filter_map(|(_, axis)| axis.first()).collect();
    let mut problems = check_keys(&grid, 0);
    for (_, entry) in entries {
        let all: Vec<&Choice> = grid.iter().copied().chain(entry).collect();
        problems.extend(check_keys(&all, grid.len()));
    }
    problems
}

/// A value without what stands around and between its parts.
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

/// Keys that cannot be swept, and keys that would undo one another: those before `known` are known to be good.
fn check_keys(choices: &[&Choice], known: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, choice) in choices.iter().enumerate().skip(known) {
        let at = At::Key(choice.key_at.clone());
        let path = &choice.path;
        let first = path.steps().first().map_or("", String::as_str);
        if path.steps().iter().any(String::is_empty) {
            let title = "no part of a key may be empty";
            problems.push(
                Problem::new(at, title).label(format!("found {}", name(path.to_string()))).help(
                    "a key is written as `--set` has it: `\"local.optimizer.sgd.lr\"`".to_owned(),
                ),
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
                false => format!("`{}` and `{path}` set the same in one variant", other.path),
            };
            let problem = Problem::new(at, title)
                .label("the second of them")
                .also(At::Key(other.key_at.clone()), "the first of them")
                .help("leave one of them out".to_owned());
            problems.push(problem);
        }
    }
    problems
}

/// A problem for every item that says the same as one before it: what each says, and where it stands.
fn repeated(items: impl Iterator<Item = (String, Path)>) -> Vec<Problem> {
    let mut known: BTreeMap<String, Path> = BTreeMap::new();
    let mut problems = Vec::new();
    for (says, at) in items {
        if let Some(first) = known.get(&says) {
            problems.push(
                Problem::new(At::Value(at), "two variants would be the same")
                    .label("again here")
                    .also(At::Value(first.clone()), "first here")
                    .help("leave one of them out".to_owned()),
            );
        } else {
            known.insert(says, at);
        }
    }
    problems
}

/// What a value says: `0.10`, `0.1` and `1e-1` are one number.
fn normal(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.value().to_string(),
        // Rust prints a float without fraction as an integer.
        Value::Float(number) => number.value().to_string(),
        other => other.to_string(),
    }
}

/// What an entry of the list says, whatever the order of its keys.
fn normal_entry(entry: &[Choice]) -> String {
    let mut parts: Vec<String> =
        entry.iter().map(|choice| format!("{}={}", choice.path, normal(&choice.value))).collect();
    parts.sort_unstable();
    parts.join("\n")
}

fn nothing(at: &Path) -> Problem {
    Problem::new(At::Key(at.clone()), "a sweep needs values")
        .label("has neither `grid` nor `list`")
        .help("`grid = { \"local.epochs\" = [1, 2] }` is every combination of values; `list = [{ rounds = 5 }, { rounds = 10 }]` has each variant by itself".to_owned())
}

fn empty(at: &Path) -> Problem {
    Problem::new(At::Value(at.clone()), format!("`{at}` must not be empty"))
        .label("no variant")
        .help("leave it out, or give it values".to_owned())
}

fn too_many(at: &Path, variants: Option<usize>) -> Problem {
    let found = match variants {
        Some(variants) => format!("found {}", count(variants, "variant")),
        None => "found more than can be counted".to_owned(),
    };
    let most = number(MOST as f64);
    Problem::new(At::Key(at.clone()), format!("a sweep has at most {most} variants"))
        .label(found)
        .help("give fewer values; what belongs together can be a `list`".to_owned())
}
