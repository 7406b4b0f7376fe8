//! The keys of a table: unknown ones, and required ones that are missing.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::SchemaCheck;
use crate::{
    phrasing::{backticked, backticked_list, did_you_mean, join, nearest},
    problem::{Location, Problem},
    schema::value_schema::KeySchema,
    toml_tree::KeyPath,
};

impl SchemaCheck<'_> {
    /// Checks a table that has these keys and no others.
    pub(super) fn table(
        &mut self,
        path: &KeyPath,
        table: &DeTable<'_>,
        keys: &BTreeMap<String, KeySchema>,
    ) {
        let mut meant = Vec::new();
        for (key, found) in table {
            if self.is_full() {
                return;
            }
            if let Some(known) = keys.get(key.get_ref().as_ref()) {
                self.value(&path.join(key.get_ref()), found.get_ref(), &known.schema);
                continue;
            }
            meant.extend(nearest(key.get_ref(), keys.keys().map(String::as_str)));
            let label = match path.steps() {
                [] => "not a key of a scenario".to_owned(),
                _ => format!("not a key of {}", backticked(path.to_string())),
            };
            let all = format!("allowed keys: {}", backticked_list(keys.keys()));
            self.unknown_key(path, key.get_ref(), label, keys.keys(), all);
        }
        self.missing_keys(path, table, keys, &meant);
    }

    /// Adds the problem of required keys that are missing. Keys in `meant` are left out: they are
    /// present under a misspelt name, which is a problem of its own.
    fn missing_keys(
        &mut self,
        path: &KeyPath,
        table: &DeTable<'_>,
        keys: &BTreeMap<String, KeySchema>,
        meant: &[&str],
    ) {
        let is_absent = |name: &str| !table.contains_key(name) && !meant.contains(&name);
        let mut missing: Vec<(&String, &KeySchema)> =
            keys.iter().filter(|(name, key)| key.required.is_some() && is_absent(name)).collect();
        missing.sort_by_key(|(_, key)| key.required);
        if missing.is_empty() {
            return;
        }
        let names: Vec<String> = missing.iter().map(|(name, _)| backticked(name)).collect();
        let (plural, them) = if names.len() == 1 { ("", "it") } else { ("s", "them") };
        let title = format!("missing key{plural} {}", join(&names, "and"));
        let label = match path.steps() {
            [] => format!("a scenario needs {them}"),
            _ => format!("{} needs {them}", backticked(path.to_string())),
        };
        let mut problem = Problem::new(Location::Value(path.clone()), title).label(label);
        for (name, key) in missing {
            problem = problem.help(format!("{}: {}", backticked(name), key.about));
        }
        self.problems.push(problem);
    }

    /// Adds the problem of an unknown key, with the key that was probably meant, and `all` keys
    /// that are allowed.
    pub(super) fn unknown_key<'k>(
        &mut self,
        path: &KeyPath,
        key: &str,
        label: String,
        allowed: impl Iterator<Item = &'k String>,
        all: String,
    ) {
        let meant = did_you_mean(key, allowed.map(String::as_str));
        let elsewhere = if meant.is_none() { self.elsewhere(key) } else { None };
        let title = format!("unknown key {}", backticked(key));
        let problem = Problem::new(Location::Key(path.join(key)), title)
            .label(label)
            .help(meant)
            .help(elsewhere)
            .help(all);
        self.problems.push(problem);
    }

    /// Names the tables that have a key which is unknown in its present table.
    fn elsewhere(&self, key: &str) -> Option<String> {
        let keys = self.root.keys().into_iter();
        let tables: Vec<String> =
            keys.filter(|(_, name)| name == key).map(|(above, _)| above.join(".")).collect();
        if tables.iter().any(String::is_empty) {
            return Some(format!(
                "`{key}` belongs at the top of the scenario, above the first `[table]`"
            ));
        }
        let tables: Vec<String> = tables.iter().map(backticked).collect();
        (!tables.is_empty()).then(|| format!("`{key}` is a key of {}", join(&tables, "and of")))
    }
}
