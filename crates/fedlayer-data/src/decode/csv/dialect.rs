//! The dialect of a table: its encoding, line ends and separator.

use std::io::Read;

use ::csv::{ReaderBuilder, StringRecord};
use fedlayer_core::text::quoted;

use super::super::{
    DecodeError, DecodeFault, FilePosition, FileReader,
    text::{AS_UTF8, BOM},
};

/// The separators in files that are called CSV, with their names in messages.
const SEPARATORS: [(u8, &str); 4] =
    [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs"), (b'|', "bars")];

/// Reads the rest of a file as text with lines that end in `\n` or `\r\n`, without the byte order
/// mark.
pub(super) fn text<R: Read>(input: &mut FileReader<R>) -> Result<String, DecodeError> {
    let bytes = input.rest()?;
    let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let found = if is_utf16 { "a text in UTF-16" } else { "bytes that are not UTF-8" };
        input
            .fault_at(FilePosition::Line(line), DecodeFault::Text, found, "text in UTF-8")
            .with_help(AS_UTF8)
    })?;
    let text = text.strip_prefix(BOM).map(str::to_owned).unwrap_or(text);
    // Old Macintosh programs end lines in `\r` alone.
    let ends_in_cr_alone = text.contains('\r') && !text.contains('\n');
    Ok(if ends_in_cr_alone { text.replace('\r', "\n") } else { text })
}

/// Returns the separator: the one in the scenario, or a comma.
///
/// # Errors
/// When another separator splits the first line better.
pub(super) fn separator<R: Read>(
    input: &FileReader<R>,
    text: &str,
    asked: Option<u8>,
) -> Result<u8, DecodeError> {
    let used = asked.unwrap_or(b',');
    let here = columns(text, used);
    let others = SEPARATORS.iter().filter(|(other, _)| *other != used);
    let best = others.map(|&(other, name)| (columns(text, other), other, name));
    let Some((there, other, name)) = best.max_by_key(|(columns, ..)| *columns) else {
        return Ok(used);
    };
    // A separator in the scenario is trusted, unless it separates nothing.
    let is_doubtful = there >= 2 && (here == 1 || asked.is_none() && there >= here);
    if !is_doubtful {
        return Ok(used);
    }
    let plural = if here == 1 { "" } else { "s" };
    let found =
        format!("{here} column{plural} between {} and {there} between {name}", called(used));
    let expected = format!("columns between {}", called(used));
    let other = quoted(&char::from(other).to_string());
    let help = format!(
        "write `separator = {other}` beside `train`; decimal commas besides: `pandas.read_csv(\"train.csv\", sep={other}, decimal=\",\").to_csv(\"train.csv\", index=False)`"
    );
    Err(input.fault_at(FilePosition::Line(1), DecodeFault::Shape, found, expected).with_help(help))
}

/// Names a separator in messages.
fn called(separator: u8) -> String {
    let known = SEPARATORS.iter().find(|(known, _)| *known == separator);
    known.map_or_else(|| format!("`{}`", char::from(separator)), |(_, name)| (*name).to_owned())
}

/// Returns the number of columns of the first line.
pub(super) fn columns(text: &str, separator: u8) -> usize {
    let mut builder = ReaderBuilder::new();
    let builder = builder.delimiter(separator).has_headers(false);
    let mut record = StringRecord::new();
    let read = builder.from_reader(text.as_bytes()).read_record(&mut record);
    if read.is_ok() { record.len() } else { 0 }
}
