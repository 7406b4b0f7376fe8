//! The role of every column of a table, by the names in its first line.

use std::io::Read;

use ::csv::StringRecord;
use fedlayer_core::text::{in_backticks, quoted};

use super::{
    super::{DecodeError, DecodeFault, FilePosition, FileReader},
    Columns,
};

/// The names of the columns of a training file. The columns of the test file are found by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The features, in the order of the training file.
    pub features: Vec<String>,
    /// The label.
    pub label: String,
    /// The owner of an example, if the file has such a column.
    pub group: Option<String>,
}

/// The role of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnRole {
    /// The feature at this index of an example.
    Feature(usize),
    Label,
    Group,
    Ignored,
}

/// Names of columns that hold a label, in lower case.
const LABELS: [&str; 6] = ["label", "labels", "target", "targets", "class", "classes"];

/// The name of a label if it is the last column; elsewhere it may be a coordinate.
const LAST_LABEL: &str = "y";

/// Names of columns that hold owners, in lower case.
const GROUPS: [&str; 2] = ["group", "groups"];

/// Reads the columns' names, or numbers the columns of a file without names. `training` is the
/// heading of the training file when a test file is read.
pub(super) fn names<R: Read>(
    input: &FileReader<R>,
    first: &StringRecord,
    columns: Columns<'_>,
    training: Option<&Heading>,
) -> Result<Vec<String>, DecodeError> {
    let names: Vec<String> = match columns.header {
        Some(false) => (1..=first.len()).map(|number| number.to_string()).collect(),
        _ => first.iter().map(|name| name.trim().to_owned()).collect(),
    };
    if columns.header.is_none() && !is_heading(&names, columns) {
        let error = fault(input, in_backticks(&names), "the names of the columns");
        return Err(error.with_help(match training {
            Some(_) => "the training file has a line of names: write it above the numbers of this file, too",
            None => "write a line of names above the numbers; or `header = false` beside `train` if the first line is an example (columns are then called `1`, `2`, …), `header = true` if these are names",
        }));
    }
    Ok(names)
}

/// Finds the role of every column of a training file.
pub(super) fn of_training<R: Read>(
    input: &FileReader<R>,
    names: &[String],
    columns: Columns<'_>,
) -> Result<(Vec<ColumnRole>, Heading), DecodeError> {
    for name in columns.ignore {
        column_index(input, names, "ignore", name)?;
    }
    let group = match columns.group {
        Some(name) => Some(column_index(input, names, "group", name)?),
        None => group(input, names, columns)?,
    };
    let is_ignored = |at: usize| columns.ignore.contains(&names[at]);
    let is_free = |at: usize| Some(at) != group && !is_ignored(at);
    let free: Vec<usize> = (0..names.len()).filter(|&at| is_free(at)).collect();
    all_named(input, names, &free)?;
    let label = match columns.label {
        Some(name) => column_index(input, names, "label", name)?,
        None => label(input, names, &free)?,
    };
    if !is_free(label) || group.is_some_and(is_ignored) {
        let twice = if group == Some(label) { label } else { group.unwrap_or(label) };
        let found = format!("`{}` for both", names[twice]);
        let error = fault(input, found, "different columns for label, group and `ignore`");
        return Err(
            error.with_help("`label`, `group` and `ignore` beside `train` name a column once")
        );
    }
    let features = free.iter().filter(|&&at| at != label).map(|&at| names[at].clone()).collect();
    let group = group.map(|at| names[at].clone());
    let heading = Heading { features, label: names[label].clone(), group };
    Ok((roles(input, names, columns, &heading)?, heading))
}

/// Finds the role of every column of a test file: the role that its name has in training.
pub(super) fn of_test<R: Read>(
    input: &FileReader<R>,
    names: &[String],
    columns: Columns<'_>,
    training: &Heading,
) -> Result<Vec<ColumnRole>, DecodeError> {
    let wanted = || training.features.iter().chain([&training.label]);
    let known = |name: &&String| {
        wanted().any(|wanted| wanted == *name)
            || training.group.as_ref() == Some(*name)
            || columns.ignore.contains(name)
    };
    let missing: Vec<String> = wanted().filter(|name| !names.contains(name)).cloned().collect();
    let extra: Vec<String> = names.iter().filter(|name| !known(name)).cloned().collect();
    if !missing.is_empty() || !extra.is_empty() {
        let part = |what: &str, names: &[String]| match names {
            [] => String::new(),
            names => format!("; {what} {}", in_backticks(names)),
        };
        let parts = part("missing:", &missing) + &part("not in training:", &extra);
        let wanted: Vec<String> = wanted().cloned().collect();
        let expected = format!("those of the training file: {}{parts}", in_backticks(&wanted));
        let error = fault(input, format!("the columns {}", in_backticks(names)), expected);
        return Err(error.with_help(
            "give both files the same columns, in any order; `ignore = [\"…\"]` beside `train` leaves columns out",
        ));
    }
    roles(input, names, columns, training)
}

/// Gives every column a role by its name.
fn roles<R: Read>(
    input: &FileReader<R>,
    names: &[String],
    columns: Columns<'_>,
    heading: &Heading,
) -> Result<Vec<ColumnRole>, DecodeError> {
    let indices: std::collections::HashMap<&str, usize> =
        heading.features.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let role = |name: &String| match indices.get(name.as_str()) {
        _ if columns.ignore.contains(name) => ColumnRole::Ignored,
        _ if *name == heading.label => ColumnRole::Label,
        Some(&at) => ColumnRole::Feature(at),
        None => ColumnRole::Group,
    };
    let roles: Vec<ColumnRole> = names.iter().map(role).collect();
    each_once(input, names, &roles)?;
    if heading.features.is_empty() {
        let (count, taken) = (names.len(), 1 + usize::from(heading.group.is_some()));
        let found = format!("{count} {}", if count == 1 { "column" } else { "columns" });
        let expected = format!("at least {}: a feature beside label and group", taken + 1);
        let help = "columns are separated by commas, or by `separator` beside `train`";
        return Err(fault(input, found, expected).with_help(help));
    }
    Ok(roles)
}

/// Refuses a name that two columns have, unless they are ignored.
fn each_once<R: Read>(
    input: &FileReader<R>,
    names: &[String],
    roles: &[ColumnRole],
) -> Result<(), DecodeError> {
    let mut seen = std::collections::HashMap::new();
    let taken = names.iter().enumerate().filter(|(at, _)| roles[*at] != ColumnRole::Ignored);
    for (at, name) in taken {
        if let Some(first) = seen.insert(name, at) {
            let found =
                format!("{} twice, in columns {} and {}", in_backticks([name]), first + 1, at + 1);
            let error = fault(input, found, "a name of its own for every column");
            return Err(error.with_help("rename one of them, or leave one out of the file"));
        }
    }
    Ok(())
}

/// Refuses columns without a name among the `free` ones; pandas writes row numbers that way.
fn all_named<R: Read>(
    input: &FileReader<R>,
    names: &[String],
    free: &[usize],
) -> Result<(), DecodeError> {
    let is_nameless = |at: &&usize| names[**at].is_empty() || names[**at].starts_with("Unnamed: ");
    let Some(&at) = free.iter().find(is_nameless) else { return Ok(()) };
    let (name, column) = (&names[at], at + 1);
    if name.is_empty() && column == names.len() {
        let found = format!("no name for column {column}, behind the last separator");
        return Err(fault(input, found, "a name for every column").with_help(
            "leave out the separator at the end of the lines, or the column that it makes: `ignore = [\"\"]` beside `train`",
        ));
    }
    let found = match name.as_str() {
        "" => format!("no name for column {column}"),
        _ => format!(
            "{}, which pandas calls a column without a name, for column {column}",
            in_backticks([name])
        ),
    };
    let error = fault(input, found, "a name for every column");
    Err(error.with_help(format!(
        "row numbers are not a feature: write the file without them, `df.to_csv(\"train.csv\", index=False)`, or leave the column out: `ignore = [{}]` beside `train`",
        quoted(name)
    )))
}

/// Finds the label among the `free` columns if the scenario does not name it.
fn label<R: Read>(
    input: &FileReader<R>,
    names: &[String],
    free: &[usize],
) -> Result<usize, DecodeError> {
    let last = free.last().copied();
    let is_label = |at: &usize| {
        let name = names[*at].to_lowercase();
        LABELS.contains(&name.as_str()) || name == LAST_LABEL && Some(*at) == last
    };
    let labels: Vec<usize> = free.iter().copied().filter(is_label).collect();
    let [label] = labels[..] else {
        let called = match labels[..] {
            [] => "a column called `label`, `target` or `class`, or a last one called `y`",
            _ => "one column called `label`, `target`, `class` or `y`",
        };
        let such = labels.last().or(last.as_ref()).map_or("", |&at| names[at].as_str());
        let error = fault(input, format!("the columns {}", in_backticks(names)), called);
        if let [only] = names
            && only.contains(char::is_whitespace)
        {
            return Err(error.with_help(BLANKS));
        }
        return Err(error.with_help(format!(
            "say beside `train` which column holds the class, such as `label = {}`",
            quoted(such)
        )));
    };
    Ok(label)
}

/// The advice for columns that are separated by blanks, perhaps several in a row.
const BLANKS: &str = "columns between blanks are not read: `pandas.read_csv(\"train.csv\", sep=r\"\\s+\").to_csv(\"train.csv\", index=False)` writes commas";

/// Finds the owner among the columns if the scenario does not name it.
fn group<R: Read>(
    input: &FileReader<R>,
    names: &[String],
    columns: Columns<'_>,
) -> Result<Option<usize>, DecodeError> {
    let is_group = |at: &usize| {
        let name = &names[*at];
        GROUPS.contains(&name.to_lowercase().as_str())
            && columns.label != Some(name.as_str())
            && !columns.ignore.contains(name)
    };
    let groups: Vec<usize> = (0..names.len()).filter(is_group).collect();
    match groups[..] {
        [] => Ok(None),
        [group] => Ok(Some(group)),
        [first, ..] => {
            let found = format!("the columns {}", in_backticks(names));
            let error = fault(input, found, "one column called `group` or `groups`");
            Err(error.with_help(format!(
                "say beside `train` which column names the natural client, such as `group = {:?}`",
                names[first]
            )))
        }
    }
}

/// Returns the index of the column that a `key` of the scenario names.
fn column_index<R: Read>(
    input: &FileReader<R>,
    names: &[String],
    key: &str,
    name: &str,
) -> Result<usize, DecodeError> {
    names.iter().position(|column| column == name).ok_or_else(|| {
        let found = format!("the columns {}", in_backticks(names));
        fault(input, found, format!("a column {}", in_backticks([name]))).with_help(format!(
            "`{key}` beside `train` names a column that the file does not have: name one that it has, as it is written there, or leave the key out"
        ))
    })
}

/// Tells whether a first line has names. It is an example if all fields are numbers, or all but one
/// field that is not known as a label. Fields that count up from 0 or 1 beside that one are names
/// too: pandas writes them.
fn is_heading(names: &[String], columns: Columns<'_>) -> bool {
    let is_number = |name: &&String| name.parse::<f64>().is_ok_and(f64::is_finite);
    let numbers: Vec<&String> = names.iter().filter(is_number).collect();
    let mut words = names.iter().filter(|name| !is_number(name));
    match (words.next(), words.next()) {
        (None, _) => numbers.is_empty(),
        (Some(word), None) if !numbers.is_empty() => {
            let named = [columns.label, columns.group].contains(&Some(word.as_str()));
            let lower = word.to_lowercase();
            named || LABELS.contains(&lower.as_str()) || lower == LAST_LABEL || count_up(&numbers)
        }
        _ => true,
    }
}

/// Tells whether names are 0, 1, 2, … or 1, 2, 3, ….
fn count_up(names: &[&String]) -> bool {
    [0, 1]
        .iter()
        .any(|first| (*first..).zip(names).all(|(number, name)| number.to_string() == **name))
}

fn fault<R: Read>(
    input: &FileReader<R>,
    found: impl Into<String>,
    expected: impl Into<String>,
) -> DecodeError {
    input.fault_at(FilePosition::Line(1), DecodeFault::Shape, found, expected)
}
