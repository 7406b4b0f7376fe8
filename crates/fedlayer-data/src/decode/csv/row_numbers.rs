//! Columns that number the rows of a table: they are not features.

use std::io::Read;

use fedlayer_core::text::{in_backticks, quoted};

use super::{
    super::{DecodeError, DecodeFault, FilePosition, FileReader, numbers::Numbers},
    heading::Heading,
};

/// Names of columns that number rows, in lower case.
const NAMES: [&str; 6] = ["id", "idx", "index", "level_0", "row", "rownames"];

/// The number of rows from which the values of a column are evidence that they number the rows.
const ROWS: usize = 10;

/// Refuses a feature that numbers the rows: by its name and values, or by its values alone if there
/// are no names.
pub(super) fn refuse<R: Read>(
    input: &FileReader<R>,
    heading: &Heading,
    values: &Numbers,
    has_names: bool,
) -> Result<(), DecodeError> {
    let width = heading.features.len();
    let column = |at: usize| values.iter().skip(at).step_by(width);
    let numbers_rows = |at: &usize| match has_names {
        true => {
            NAMES.contains(&heading.features[*at].to_lowercase().as_str())
                && are_distinct(column(*at).collect())
        }
        false => *at == 0 && count_up(column(*at)) && values.len() / width >= ROWS,
    };
    let Some(at) = (0..width).find(numbers_rows) else { return Ok(()) };
    let name = &heading.features[at];
    let found = format!("row numbers in the column {}", in_backticks([name]));
    let error =
        input.fault_at(FilePosition::Line(1), DecodeFault::Shape, found, "features and a label");
    Err(error.with_help(format!(
        "leave the column out: `ignore = [{}]` beside `train`; or rename it if it is a feature",
        quoted(name)
    )))
}

/// Tells whether all values are whole and different.
fn are_distinct(mut values: Vec<f64>) -> bool {
    values.sort_by(f64::total_cmp);
    values.len() >= ROWS
        && values.iter().all(|value| value.fract() == 0.0)
        && values.windows(2).all(|pair| pair[0] != pair[1])
}

/// Tells whether values are 0, 1, 2, … or 1, 2, 3, ….
fn count_up(values: impl Iterator<Item = f64> + Clone) -> bool {
    [0_u32, 1]
        .iter()
        .any(|&first| (first..).zip(values.clone()).all(|(n, value)| value == f64::from(n)))
}
