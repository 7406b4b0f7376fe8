//! Lines of a table: their numbers, the memory that they need, and errors about their length.

use std::io::Read;

use ::csv::{ErrorKind, Position};

use super::{
    super::{DecodeError, DecodeFault, FilePosition, FileReader},
    dialect,
};

/// The bytes of memory of a number, in 64 and then in 32 bits.
const NUMBER: u64 = 12;

/// The bytes of memory of the rest of a line: its label and its owner, with their names.
const LINE: u64 = 96;

/// Checks that there is memory for the examples of a table.
pub(super) fn have_room<R: Read>(
    input: &FileReader<R>,
    text: &str,
    separator: u8,
) -> Result<(), DecodeError> {
    let count = |wanted: u8| text.bytes().filter(|&byte| byte == wanted).count() as u64;
    let lines = 1 + count(b'\n');
    input.has_room_for((count(separator) + lines) * NUMBER + lines * LINE)
}

/// Refuses a comment above the names: a first line that begins with `#` and has another number of
/// columns than the next one.
pub(super) fn refuse_first_comment<R: Read>(
    input: &FileReader<R>,
    text: &str,
    separator: u8,
) -> Result<(), DecodeError> {
    let Some((first, rest)) = text.trim_start_matches(is_line_end).split_once('\n') else {
        return Ok(());
    };
    let columns = |text: &str| dialect::columns(text, separator);
    if !first.starts_with('#') || columns(first) == columns(rest) {
        return Ok(());
    }
    let found = format!("`{}`", first.trim());
    let error = input.fault_at(
        FilePosition::Line(1),
        DecodeFault::Shape,
        found,
        "the names of the columns",
    );
    Err(error.with_help(COMMENT))
}

/// The advice for a comment.
const COMMENT: &str = "comments are not read: delete the line";

/// Returns the number of the line at which a record begins, counted from 1. Empty lines before it
/// are skipped.
pub(super) fn number(text: &str, position: Option<&Position>) -> u64 {
    let begin = begin(text, position);
    1 + text.as_bytes()[..begin].iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Returns the byte at which a record begins.
fn begin(text: &str, position: Option<&Position>) -> usize {
    let from = position.map_or(0, |position| position.byte() as usize).min(text.len());
    let rest = &text.as_bytes()[from..];
    from + rest.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count()
}

fn is_line_end(character: char) -> bool {
    matches!(character, '\r' | '\n')
}

/// Turns an error of the CSV reader into a fault of the file.
pub(super) fn unreadable<R: Read>(
    input: &FileReader<R>,
    text: &str,
    error: &::csv::Error,
) -> DecodeError {
    let position = FilePosition::Line(number(text, error.position()));
    let ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind() else {
        return input.fault_at(
            position,
            DecodeFault::Unreadable,
            format!("`{error}`"),
            "readable data",
        );
    };
    let bytes = &text.as_bytes()[begin(text, error.position())..];
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let line = String::from_utf8_lossy(&bytes[..end]);
    let plural = if *len == 1 { "" } else { "s" };
    let found = format!("{len} column{plural}");
    let expected = format!("{expected_len}, as many as the first line has");
    let error = input.fault_at(position, DecodeFault::Shape, found, expected);
    error.with_help(help(line.trim_end_matches('\r'), *expected_len, *len))
}

/// Advises what to do about a line that has another number of columns than the first.
fn help(line: &str, expected: u64, found: u64) -> &'static str {
    let trimmed = line.trim();
    let ends_open = trimmed.ends_with([',', ';', '|']) || line.ends_with('\t');
    if trimmed.is_empty() {
        return "the line holds only white space: delete it";
    }
    if trimmed.starts_with(['#', '%']) || trimmed.starts_with("//") {
        return COMMENT;
    }
    if found > expected && ends_open {
        return "the line ends with a separator, and the first line does not: delete it there";
    }
    if found > expected {
        return "put a field that holds the separator into double quotes, or leave out the extra fields";
    }
    if expected > 2 && found == 1 {
        return "this line is not part of the table: delete it";
    }
    "fill in the missing values, or delete the line"
}
