//! Comma-separated values: a line of names, then an example a line.

use std::{collections::HashMap, io::Read};

use ::csv::{ReaderBuilder, StringRecord};

use super::{DecodeError, Fault, Place, Source};

/// A table of numbers with a label, and perhaps an owner, for each line.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The number of columns that are features.
    pub features: usize,
    /// `(N, features)`, row-major.
    pub values: Vec<f32>,
    /// The label of each line as it is written, `(N)`.
    pub labels: Vec<String>,
    /// The owner of each line, counted from 0 in the order in which they first appear, `(N)`.
    pub groups: Option<Vec<u32>>,
}

/// Reads a table: `label` names the column of the label (the last one where it is not given), `group` that of the owner.
///
/// # Errors
/// When a column is not there, a line is longer or shorter than the first, or a feature is no finite number.
pub fn table<R: Read>(
    source: &mut Source<R>,
    label: Option<&str>,
    group: Option<&str>,
) -> Result<Table, DecodeError> {
    let bytes = source.rest()?;
    let mut reader = ReaderBuilder::new().flexible(false).from_reader(bytes.as_slice());
    let unreadable = |error: ::csv::Error| {
        let line = error.position().map_or(1, ::csv::Position::line);
        let fault = match error.kind() {
            ::csv::ErrorKind::Utf8 { .. } => Fault::Text,
            _ => Fault::Shape,
        };
        let expected = "as many columns in UTF-8 as the first line has";
        source.fault_at(Place::Line(line), fault, format!("`{error}`"), expected)
    };
    let names = reader.headers().map_err(unreadable)?.clone();
    let column = |name: &str| {
        names.iter().position(|column| column == name).ok_or_else(|| {
            let found: Vec<&str> = names.iter().collect();
            let found = format!("the columns {}", found.join(", "));
            source.fault_at(Place::Line(1), Fault::Shape, found, format!("a column `{name}`"))
        })
    };
    let label = label.map_or(Ok(names.len().saturating_sub(1)), column)?;
    let group = group.map(column).transpose()?;
    let is_feature = |at: usize| at != label && Some(at) != group;
    let features = (0..names.len()).filter(|&at| is_feature(at)).count();
    if features == 0 {
        let found = format!("{} columns", names.len());
        let expected = "at least one feature beside the label";
        return Err(source.fault_at(Place::Line(1), Fault::Shape, found, expected));
    }
    let mut table =
        Table { features, values: Vec::new(), labels: Vec::new(), groups: group.map(|_| Vec::new()) };
    let mut owners: HashMap<String, u32> = HashMap::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(unreadable)? {
        let line = record.position().map_or(0, ::csv::Position::line);
        for (at, field) in record.iter().enumerate().filter(|&(at, _)| is_feature(at)) {
            let number = field.trim().parse::<f32>().ok().filter(|number| number.is_finite());
            table.values.push(number.ok_or_else(|| {
                let place = Place::Field { line, column: at + 1 };
                source.fault_at(place, Fault::Value, format!("`{field}`"), "a finite number")
            })?);
        }
        table.labels.push(record.get(label).unwrap_or_default().trim().to_owned());
        if let (Some(at), Some(groups)) = (group, &mut table.groups) {
            let next = owners.len() as u32;
            let owner = record.get(at).unwrap_or_default().to_owned();
            groups.push(*owners.entry(owner).or_insert(next));
        }
    }
    if table.labels.is_empty() {
        let expected = "at least one line below the names";
        return Err(source.fault_at(Place::Line(1), Fault::Truncated, "names alone", expected));
    }
    Ok(table)
}
