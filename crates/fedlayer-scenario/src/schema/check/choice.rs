//! A choice between words (`"iid"`) and forms (`{ dirichlet = 0.3 }`).

use toml::de::DeTable;

use super::SchemaCheck;
use crate::{
    phrasing::{backticked, did_you_mean},
    problem::{Location, Problem},
    schema::value_schema::{ValueSchema, alternatives},
    toml_tree::KeyPath,
};

impl SchemaCheck<'_> {
    /// Checks a choice that is written as a word.
    pub(super) fn word(
        &mut self,
        path: &KeyPath,
        found: &str,
        words: &[String],
        forms: &[(String, ValueSchema)],
    ) {
        if words.iter().any(|word| word == found) {
            return;
        }
        let at = Location::Value(path.clone());
        if forms.iter().any(|(form, _)| form == found) {
            let problem = Problem::new(at, format!("`{found}` needs a value"))
                .label("found only the word")
                .help(assignment(path, &format!("{{ {found} = … }}")));
            self.problems.push(problem);
            return;
        }
        let all = words.iter().chain(forms.iter().map(|(form, _)| form));
        let problem = Problem::new(at, format!("unknown value {} for `{path}`", backticked(found)))
            .label("not an allowed value")
            .help(did_you_mean(found, all.map(String::as_str)))
            .help(alternatives(words, forms));
        self.problems.push(problem);
    }

    /// Checks a choice that is written as a table with one key.
    pub(super) fn form(
        &mut self,
        path: &KeyPath,
        table: &DeTable<'_>,
        words: &[String],
        forms: &[(String, ValueSchema)],
    ) {
        let mut chosen: Vec<KeyPath> = Vec::new();
        for (key, found) in table {
            if self.is_full() {
                return;
            }
            let key = key.get_ref().as_ref();
            if let Some((_, schema)) = forms.iter().find(|(form, _)| form == key) {
                chosen.push(path.join(key));
                self.value(&path.join(key), found.get_ref(), schema);
            } else if words.iter().any(|word| word == key) {
                self.problems.push(word_as_key(path, key));
            } else {
                let all = words.iter().chain(forms.iter().map(|(form, _)| form));
                let label = format!("not a form of {}", backticked(path.to_string()));
                self.unknown_key(path, key, label, all, alternatives(words, forms));
            }
        }
        if table.is_empty() {
            let title = format!("`{path}` is an empty table");
            let problem = Problem::new(Location::Value(path.clone()), title)
                .label("expected one key")
                .help(alternatives(words, forms));
            self.problems.push(problem);
        }
        chosen.sort_by_key(|path| self.tree.find(path.steps()).map(|entry| entry.key.start));
        self.problems.extend(several_forms(path, &chosen));
    }
}

/// The problem of a word that is written as the key of a table.
fn word_as_key(path: &KeyPath, word: &str) -> Problem {
    Problem::new(Location::Key(path.join(word)), format!("`{word}` takes no value"))
        .label("found as the key of a table")
        .help(assignment(path, &format!("\"{word}\"")))
}

/// The problems of a choice with several forms; `chosen` are those that it has, in the order of the
/// text.
fn several_forms(path: &KeyPath, chosen: &[KeyPath]) -> Vec<Problem> {
    let [first, others @ ..] = chosen else { return Vec::new() };
    let problem = |other: &KeyPath| {
        let title = format!("`{}` and `{}` exclude each other", first.last(), other.last());
        Problem::new(Location::Key(other.clone()), title)
            .label("a second form")
            .also(Location::Key(first.clone()), "the first form")
            .help(format!("keep one of them, such as `{path} = {{ {} = … }}`", other.last()))
    };
    others.iter().map(problem).collect()
}

/// Returns how a value is written: after its key, or alone if it is an item of a list.
fn assignment(path: &KeyPath, value: &str) -> String {
    match path.last().parse::<usize>() {
        Ok(_) => format!("write `{value}`"),
        Err(_) => format!("write `{} = {value}`", path.last()),
    }
}
