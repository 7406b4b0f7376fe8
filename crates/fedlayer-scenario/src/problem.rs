//! [`Problem`]: a fault of a scenario: where it is, what was found, what is allowed and what to do.

use std::ops::Range;

use crate::toml_tree::KeyPath;

/// The location of a fault.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Location {
    /// The key with this path. An item of a list is its own key.
    Key(KeyPath),
    /// The value with this path.
    Value(KeyPath),
    /// These bytes of the file, which are not TOML.
    Bytes(Range<usize>),
    /// The `--set` with this index, which could not be applied.
    Setting(usize),
}

/// A fault of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    /// Its location.
    pub(crate) at: Location,
    /// The fault in one line.
    pub(crate) title: String,
    /// The text beside the caret: what was found.
    pub(crate) label: Option<String>,
    /// Another location that is involved, and the text beside it.
    pub(crate) also: Option<(Location, String)>,
    /// Lines on what is allowed and what to do.
    pub(crate) help: Vec<String>,
    /// True if a file is missing or cannot be opened; the scenario itself may be right.
    pub(crate) is_absence: bool,
}

impl Problem {
    /// A problem with only a title.
    pub(crate) fn new(at: Location, title: impl Into<String>) -> Self {
        Self {
            at,
            title: title.into(),
            label: None,
            also: None,
            help: Vec::new(),
            is_absence: false,
        }
    }

    /// Adds a text beside the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Marks the problem as one of a missing file, if `is_absence` is true.
    pub(crate) fn absence(mut self, is_absence: bool) -> Self {
        self.is_absence = is_absence;
        self
    }

    /// Adds another location.
    pub(crate) fn also(mut self, at: Location, label: impl Into<String>) -> Self {
        self.also = Some((at, label.into()));
        self
    }

    /// Adds a line on what is allowed or what to do, if there is one.
    pub(crate) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help.extend(help.into());
        self
    }
}

/// The distinct problems of several checks, each with the number of checks that found it and the
/// name of the first one.
#[derive(Debug, Default)]
pub(crate) struct ProblemGroups(Vec<(Problem, usize, String)>);

impl ProblemGroups {
    /// Adds the problems of the check called `name`.
    pub(crate) fn add(&mut self, problems: impl IntoIterator<Item = Problem>, name: &str) {
        for problem in problems {
            match self.0.iter_mut().find(|(known, ..)| *known == problem) {
                Some((_, checks, _)) => *checks += 1,
                None => self.0.push((problem, 1, name.to_owned())),
            }
        }
    }

    /// Returns the number of distinct problems.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no problem.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the problems, each with a help that names its checks: `help` gets their number and
    /// the name of the first one.
    pub(crate) fn with_help(self, help: impl Fn(usize, &str) -> String) -> Vec<Problem> {
        let with_help =
            |(problem, checks, first): (Problem, usize, String)| problem.help(help(checks, &first));
        self.0.into_iter().map(with_help).collect()
    }
}
