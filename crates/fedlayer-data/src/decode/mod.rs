//! Bytes in, examples out: one module a format. Nothing here opens a file.
//!
//! A decoder reads through a [`Source`], which counts bytes, so that every error says where. No decoder panics or allocates more than a
//! constant beyond the bytes that are really there, whatever a header says.

pub mod cifar;
pub mod csv;
pub mod idx;
pub mod npy;
pub mod text;

mod source;

use std::fmt;

use thiserror::Error;

pub use source::{LARGEST_FILE, Source};

/// A file that is not what its format says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{file}`, {place}: found {found}; expected {expected}")]
pub struct DecodeError {
    /// The file.
    pub file: String,
    /// Where in the file, after decompression.
    pub place: Place,
    /// What kind of fault it is.
    pub fault: Fault,
    /// What was found.
    pub found: String,
    /// What was expected there.
    pub expected: String,
}

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A byte, counted from 0.
    Byte(u64),
    /// A line, counted from 1.
    Line(u64),
    /// A column of a line, both counted from 1.
    Field {
        /// The line.
        line: u64,
        /// The column.
        column: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(offset) => write!(f, "byte {offset}"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Field { line, column } => write!(f, "line {line}, column {column}"),
        }
    }
}

/// What kind of fault a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It ends too early.
    Truncated,
    /// It goes on where it should end.
    TooLong,
    /// It does not begin as its format does.
    Magic,
    /// A length or a shape is not what it must be.
    Shape,
    /// A label is none of the classes.
    Label,
    /// A value is no number, or not a finite one.
    Value,
    /// A text is not UTF-8.
    Text,
    /// It could not be read or decompressed.
    Unreadable,
}
