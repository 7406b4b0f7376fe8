//! [`Tree`]: a parsed TOML text that knows where everything stands; [`Path`]: the way to a value in it.

use std::{fmt, ops::Range};

use fedlayer_core::printable;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};

/// The way from the top of a scenario to a value: keys, and indices counted from 0 (`strategy.0.name`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// The path of one more key or index.
    pub(crate) fn join(&self, step: impl ToString) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.to_string());
        Self(steps)
    }

    /// The keys and indices.
    pub(crate) fn steps(&self) -> &[String] {
        &self.0
    }

    /// The last key or index; nothing at the top.
    pub(crate) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The path without its last step; the top's is the top.
    pub(crate) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// Whether the place that `other` names is this one or inside it.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

/// Reads `local.epochs`.
impl From<&str> for Path {
    fn from(text: &str) -> Self {
        Self(text.split('.').map(|step| step.trim().to_owned()).collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.join(".")))
    }
}

/// Where a value and its key stand in a text, as byte ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The key. An item of a list has none: its value stands here.
    pub(crate) key: Range<usize>,
    /// The value. A table's is its header, or its braces.
    pub(crate) value: Range<usize>,
}

/// A parsed TOML text that knows where everything stands.
#[derive(Debug)]
pub(crate) struct Tree<'t> {
    root: Spanned<DeValue<'t>>,
}

impl<'t> Tree<'t> {
    /// Reads a scenario's text. Together with what could be read come the errors of syntax; without them it is whole.
    pub(crate) fn document(text: &'t str) -> (Self, Vec<Error>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let span = table.span();
        (Self { root: Spanned::new(span, DeValue::Table(table.into_inner())) }, errors)
    }

    /// Reads a single value; nothing where it is none.
    pub(crate) fn value(text: &'t str) -> Option<Self> {
        DeValue::parse(text).ok().map(|root| Self { root })
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> &DeValue<'t> {
        self.root.get_ref()
    }

    /// Where `steps` leads; nothing where nothing stands there.
    pub(crate) fn find(&self, steps: &[String]) -> Option<Place> {
        let mut place = Place { key: self.root.span(), value: self.root.span() };
        let mut at = self.root.get_ref();
        for step in steps {
            let (key, value) = match at {
                DeValue::Table(table) => {
                    let (key, value) = table.get_key_value(step.as_str())?;
                    (key.span(), value)
                }
                DeValue::Array(items) => {
                    let value = items.get(step.parse::<usize>().ok()?)?;
                    (value.span(), value)
                }
                _ => return None,
            };
            place = Place { key, value: value.span() };
            at = value.get_ref();
        }
        Some(place)
    }

    /// The path to the innermost value that stands at a byte of the text.
    pub(crate) fn path_at(&self, byte: usize) -> Path {
        let mut path = Path::default();
        let mut at = self.root.get_ref();
        let holds = |value: &Spanned<DeValue<'_>>| {
            value.span().contains(&byte) || deep_holds(value.get_ref(), byte)
        };
        loop {
            let step = match at {
                DeValue::Table(table) => table
                    .iter()
                    .find(|(key, value)| key.span().contains(&byte) || holds(value))
                    .map(|(key, value)| (key.get_ref().to_string(), value)),
                DeValue::Array(items) => items
                    .iter()
                    .enumerate()
                    .find(|(_, value)| holds(value))
                    .map(|(index, value)| (index.to_string(), value)),
                _ => None,
            };
            let Some((step, value)) = step else { return path };
            path = path.join(step);
            at = value.get_ref();
        }
    }
}

/// Whether something inside a value stands at a byte; a table's own span is its header alone.
fn deep_holds(value: &DeValue<'_>, byte: usize) -> bool {
    let inside = |value: &Spanned<DeValue<'_>>| {
        value.span().contains(&byte) || deep_holds(value.get_ref(), byte)
    };
    match value {
        DeValue::Table(table) => {
            table.iter().any(|(key, value)| key.span().contains(&byte) || inside(value))
        }
        DeValue::Array(items) => items.iter().any(inside),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\n[b.c]\nd = { e = [10, 20] }\n[[f]]\ng = 'h'\n";

    fn find(path: &str) -> Option<(&'static str, &'static str)> {
        let (tree, errors) = Tree::document(TEXT);
        assert!(errors.is_empty());
        let place = tree.find(Path::from(path).steps())?;
        Some((&TEXT[place.key], &TEXT[place.value]))
    }

    #[test]
    fn a_path_leads_to_the_key_and_the_value() {
        assert_eq!(find("a"), Some(("a", "1")));
        assert_eq!(find("b.c"), Some(("c", "[b.c]")));
        assert_eq!(find("b.c.d.e.1"), Some(("20", "20")));
        assert_eq!(find("f.0"), Some(("[[f]]", "[[f]]")));
        assert_eq!(find("f.0.g"), Some(("g", "'h'")));
        for missing in ["x", "a.x", "b.c.d.e.2", "b.c.d.e.x", "f.g"] {
            assert_eq!(find(missing), None, "{missing}");
        }
    }

    #[test]
    fn a_byte_leads_to_the_path() {
        let (tree, _) = Tree::document(TEXT);
        for path in ["a", "b.c.d.e.1", "f.0.g"] {
            let place = tree.find(Path::from(path).steps()).unwrap();
            assert_eq!(tree.path_at(place.value.start).to_string(), path);
        }
        assert_eq!(tree.path_at(usize::MAX), Path::default());
    }
}
