//! [`Problem`]: one thing that is wrong with a scenario: where, what was found, what is allowed, what to do.

use std::ops::Range;

use crate::tree::Path;

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum At {
    /// At the key with this path; an item of a list is its own key.
    Key(Path),
    /// At the value with this path.
    Value(Path),
    /// At these bytes of the file, which could not be read as TOML.
    Bytes(Range<usize>),
    /// At the value of this `--set`, which could not be applied.
    Setting(usize),
}

/// One thing that is wrong with a scenario.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    /// Where it is.
    pub(crate) at: At,
    /// What is wrong, in a line.
    pub(crate) title: String,
    /// What stands beside the caret: what was found.
    pub(crate) label: Option<String>,
    /// Another place that has to do with it, and what stands beside that.
    pub(crate) also: Option<(At, String)>,
    /// What is allowed and what to do, a line each.
    pub(crate) help: Vec<String>,
    /// Whether the scenario is right and a file that it names cannot be had.
    pub(crate) is_absence: bool,
}

impl Problem {
    /// A problem with nothing but its title.
    pub(crate) fn new(at: At, title: impl Into<String>) -> Self {
        Self {
            at,
            title: title.into(),
            label: None,
            also: None,
            help: Vec::new(),
            is_absence: false,
        }
    }

    /// With a text beside the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Of a file that cannot be had, where `is_absence` says so.
    pub(crate) fn absence(mut self, is_absence: bool) -> Self {
        self.is_absence = is_absence;
        self
    }

    /// With another place.
    pub(crate) fn also(mut self, at: At, label: impl Into<String>) -> Self {
        self.also = Some((at, label.into()));
        self
    }

    /// With a line, or none, that says what is allowed or what to do.
    pub(crate) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help.extend(help.into());
        self
    }
}
