//! [`ScenarioText::diagnostics`]: from key paths of the effective scenario to bytes of the file or
//! of a `--set`.

use std::ops::Range;

use crate::{
    diagnostics::{DiagnosticSource, Diagnostics, LocatedProblem, SourceSpan},
    problem::{Location, Problem},
    setting::Setting,
    toml_tree::{KeyPath, TomlTree},
};

/// The texts that a scenario was read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScenarioText<'o> {
    /// The file's name in messages.
    pub(crate) name: &'o str,
    /// The file's text.
    pub(crate) text: &'o str,
    /// The file's text, parsed.
    pub(crate) tree: &'o TomlTree<'o>,
    /// The changes by `--set`.
    pub(crate) settings: &'o [Setting],
}

impl ScenarioText<'_> {
    /// Finds each problem's position in the texts.
    pub(crate) fn diagnostics(&self, problems: Vec<Problem>) -> Diagnostics {
        let file =
            DiagnosticSource::File { name: self.name.to_owned(), text: self.text.to_owned() };
        let settings =
            self.settings.iter().map(|set| DiagnosticSource::Setting(set.text().to_owned()));
        let located = |problem: Problem| LocatedProblem {
            spot: self.spot(&problem.at, problem.label),
            title: problem.title,
            also: problem.also.map(|(at, label)| self.spot(&at, Some(label))),
            help: problem.help,
            is_absence: problem.is_absence,
        };
        let located = problems.into_iter().map(located).collect();
        Diagnostics::new(std::iter::once(file).chain(settings).collect(), located)
    }

    fn spot(&self, at: &Location, label: Option<String>) -> SourceSpan {
        let (source, span) = match at {
            Location::Bytes(span) => (0, span.clone()),
            Location::Setting(index) => (index + 1, self.settings[*index].key_span()),
            Location::Key(path) => self.find(path, EntryPart::Key),
            Location::Value(path) => self.find(path, EntryPart::Value),
        };
        SourceSpan { source, span, label }
    }

    /// Returns the source and the bytes of a path: in the last setting that gave the path its
    /// value, otherwise in the file. A path that is in neither, such as that of a default, is
    /// located at the nearest table around it.
    fn find(&self, path: &KeyPath, part: EntryPart) -> (usize, Range<usize>) {
        let set = self.settings.iter().enumerate().rev();
        for (index, setting) in set {
            if setting.path().contains(path) {
                let inside = &path.steps()[setting.path().steps().len()..];
                let span = match (part, inside) {
                    (EntryPart::Key, []) => setting.key_span(),
                    _ => setting.value_span(inside),
                };
                return (index + 1, span);
            }
            if path.contains(setting.path()) && self.tree.find(path.steps()).is_none() {
                return (index + 1, setting.key_span());
            }
        }
        match self.tree.find(path.steps()) {
            Some(entry) if part == EntryPart::Key => (0, entry.key),
            Some(entry) => (0, entry.value),
            None => self.find(&path.parent(), part),
        }
    }
}

/// A part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryPart {
    Key,
    Value,
}
