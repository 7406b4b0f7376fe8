//! [`Cell`]: a value of a table; [`CellType`]: the values of a column.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

/// A value of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    /// No value.
    Null,
    /// A whole number from 0: a count, an index, bytes.
    Count(u64),
    /// A finite number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A word or a name.
    Text(Cow<'a, str>),
}

/// The values of a column, beside null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellType {
    /// 64 bits without a sign.
    Count,
    /// 64 bits, floating point.
    Number,
    /// True or false.
    Flag,
    /// UTF-8.
    Text,
}

impl<'a> Cell<'a> {
    /// Makes the cell of a number; null if it is absent or not finite.
    pub(crate) fn number(value: impl Into<Option<f64>>) -> Self {
        value.into().filter(|value| value.is_finite()).map_or(Self::Null, Self::Number)
    }

    /// Makes the cell of a text.
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Makes the cell of a text that may be absent.
    pub(crate) fn text_if_any(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// Makes the cell of a value with a fixed set of words: the word that the JSON lines have.
    pub(crate) fn word(value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(Value::String(word)) => Self::Text(Cow::Owned(word)),
            _ => Self::Null,
        }
    }

    /// Returns the number that a plot of this cell shows.
    pub(crate) fn plotted(&self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(*count as f64),
            Self::Number(number) => Some(*number),
            Self::Null | Self::Flag(_) | Self::Text(_) => None,
        }
    }
}
