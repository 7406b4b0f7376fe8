//! Where problems stand: from paths in the effective scenario to bytes of the file or of a `--set`.

use std::ops::Range;

use crate::{
    problem::{At, Problem},
    report::{Diagnostics, Placed, Source, Spot},
    setting::Setting,
    tree::{Path, Tree},
};

/// What a scenario was read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'o> {
    /// What messages call the file.
    pub(crate) name: &'o str,
    /// The file's text.
    pub(crate) text: &'o str,
    /// The file's text, parsed.
    pub(crate) tree: &'o Tree<'o>,
    /// The changes.
    pub(crate) settings: &'o [Setting],
}

impl Origin<'_> {
    /// The report of these problems.
    pub(crate) fn report(&self, problems: Vec<Problem>) -> Diagnostics {
        let file = Source::File { name: self.name.to_owned(), text: self.text.to_owned() };
        let settings = self.settings.iter().map(|set| Source::Setting(set.text().to_owned()));
        let place = |problem: Problem| Placed {
            spot: self.spot(&problem.at, problem.label),
            title: problem.title,
            also: problem.also.map(|(at, label)| self.spot(&at, Some(label))),
            help: problem.help,
            is_absence: problem.is_absence,
        };
        let placed = problems.into_iter().map(place).collect();
        Diagnostics::new(std::iter::once(file).chain(settings).collect(), placed)
    }

    fn spot(&self, at: &At, label: Option<String>) -> Spot {
        let (source, span) = match at {
            At::Bytes(span) => (0, span.clone()),
            At::Setting(index) => (index + 1, self.settings[*index].key_span()),
            At::Key(path) => self.find(path, Part::Key),
            At::Value(path) => self.find(path, Part::Value),
        };
        Spot { source, span, label }
    }

    /// The source and the bytes of a path: in the last setting that gave it its value, or else in the file. A path that is
    /// nowhere, such as that of a default, stands where the nearest table around it does.
    fn find(&self, path: &Path, part: Part) -> (usize, Range<usize>) {
        let set = self.settings.iter().enumerate().rev();
        for (index, setting) in set {
            if setting.path().contains(path) {
                let inside = &path.steps()[setting.path().steps().len()..];
                let span = match (part, inside) {
                    (Part::Key, []) => setting.key_span(),
                    _ => setting.value_span(inside),
                };
                return (index + 1, span);
            }
            if path.contains(setting.path()) && self.tree.find(path.steps()).is_none() {
                return (index + 1, setting.key_span());
            }
        }
        match self.tree.find(path.steps()) {
            Some(place) if part == Part::Key => (0, place.key),
            Some(place) => (0, place.value),
            None => self.find(&path.parent(), part),
        }
    }
}

/// Which part of an entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Key,
    Value,
}
