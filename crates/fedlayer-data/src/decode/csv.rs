//! Comma-separated values: a line of names, then an example a line.

use std::io::Read;

use ::csv::{ErrorKind, Position, ReaderBuilder, StringRecord};

use super::{DecodeError, Fault, Place, Source, array::in_order_of_appearance};

/// A table of numbers with a label, and perhaps an owner, for each line.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The number of columns that are features.
    pub features: usize,
    /// `(N, features)`, row-major.
    pub values: Vec<f32>,
    /// The label of each line as it is written, never empty, `(N)`.
    pub labels: Vec<String>,
    /// The owner of each line, counted from 0 in the order in which they first appear, `(N)`.
    pub groups: Option<Vec<u32>>,
}

/// Which columns are no features.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns<'a> {
    /// The column of the label; the last one where it is not named.
    pub label: Option<&'a str>,
    /// The column of the owner; none where it is not named.
    pub group: Option<&'a str>,
}

/// Reads a table.
///
/// # Errors
/// When a column is not there or is named for two things, a line is longer or shorter than the first, a feature is no finite number,
/// or a label is empty.
pub fn table<R: Read>(source: &mut Source<R>, columns: Columns<'_>) -> Result<Table, DecodeError> {
    let bytes = source.rest()?;
    let mut reader = ReaderBuilder::new().from_reader(bytes.as_slice());
    let names = reader.headers().map_err(|error| unreadable(source, &error))?.clone();
    let (label, group) = places(source, &names, columns)?;
    let is_feature = |at: usize| at != label && Some(at) != group;
    let features = (0..names.len()).filter(|&at| is_feature(at)).count();
    let mut table = Table { features, values: Vec::new(), labels: Vec::new(), groups: None };
    let mut owners = Vec::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| unreadable(source, &error))? {
        let line = record.position().map_or(0, Position::line);
        let fault = |at: usize, fault, field: &str, expected| {
            let place = Place::Field { line, column: at + 1 };
            source.fault_at(place, fault, format!("`{field}`"), expected)
        };
        for (at, field) in record.iter().enumerate() {
            let field = field.trim();
            if at == label {
                if field.is_empty() {
                    return Err(fault(at, Fault::Label, field, "a label"));
                }
                table.labels.push(field.to_owned());
            } else if Some(at) == group {
                owners.push(field.to_owned());
            } else {
                let number = field.parse::<f32>().ok().filter(|number| number.is_finite());
                let wrong = || fault(at, Fault::Value, field, "a finite number");
                table.values.push(number.ok_or_else(wrong)?);
            }
        }
    }
    if table.labels.is_empty() {
        let expected = "at least one line below the names";
        return Err(source.fault_at(Place::Line(1), Fault::Truncated, "names alone", expected));
    }
    table.groups = group.map(|_| in_order_of_appearance(owners));
    Ok(table)
}

/// Where the label and the owner stand.
fn places<R: Read>(
    source: &Source<R>,
    names: &StringRecord,
    columns: Columns<'_>,
) -> Result<(usize, Option<usize>), DecodeError> {
    let shape = |found: String, expected: String| {
        source.fault_at(Place::Line(1), Fault::Shape, found, expected)
    };
    let column = |name: &str| {
        names.iter().position(|column| column.trim() == name).ok_or_else(|| {
            let found: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            shape(format!("the columns {}", found.join(", ")), format!("a column `{name}`"))
        })
    };
    let label = columns.label.map_or(Ok(names.len().saturating_sub(1)), column)?;
    let group = columns.group.map(column).transpose()?;
    if group == Some(label) {
        let found = format!("`{}` for both", names.get(label).unwrap_or_default());
        return Err(shape(found, "different columns for label and group".to_owned()));
    }
    let others = 1 + usize::from(group.is_some());
    if names.len() <= others {
        let found = format!("{} columns", names.len());
        let expected = format!("at least {}: a feature beside label and group", others + 1);
        return Err(shape(found, expected));
    }
    Ok((label, group))
}

/// What the reader of lines found wrong.
fn unreadable<R: Read>(source: &Source<R>, error: &::csv::Error) -> DecodeError {
    let place = Place::Line(error.position().map_or(1, Position::line));
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let expected = format!("{expected_len}, as many as the first line has");
            source.fault_at(place, Fault::Shape, format!("{len} columns"), expected)
        }
        ErrorKind::Utf8 { .. } => {
            source.fault_at(place, Fault::Text, "bytes that are not UTF-8", "text in UTF-8")
        }
        _ => source.fault_at(place, Fault::Unreadable, format!("`{error}`"), "readable data"),
    }
}
