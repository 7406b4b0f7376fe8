//! Values between separators: a line of names, then an example a line.

mod dialect;
mod heading;
mod row_numbers;

use std::io::Read;

use ::csv::{ErrorKind, Position, ReaderBuilder, StringRecord};
use fedlayer_core::quoted;

use super::{
    DecodeError, Fault, Place, Source,
    array::in_order_of_appearance,
    label::{Label, NoLabel},
};
pub use heading::Heading;
use heading::Role;

/// A table of numbers with a label, and perhaps an owner, for each line.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The names of features and label.
    pub heading: Heading,
    /// `(N, features)`, row-major, in the order of the heading.
    pub values: Vec<f32>,
    /// The label of each line, `(N)`.
    pub labels: Vec<Label>,
    /// The owner of each line, counted from 0 in the order in which they first appear, `(N)`.
    pub groups: Option<Vec<u32>>,
}

/// How the columns of a file are written, and which are no features.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns<'a> {
    /// The column of the label; where it is not named, the one that is called as labels are.
    pub label: Option<&'a str>,
    /// The column of the owner; none where it is not named.
    pub group: Option<&'a str>,
    /// Columns that are left out.
    pub ignore: &'a [String],
    /// What separates columns, an ASCII character; a comma where it is not given.
    pub separator: Option<u8>,
    /// Whether the first line has names; it has, and must look so, where it is not given.
    pub header: Option<bool>,
}

/// Reads a table: of a test file by the names of the `training` file.
///
/// # Errors
/// When its columns are not what they should be, a line is longer or shorter than the first, a feature is no finite number, or a label is none.
pub fn table<R: Read>(
    source: &mut Source<R>,
    columns: Columns<'_>,
    training: Option<&Heading>,
) -> Result<Table, DecodeError> {
    let text = dialect::text(source)?;
    let separator = dialect::separator(source, &text, columns.separator)?;
    let mut reader =
        ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut next = |record: &mut StringRecord| {
        reader.read_record(record).map_err(|error| unreadable(source, &error))
    };
    if !next(&mut record)? {
        let expected = "a line of names and at least one example";
        return Err(source.fault_at(Place::Line(1), Fault::Truncated, "an empty file", expected));
    }
    let names = heading::names(source, &record, columns)?;
    let (roles, heading) = match training {
        Some(training) => (heading::of_test(source, &names, columns, training)?, training.clone()),
        None => heading::of_training(source, &names, columns)?,
    };
    let has_names = columns.header != Some(false);
    let mut rows = Rows { width: heading.features.len(), ..Rows::default() };
    let mut is_row = !has_names || next(&mut record)?;
    while is_row {
        rows.push(source, &record, &roles, &names)?;
        is_row = next(&mut record)?;
    }
    if rows.labels.is_empty() {
        let expected = "at least one line below the names";
        return Err(source.fault_at(Place::Line(1), Fault::Truncated, "names alone", expected));
    }
    row_numbers::refuse(source, &heading, &rows.values, has_names)?;
    let Rows { values, labels, owners, .. } = rows;
    let has_owners = roles.contains(&Role::Group);
    let groups = has_owners.then(|| in_order_of_appearance(owners));
    Ok(Table { heading, values, labels, groups })
}

/// The lines of a table that were read.
#[derive(Default)]
struct Rows {
    /// The number of features.
    width: usize,
    values: Vec<f32>,
    labels: Vec<Label>,
    owners: Vec<String>,
}

impl Rows {
    /// Reads a line.
    fn push<R: Read>(
        &mut self,
        source: &Source<R>,
        record: &StringRecord,
        roles: &[Role],
        names: &[String],
    ) -> Result<(), DecodeError> {
        let line = record.position().map_or(0, Position::line);
        let fault = |at: usize, fault, field: &str, expected: &str| {
            let place = Place::Field { line, column: at + 1 };
            source.fault_at(place, fault, format!("`{field}`"), expected)
        };
        let start = self.values.len();
        self.values.resize(start + self.width, 0.0);
        for (at, (field, role)) in record.iter().zip(roles).enumerate() {
            let field = field.trim();
            match role {
                Role::Feature(place) => {
                    let number = field.parse::<f32>().ok().filter(|number| number.is_finite());
                    self.values[start + place] = number.ok_or_else(|| {
                        fault(at, Fault::Value, field, "a finite number")
                            .with_help(no_number(field, &names[at]))
                    })?;
                }
                Role::Label => self.labels.push(Label::of_text(field).map_err(|no: NoLabel| {
                    fault(at, Fault::Label, field, &no.to_string()).with_help(no.help())
                })?),
                Role::Group if field.is_empty() => {
                    return Err(fault(at, Fault::Value, field, "an owner"));
                }
                Role::Group => self.owners.push(field.to_owned()),
                Role::Ignored => {}
            }
        }
        Ok(())
    }
}

/// What to do where a feature is no number.
fn no_number(field: &str, name: &str) -> String {
    let with_point = field.replacen(',', ".", 1);
    if field.contains(',') && with_point.parse::<f32>().is_ok() {
        return "write numbers with a point: `pandas.read_csv(\"train.csv\", sep=\";\", decimal=\",\").to_csv(\"train.csv\", index=False)`".to_owned();
    }
    if field.is_empty() || field.parse::<f32>().is_ok() {
        return "fill what is missing, or leave out its line (`df.dropna()`) or its column (`ignore`)".to_owned();
    }
    let name = quoted(name);
    format!(
        "every column but the label's holds numbers: beside `train`, `label = {name}` makes it the label, `ignore = [{name}]` leaves it out; `pandas.get_dummies(df, columns=[{name}], dtype=int)` makes numbers of it"
    )
}

/// What the reader of lines found wrong.
fn unreadable<R: Read>(source: &Source<R>, error: &::csv::Error) -> DecodeError {
    let place = Place::Line(error.position().map_or(1, Position::line));
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let expected = format!("{expected_len}, as many as the first line has");
            source.fault_at(place, Fault::Shape, format!("{len} columns"), expected)
        }
        _ => source.fault_at(place, Fault::Unreadable, format!("`{error}`"), "readable data"),
    }
}
