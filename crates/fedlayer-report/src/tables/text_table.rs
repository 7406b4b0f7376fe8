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

#[cfg(test)]
mod tests {
    use super::*;

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
