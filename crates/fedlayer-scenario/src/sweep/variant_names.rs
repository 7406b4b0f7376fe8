//! [`variants`]: the names of variants and of their folders.

use std::collections::{BTreeMap, BTreeSet};

use fedlayer_core::spec::{SweptValue, Variant};
use toml_edit::Value;

use super::choices::Choice;
use crate::toml_tree::KeyPath;

/// The largest length of a folder's name without its number, in characters of up to four bytes.
const LONGEST: usize = 60;

/// Names all variants.
pub(super) fn variants(all: &[Vec<Choice>]) -> Vec<Variant> {
    let paths: BTreeSet<String> =
        all.iter().flatten().map(|choice| choice.path.to_string()).collect();
    let names = short(&paths.into_iter().collect::<Vec<_>>());
    let mut taken = BTreeSet::new();
    let variant = |(index, choices): (usize, &Vec<Choice>)| {
        let setting = |choice: &Choice| {
            let key = choice.path.to_string();
            let name = names.get(&key).unwrap_or(&key).clone();
            SweptValue { name, value: written(&choice.value), key }
        };
        let settings: Vec<SweptValue> = choices.iter().map(setting).collect();
        let base = folder(&settings);
        let (mut folder, mut number) = (base.clone(), index + 1);
        while !taken.insert(folder.clone()) {
            folder = format!("{base}-{number}");
            number += 1;
        }
        Variant { folder, settings }
    };
    all.iter().enumerate().map(variant).collect()
}

/// Shortens each key to as few of its last steps as distinguish it from the other keys. An index is
/// never used alone.
fn short(keys: &[String]) -> BTreeMap<String, String> {
    let paths: Vec<KeyPath> = keys.iter().map(|key| KeyPath::from(key.as_str())).collect();
    let least = |path: &KeyPath| if path.last().parse::<usize>().is_ok() { 2 } else { 1 };
    let mut lengths: Vec<usize> = paths.iter().map(least).collect();
    let end = |path: &KeyPath, length: usize| {
        let steps = path.steps();
        steps[steps.len().saturating_sub(length)..].join(".")
    };
    loop {
        let names: Vec<String> =
            paths.iter().zip(&lengths).map(|(path, &length)| end(path, length)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
        let mut longer = false;
        for ((path, name), length) in paths.iter().zip(&names).zip(&mut lengths) {
            if counts[name.as_str()] > 1 && *length < path.steps().len() {
                *length += 1;
                longer = true;
            }
        }
        if !longer {
            return keys.iter().cloned().zip(names).collect();
        }
    }
}

/// Writes a value for tables and labels: on one line, a text without its quotes.
fn written(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a folder's name such as `lr-0.1-keep_classes-2`: letters and digits in lower case,
/// points and underscores; every run of other characters becomes one `-`.
fn folder(settings: &[SweptValue]) -> String {
    let text: Vec<String> =
        settings.iter().map(|setting| format!("{}-{}", setting.name, setting.value)).collect();
    let kept = |c: char| c.is_alphanumeric() || c == '.' || c == '_';
    let text = text.join("-").to_lowercase();
    let words: Vec<&str> = text.split(|c| !kept(c)).filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(LONGEST).collect();
    let name = name.trim_matches(['.', '-']);
    if name.is_empty() { "variant".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(keys: &[&str]) -> Vec<String> {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let short = short(&keys);
        keys.iter().map(|key| short[key].clone()).collect()
    }

    #[test]
    fn a_name_is_as_short_as_the_other_keys_allow() {
        assert_eq!(names(&["local.optimizer.sgd.lr", "data.keep_classes"]), ["lr", "keep_classes"]);
        assert_eq!(
            names(&["barriers.every", "evaluate.every"]),
            ["barriers.every", "evaluate.every"]
        );
        assert_eq!(names(&["model.mlp.0", "strategy.1.average"]), ["mlp.0", "average"]);
        assert_eq!(names(&["strategy.0.name", "strategy.1.name"]), ["0.name", "1.name"]);
        assert_eq!(names(&["a.b", "c.a.b"]), ["a.b", "c.a.b"]);
    }

    fn folders(values: &[&str]) -> Vec<String> {
        let choice = |value: &&str| {
            vec![Choice {
                path: KeyPath::from("data.x"),
                value: value.parse().unwrap_or_else(|_| Value::from(*value)),
                key_at: KeyPath::default(),
                value_at: KeyPath::default(),
            }]
        };
        let all: Vec<_> = values.iter().map(choice).collect();
        variants(&all).into_iter().map(|variant| variant.folder).collect()
    }

    #[test]
    fn folders_are_plain_and_each_its_own() {
        assert_eq!(
            folders(&["0.1", "1e-4", "{ dirichlet = 0.3 }", "IID", "'iid'", "-1", "1"]),
            ["x-0.1", "x-1e-4", "x-dirichlet-0.3", "x-iid", "x-iid-5", "x-1", "x-1-7"]
        );
        assert_eq!(folders(&["\"../..\"", "'層'"]), ["x", "x-層"]);
        let long = ["a".repeat(300), "a".repeat(301)];
        let long = folders(&[&long[0], &long[1]]);
        assert!(long.iter().all(|folder| folder.len() < 255) && long[0] != long[1], "{long:?}");
    }
}
