//! CSV: a line of names, then one example per line.

mod dialect;
mod heading;
mod lines;
mod row_numbers;

use std::io::Read;

use ::csv::{ReaderBuilder, StringRecord};
use fedlayer_core::text::{in_backticks, quoted};

use super::{
    DecodeError, DecodeFault, FilePosition, FileReader,
    array::{EXACT, NoFeature, in_order_of_appearance, is_other},
    label::Label,
    numbers::Numbers,
};
use heading::ColumnRole;
pub use heading::Heading;

/// A table with a label and perhaps an owner for each line.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvTable {
    /// The names of the columns.
    pub heading: Heading,
    /// `(N, features)`, row-major, in the order of the heading.
    pub values: Numbers,
    /// The label of each line, `(N)`.
    pub labels: Vec<Label>,
    /// The owner of each line, numbered from 0 in the order of first appearance, `(N)`.
    pub groups: Option<Vec<u32>>,
}

/// How a file separates its columns, and which columns are not features.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns<'a> {
    /// The column of the label; found by its name if absent.
    pub label: Option<&'a str>,
    /// The column of the owner; if absent, the column called `group` or `groups`, if there is one.
    pub group: Option<&'a str>,
    /// Columns that are ignored.
    pub ignore: &'a [String],
    /// The separator, an ASCII character; a comma if absent.
    pub separator: Option<u8>,
    /// `true` if the first line has names, `false` if not; if absent, the first line must look like
    /// names.
    pub header: Option<bool>,
}

/// Reads a table; the columns of a test file are found by the names of the `training` file. Empty
/// lines are skipped.
///
/// # Errors
/// When the columns are wrong, a line is longer or shorter than the first, a feature is not a
/// finite number, or a label is invalid.
pub fn table<R: Read>(
    input: &mut FileReader<R>,
    columns: Columns<'_>,
    training: Option<&Heading>,
) -> Result<CsvTable, DecodeError> {
    let text = dialect::text(input)?;
    let separator = dialect::separator(input, &text, columns.separator)?;
    lines::have_room(input, &text, separator)?;
    lines::refuse_first_comment(input, &text, separator)?;
    let mut reader =
        ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut next = |record: &mut StringRecord| {
        reader.read_record(record).map_err(|error| lines::unreadable(input, &text, &error))
    };
    if !next(&mut record)? {
        let expected = "a line of names and at least one example";
        let error = input.fault_at(
            FilePosition::Line(1),
            DecodeFault::Truncated,
            "an empty file",
            expected,
        );
        return Err(error.with_help(NO_EXAMPLES));
    }
    let names = heading::names(input, &record, columns, training)?;
    let (roles, heading) = match training {
        Some(training) => (heading::of_test(input, &names, columns, training)?, training.clone()),
        None => heading::of_training(input, &names, columns)?,
    };
    let has_names = columns.header != Some(false);
    let form = TableForm { input, text: &text, roles: &roles, names: &names, has_names };
    let mut rows = TableRows::default();
    let mut is_row = !has_names || next(&mut record)?;
    while is_row {
        rows.push(&form, &record)?;
        is_row = next(&mut record)?;
    }
    if rows.labels.is_empty() {
        let expected = "at least one line below the names";
        let error =
            input.fault_at(FilePosition::Line(1), DecodeFault::Truncated, "names alone", expected);
        return Err(error.with_help(NO_EXAMPLES));
    }
    row_numbers::refuse(input, &heading, &rows.values, has_names)?;
    let TableRows { values, labels, owners, .. } = rows;
    let has_owners = roles.contains(&ColumnRole::Group);
    let groups = has_owners.then(|| in_order_of_appearance(owners));
    Ok(CsvTable { heading, values, labels, groups })
}

/// The properties that all lines of a file share.
struct TableForm<'a, R> {
    input: &'a FileReader<R>,
    text: &'a str,
    roles: &'a [ColumnRole],
    names: &'a [String],
    /// True if the first line has the names.
    has_names: bool,
}

/// The lines of a table that were read.
#[derive(Default)]
struct TableRows {
    values: Numbers,
    labels: Vec<Label>,
    owners: Vec<Label>,
    /// The features of the current line.
    features: Vec<f64>,
}

impl TableRows {
    /// Reads a line.
    fn push<R: Read>(
        &mut self,
        form: &TableForm<'_, R>,
        record: &StringRecord,
    ) -> Result<(), DecodeError> {
        let is_feature = |role: &&ColumnRole| matches!(role, ColumnRole::Feature(_));
        self.features.resize(form.roles.iter().filter(is_feature).count(), 0.0);
        for (at, (field, role)) in record.iter().zip(form.roles).enumerate() {
            let field = field.trim();
            match role {
                ColumnRole::Feature(position) => {
                    self.features[*position] =
                        feature(field).map_err(|no| self.no_feature(form, record, at, no))?;
                }
                ColumnRole::Label => self.labels.push(Label::of_text(field).map_err(|no| {
                    form.fault(record, at, DecodeFault::Label, &no.to_string()).with_help(no.help())
                })?),
                ColumnRole::Group => {
                    self.owners.push(Label::owner_of_text(field).map_err(|no| {
                        form.fault(record, at, DecodeFault::Value, no.owner())
                            .with_help(no.owner_help())
                    })?)
                }
                ColumnRole::Ignored => {}
            }
        }
        self.features.iter().for_each(|&feature| self.values.push(feature));
        Ok(())
    }

    /// Returns the error that a field is not a feature.
    fn no_feature<R: Read>(
        &self,
        form: &TableForm<'_, R>,
        record: &StringRecord,
        at: usize,
        no: Option<NoFeature>,
    ) -> DecodeError {
        let field = record.get(at).unwrap_or_default().trim();
        let is_name = |field: &str| !field.is_empty() && field.parse::<f64>().is_err();
        let looks_like_names = self.values.is_empty() && record.iter().all(|f| is_name(f.trim()));
        let help = match no {
            Some(no) => no.help().to_owned(),
            None if !form.has_names && looks_like_names => NAMES_WITHOUT_HEADER.to_owned(),
            None => no_number(field, &form.names[at]),
        };
        let expected = no.map_or("a finite number", NoFeature::expected);
        form.fault(record, at, DecodeFault::Value, expected).with_help(help)
    }
}

impl<R: Read> TableForm<'_, R> {
    /// Returns a fault at a field.
    fn fault(
        &self,
        record: &StringRecord,
        at: usize,
        fault: DecodeFault,
        expected: &str,
    ) -> DecodeError {
        let line = lines::number(self.text, record.position());
        let position = FilePosition::Field { line, column: at + 1 };
        let field = record.get(at).unwrap_or_default().trim();
        self.input.fault_at(position, fault, in_backticks([field]), expected)
    }
}

/// Parses a field. The error is the reason that its number cannot be a feature, or `None` if it is
/// not a number.
fn feature(field: &str) -> Result<f64, Option<NoFeature>> {
    let number = field.parse().map_err(|_| None)?;
    match NoFeature::of(number) {
        // An infinite number is written in letters; one in digits is too large.
        Some(_) if field.contains(|character: char| character.is_ascii_digit()) => {
            Err(Some(NoFeature::TooLarge))
        }
        Some(no) => Err(Some(no)),
        None if number.abs() >= EXACT && is_rounded(field, number) => Err(Some(NoFeature::Rounded)),
        None => Ok(number),
    }
}

/// Tells whether a whole number in digits was rounded when it became a float.
fn is_rounded(field: &str, number: f64) -> bool {
    field.parse().is_ok_and(|whole: i128| is_other(whole, number))
}

/// The advice for a file without examples.
const NO_EXAMPLES: &str = "name another file, or write examples into this one, one a line";

/// The advice for a line of names in a file that has none.
const NAMES_WITHOUT_HEADER: &str = "this looks like a line of names, and `header = false` beside `train` says that the first line of both files is an example: delete the line, or leave the key out if both files have one";

/// Advises what to do about a feature that is not a number.
fn no_number(field: &str, name: &str) -> String {
    let with_point = field.replacen(',', ".", 1);
    if field.contains(',') && with_point.parse::<f32>().is_ok() {
        return "write numbers with a point, and thousands without a comma (`thousands=\",\"` of `pandas.read_csv`): `pandas.read_csv(\"train.csv\", sep=\";\", decimal=\",\").to_csv(\"train.csv\", index=False)`".to_owned();
    }
    if field.is_empty() {
        return NoFeature::NotFinite.help().to_owned();
    }
    let name = quoted(name);
    format!(
        "every column but the label's holds numbers: beside `train`, `label = {name}` makes it the label, `ignore = [{name}]` leaves it out; `pandas.get_dummies(df, columns=[{name}], dtype=int)` makes numbers of it"
    )
}
