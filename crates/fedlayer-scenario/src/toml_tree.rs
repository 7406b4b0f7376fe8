//! [`TomlTree`]: a parsed TOML text with the positions of its values; [`KeyPath`]: the path to a
//! value.

use std::{fmt, ops::Range};

use fedlayer_core::text::printable;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};

/// The path from the top of a scenario to a value: keys, and indices counted from 0
/// (`strategy.0.name`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct KeyPath(Vec<String>);

impl KeyPath {
    /// Returns the path with one more key or index.
    pub(crate) fn join(&self, step: impl ToString) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.to_string());
        Self(steps)
    }

    /// Returns the keys and indices.
    pub(crate) fn steps(&self) -> &[String] {
        &self.0
    }

    /// Returns the last key or index; empty at the top.
    pub(crate) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// Returns the path without its last step. The parent of the top is the top.
    pub(crate) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// Returns whether `other` is this path or leads to something inside it.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

/// Reads a path such as `local.epochs`.
impl From<&str> for KeyPath {
    fn from(text: &str) -> Self {
        Self(text.split('.').map(|step| step.trim().to_owned()).collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.join(".")))
    }
}

/// The byte ranges of an entry's key and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntrySpan {
    /// The key. An item of a list has none; this is then the range of its value.
    pub(crate) key: Range<usize>,
    /// The value. For a table it is the header, or the braces.
    pub(crate) value: Range<usize>,
}

/// A parsed TOML text with the positions of its keys and values.
#[derive(Debug)]
pub(crate) struct TomlTree<'t> {
    root: Spanned<DeValue<'t>>,
}

impl<'t> TomlTree<'t> {
    /// Parses a scenario's text. Returns what could be read, and all syntax errors.
    pub(crate) fn document(text: &'t str) -> (Self, Vec<Error>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let span = table.span();
        (Self { root: Spanned::new(span, DeValue::Table(table.into_inner())) }, errors)
    }

    /// Parses a single value; `None` if the text is not one.
    pub(crate) fn value(text: &'t str) -> Option<Self> {
        DeValue::parse(text).ok().map(|root| Self { root })
    }

    /// Returns the outermost value.
    pub(crate) fn root(&self) -> &DeValue<'t> {
        self.root.get_ref()
    }

    /// Returns the position of the entry to which `steps` lead; `None` if there is none.
    pub(crate) fn find(&self, steps: &[String]) -> Option<EntrySpan> {
        let mut entry = EntrySpan { key: self.root.span(), value: self.root.span() };
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
            entry = EntrySpan { key, value: value.span() };
            at = value.get_ref();
        }
        Some(entry)
    }

    /// Returns the path to the innermost value at a byte of the text.
    pub(crate) fn path_at(&self, byte: usize) -> KeyPath {
        let mut path = KeyPath::default();
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

/// Returns whether a byte belongs to something inside a value. The span of a table is only its
/// header.
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
        let (tree, errors) = TomlTree::document(TEXT);
        assert!(errors.is_empty());
        let entry = tree.find(KeyPath::from(path).steps())?;
        Some((&TEXT[entry.key], &TEXT[entry.value]))
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
        let (tree, _) = TomlTree::document(TEXT);
        for path in ["a", "b.c.d.e.1", "f.0.g"] {
            let entry = tree.find(KeyPath::from(path).steps()).unwrap();
            assert_eq!(tree.path_at(entry.value.start).to_string(), path);
        }
        assert_eq!(tree.path_at(usize::MAX), KeyPath::default());
    }
}
