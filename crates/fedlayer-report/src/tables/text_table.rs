//! [`text_table`]: aligned columns under a heading, without frames, which makes the text easy to
//! copy.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use fedlayer_core::text::printable;

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnAlign {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// Aligns rows under a heading. Every row must have as many cells as the heading. A cell is one
/// line: line breaks and control characters are escaped.
pub fn text_table(heading: &[(&str, ColumnAlign)], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heading.iter().map(|(title, _)| printable(title)));
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    for (index, (_, align)) in heading.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2)).set_constraint(ColumnConstraint::ContentWidth);
            column.set_cell_alignment(match align {
                ColumnAlign::Left => CellAlignment::Left,
                ColumnAlign::Right => CellAlignment::Right,
            });
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    lines.concat()
}

/// Aligns rows under a heading as [`text_table`] does. Columns beyond `width` characters go to
/// further blocks below an empty line; each block begins with the first column and has at least one
/// other.
pub(crate) fn wrapped_table(
    heading: &[(&str, ColumnAlign)],
    rows: &[Vec<String>],
    width: usize,
) -> String {
    let block = |columns: &[usize]| {
        let pick = |row: &Vec<String>| columns.iter().map(|&column| row[column].clone()).collect();
        let heading: Vec<(&str, ColumnAlign)> =
            columns.iter().map(|&column| heading[column]).collect();
        text_table(&heading, &rows.iter().map(pick).collect::<Vec<_>>())
    };
    let is_wide = |text: &str| text.lines().any(|line| line.chars().count() > width);
    let (mut blocks, mut columns, mut text) = (Vec::new(), vec![0], block(&[0]));
    for column in 1..heading.len() {
        columns.push(column);
        let longer = block(&columns);
        text = if columns.len() > 2 && is_wide(&longer) {
            blocks.push(text);
            columns = vec![0, column];
            block(&columns)
        } else {
            longer
        };
    }
    blocks.push(text);
    blocks.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_table_is_wrapped_into_blocks_that_begin_with_the_first_column() {
        let heading = [("name", ColumnAlign::Left), ("loss", ColumnAlign::Right)];
        let heading = [heading.as_slice(), &[("accuracy", ColumnAlign::Right)]].concat();
        let rows = [vec!["all".into(), "1.25".into(), "0.5".into()]];
        let whole = "name  loss  accuracy\nall   1.25       0.5\n";
        assert_eq!(wrapped_table(&heading, &rows, 20), whole);
        let halves = "name  loss\nall   1.25\n\nname  accuracy\nall        0.5\n";
        assert_eq!(wrapped_table(&heading, &rows, 19), halves);
        assert_eq!(wrapped_table(&heading, &rows, 1), halves);
    }

    #[test]
    fn words_are_left_and_numbers_right() {
        let heading = [("name", ColumnAlign::Left), ("loss", ColumnAlign::Right)];
        let rows = [vec!["all".into(), "1.25".into()], vec!["no layer".into(), "10.5".into()]];
        assert_eq!(text_table(&heading, &rows), "name      loss\nall       1.25\nno layer  10.5\n");
    }

    #[test]
    fn a_name_of_several_lines_keeps_to_its_row() {
        let rows = [vec!["a\nb\u{1b}[2J".into()], vec!["c".into()]];
        assert_eq!(
            text_table(&[("name", ColumnAlign::Left)], &rows),
            "name\na\\u000ab\\u001b[2J\nc\n"
        );
    }
}
