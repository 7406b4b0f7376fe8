//! [`walk`]: holds a parsed text against the shape of a scenario, and gathers everything that is wrong.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::{
    limits::MOST_PROBLEMS,
    problem::{At, Problem},
    scalar,
    shape::{Field, Shape},
    tree::{Path, Tree},
    words::{count, cut, did_you_mean, join, name, names, nearest},
};

/// What to do about a wrong value of a free key.
const FREE_KEY: &str =
    "values stand in brackets, and a key with points in quotes: `\"local.epochs\" = [1, 2]`";

/// Everything about a text that does not fit the shape.
pub(crate) fn walk(tree: &Tree<'_>, shape: &Shape) -> Vec<Problem> {
    let mut walk = Walk { tree, root: shape, problems: Vec::new() };
    walk.value(&Path::default(), tree.root(), shape);
    walk.problems
}

struct Walk<'s> {
    tree: &'s Tree<'s>,
    root: &'s Shape,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    /// Whether so much is wrong that no more is looked for.
    fn is_full(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    fn value(&mut self, path: &Path, found: &DeValue<'_>, shape: &Shape) {
        if self.is_full() {
            return;
        }
        match (shape, found) {
            (Shape::Anything, _) | (Shape::Boolean, DeValue::Boolean(_)) => {}
            (Shape::Table(fields), DeValue::Table(table)) => self.table(path, table, fields),
            (Shape::Map(item), DeValue::Table(table)) => {
                for (key, found) in table {
                    if self.is_full() {
                        return;
                    }
                    let path = path.join(key.get_ref());
                    if accepts(item, found.get_ref()) {
                        self.value(&path, found.get_ref(), item);
                    } else {
                        let problem = scalar::wrong_type(&path, found.get_ref(), item);
                        self.problems.push(problem.help(FREE_KEY.to_owned()));
                    }
                }
            }
            (Shape::List { item, len }, DeValue::Array(items)) => {
                if !len.contain(items.len() as f64) {
                    let allowed = len.words().unwrap_or_default();
                    let title = match items.is_empty() {
                        true => format!("`{path}` must not be empty"),
                        false => format!("`{path}` must have {allowed} items"),
                    };
                    let label = format!("found {}", count(items.len(), "item"));
                    self.problems.push(Problem::new(At::Value(path.clone()), title).label(label));
                    if items.len() > MOST_PROBLEMS {
                        // One problem is enough for a list of a million items.
                        return;
                    }
                }
                for (index, found) in items.iter().enumerate() {
                    self.value(&path.join(index), found.get_ref(), item);
                }
            }
            (Shape::Integer(bounds), DeValue::Integer(found)) => {
                self.problems.extend(scalar::integer(path, found, bounds));
            }
            (Shape::Number(bounds), DeValue::Integer(found)) => {
                self.problems.extend(scalar::whole_number(path, found, bounds));
            }
            (Shape::Number(bounds), DeValue::Float(found)) => {
                self.problems.extend(scalar::number(path, found, bounds));
            }
            (Shape::Text(len), DeValue::String(found)) => {
                self.problems.extend(scalar::text(path, found, len));
            }
            (Shape::Choice { words, forms }, DeValue::String(found)) => {
                self.word(path, found, words, forms);
            }
            (Shape::Choice { words, forms }, DeValue::Table(table)) => {
                self.form(path, table, words, forms);
            }
            (Shape::Either(shapes), _) => match shapes.iter().find(|shape| accepts(shape, found)) {
                Some(shape) => self.value(path, found, shape),
                None => self.problems.push(scalar::wrong_type(path, found, shape)),
            },
            _ => self.problems.push(scalar::wrong_type(path, found, shape)),
        }
    }

    fn table(&mut self, path: &Path, table: &DeTable<'_>, fields: &BTreeMap<String, Field>) {
        let mut meant = Vec::new();
        for (key, found) in table {
            if self.is_full() {
                return;
            }
            match fields.get(key.get_ref().as_ref()) {
                Some(field) => self.value(&path.join(key.get_ref()), found.get_ref(), &field.shape),
                None => {
                    meant.extend(nearest(key.get_ref(), fields.keys().map(String::as_str)));
                    let label = match path.steps() {
                        [] => "not a key of a scenario".to_owned(),
                        _ => format!("not a key of {}", name(path.to_string())),
                    };
                    let keys = names(fields.keys());
                    self.unknown_key(path, key.get_ref(), label, fields.keys(), || {
                        format!("the keys here are {keys}")
                    });
                }
            }
        }
        self.missing_keys(path, table, fields, &meant);
    }

    /// The keys that must be there and are not, but for those that a misspelt key was `meant` to be.
    fn missing_keys(
        &mut self,
        path: &Path,
        table: &DeTable<'_>,
        fields: &BTreeMap<String, Field>,
        meant: &[&str],
    ) {
        let absent = |name: &str| !table.contains_key(name) && !meant.contains(&name);
        let mut missing: Vec<(&String, &Field)> = fields
            .iter()
            .filter(|(name, field)| field.required.is_some() && absent(name))
            .collect();
        missing.sort_by_key(|(_, field)| field.required);
        if missing.is_empty() {
            return;
        }
        let keys: Vec<String> = missing.iter().map(|(key, _)| name(key)).collect();
        let (plural, them) = if keys.len() == 1 { ("", "it") } else { ("s", "them") };
        let title = format!("missing key{plural} {}", join(&keys, "and"));
        let label = match path.steps() {
            [] => format!("a scenario needs {them}"),
            _ => format!("{} needs {them}", name(path.to_string())),
        };
        let mut problem = Problem::new(At::Value(path.clone()), title).label(label);
        for (key, field) in missing {
            problem = problem.help(format!("{}: {}", name(key), field.about));
        }
        self.problems.push(problem);
    }

    /// A key that is not there to be written, with what was probably meant.
    fn unknown_key<'k>(
        &mut self,
        path: &Path,
        key: &str,
        label: String,
        allowed: impl Iterator<Item = &'k String>,
        list: impl Fn() -> String,
    ) {
        let meant = did_you_mean(key, allowed.map(String::as_str));
        let elsewhere = if meant.is_none() { self.elsewhere(key) } else { None };
        let problem = Problem::new(At::Key(path.join(key)), format!("unknown key {}", name(key)))
            .label(label)
            .help(meant)
            .help(elsewhere)
            .help(list());
        self.problems.push(problem);
    }

    /// Where a key belongs that stands in the wrong table.
    fn elsewhere(&self, key: &str) -> Option<String> {
        let keys = self.root.keys();
        let places: Vec<String> = keys
            .into_iter()
            .filter(|(_, name)| name == key)
            .map(|(above, _)| above.join("."))
            .collect();
        if places.iter().any(String::is_empty) {
            return Some(format!(
                "`{key}` belongs at the top of the scenario, above the first `[table]`"
            ));
        }
        let places: Vec<String> = places.iter().map(name).collect();
        (!places.is_empty()).then(|| format!("`{key}` is a key of {}", join(&places, "and of")))
    }

    fn word(&mut self, path: &Path, found: &str, words: &[String], forms: &[(String, Shape)]) {
        if words.iter().any(|word| word == found) {
            return;
        }
        let at = At::Value(path.clone());
        if forms.iter().any(|(form, _)| form == found) {
            let problem = Problem::new(at, format!("`{found}` needs a value"))
                .label("found the word alone")
                .help(written(path, &format!("{{ {found} = … }}")));
            self.problems.push(problem);
            return;
        }
        let all = words.iter().chain(forms.iter().map(|(form, _)| form));
        let problem = Problem::new(at, format!("unknown word {} for `{path}`", name(found)))
            .label("not one of its words")
            .help(did_you_mean(found, all.map(String::as_str)))
            .help(allowed(words, forms));
        self.problems.push(problem);
    }

    fn form(
        &mut self,
        path: &Path,
        table: &DeTable<'_>,
        words: &[String],
        forms: &[(String, Shape)],
    ) {
        let mut chosen: Vec<Path> = Vec::new();
        for (key, found) in table {
            if self.is_full() {
                return;
            }
            let key = key.get_ref().as_ref();
            if let Some((_, shape)) = forms.iter().find(|(form, _)| form == key) {
                chosen.push(path.join(key));
                self.value(&path.join(key), found.get_ref(), shape);
            } else if words.iter().any(|word| word == key) {
                let problem =
                    Problem::new(At::Key(path.join(key)), format!("`{key}` takes no value"))
                        .label("found as the key of a table")
                        .help(written(path, &format!("\"{key}\"")));
                self.problems.push(problem);
            } else {
                let all = words.iter().chain(forms.iter().map(|(form, _)| form));
                let label = format!("not a form of {}", name(path.to_string()));
                self.unknown_key(path, key, label, all, || allowed(words, forms));
            }
        }
        if table.is_empty() {
            let problem =
                Problem::new(At::Value(path.clone()), format!("`{path}` is an empty table"))
                    .label("it must say one thing")
                    .help(allowed(words, forms));
            self.problems.push(problem);
        }
        chosen.sort_by_key(|path| self.tree.find(path.steps()).map(|place| place.key.start));
        if let [first, others @ ..] = &chosen[..] {
            for other in others {
                let title =
                    format!("`{}` and `{}` exclude one another", first.last(), other.last());
                let problem = Problem::new(At::Key(other.clone()), title)
                    .label("a second form")
                    .also(At::Key(first.clone()), "the first form")
                    .help(format!(
                        "keep one of them: `{path} = {{ {} = … }}` is the whole of it",
                        other.last()
                    ));
                self.problems.push(problem);
            }
        }
    }
}

/// Whether a value is of a type that the shape takes.
fn accepts(shape: &Shape, found: &DeValue<'_>) -> bool {
    match shape {
        Shape::Table(_) | Shape::Map(_) => found.is_table(),
        Shape::List { .. } => found.is_array(),
        Shape::Integer(_) => found.is_integer(),
        Shape::Number(_) => found.is_integer() || found.is_float(),
        Shape::Text(_) => found.is_str(),
        Shape::Boolean => found.is_bool(),
        Shape::Choice { words, forms } => {
            found.is_str() && !words.is_empty() || found.is_table() && !forms.is_empty()
        }
        Shape::Either(shapes) => shapes.iter().any(|shape| accepts(shape, found)),
        Shape::Anything => true,
    }
}

/// How a value is written at a place: after its key, or alone where it is an item of a list.
fn written(path: &Path, value: &str) -> String {
    match path.last().parse::<usize>() {
        Ok(_) => format!("write `{value}`"),
        Err(_) => format!("write `{} = {value}`", path.last()),
    }
}

/// Which words and forms there are: ``allowed: `"iid"` or `{ dirichlet = … }` ``.
pub(crate) fn allowed(words: &[String], forms: &[(String, Shape)]) -> String {
    let words = words.iter().map(|word| format!("`\"{}\"`", cut(word)));
    let forms = forms.iter().map(|(form, _)| format!("`{{ {form} = … }}`"));
    let all: Vec<String> = words.chain(forms).collect();
    format!("allowed: {}", join(&all, "or"))
}
