//! Turns bytes into examples, one module a format. Nothing here opens a file.
//!
//! A decoder reads through a [`FileReader`], which decompresses and counts bytes: every error names
//! its position. No decoder panics, and none allocates more than a small multiple of the bytes that
//! the file has, whatever a header claims. `fuzz/` drives each.
//!
//! ```
//! use fedlayer_data::decode::{DecodeFault, FileReader, idx};
//!
//! // A header of 2³¹ images of 28 × 28 pixels, and no pixels.
//! let bytes = [0, 0, 8, 3, 128, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28];
//! let mut input = FileReader::new("images", &bytes[..])?;
//! let header = idx::ImageHeader::read(&mut input)?;
//! assert_eq!((header.count, header.height, header.width), (1 << 31, 28, 28));
//! let error = header.pixels(&mut input, header.count).unwrap_err();
//! assert_eq!(error.fault, DecodeFault::Truncated);
//! # Ok::<(), fedlayer_data::DecodeError>(())
//! ```

pub mod array;
pub mod cifar;
pub mod csv;
pub mod idx;
pub mod label;
pub mod npy;
pub mod numbers;
pub mod safetensors;
pub mod text;

mod file_reader;

use std::fmt;

use thiserror::Error;

pub use file_reader::{FileReader, LARGEST_FILE};

/// An error in the contents of a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{file}`, {position}: found {found}; expected {expected}")]
pub struct DecodeError {
    /// The file.
    pub file: String,
    /// The position in the file, after decompression.
    pub position: FilePosition,
    /// The kind of fault.
    pub fault: DecodeFault,
    /// A description of what was found.
    pub found: String,
    /// A description of what was expected there.
    pub expected: String,
    /// How to mend the file, if that is known.
    pub help: Option<Box<str>>,
}

impl DecodeError {
    /// Adds how to mend the file.
    pub(crate) fn with_help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A position in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePosition {
    /// A byte, counted from 0.
    Byte(u64),
    /// A line, counted from 1.
    Line(u64),
    /// An example, counted from 0 in the order of the file.
    Example(usize),
    /// A column of a line, both counted from 1.
    Field {
        /// The line.
        line: u64,
        /// The column.
        column: usize,
    },
}

impl fmt::Display for FilePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(offset) => write!(f, "byte {offset}"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Example(index) => write!(f, "example {index}"),
            Self::Field { line, column } => write!(f, "line {line}, column {column}"),
        }
    }
}

/// The kind of fault that a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeFault {
    /// The file ends too early.
    Truncated,
    /// The file continues after its expected end.
    TooLong,
    /// The file does not begin as its format does.
    Magic,
    /// A length or a shape is wrong.
    Shape,
    /// A label is not one of the classes.
    Label,
    /// A value is not a finite number.
    Value,
    /// A text is not UTF-8.
    Text,
    /// The contents need more memory than there is.
    TooLarge,
    /// The gzip data do not decompress.
    Gzip,
    /// The file cannot be read.
    Unreadable,
}
