//! [`csv_text`]: rows of cells as comma-separated values.

use fedlayer_core::text::without_formula;

/// Writes rows as CSV (RFC 4180, with `\n` as the line end). A cell is quoted only if it has to be.
/// A text that a spreadsheet would compute as a formula gets a `'` before it.
pub(super) fn csv_text<R>(rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        // Writing to memory cannot fail, and a flexible writer takes rows of any length.
        let _ =
            writer.write_record(row.into_iter().map(|cell| without_formula(&cell).into_owned()));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula_of_a_spreadsheet() {
        for (cell, written) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("@sum", "'@sum"),
            ("+head", "'+head"),
            ("-1+1", "'-1+1"),
            ("-0.5", "-0.5"),
            ("-inf", "-inf"),
            ("+1e-5", "+1e-5"),
            ("one layer", "one layer"),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("a\nb", "\"a\nb\""),
            ("", ""),
        ] {
            let text = csv_text([["x".to_owned(), cell.to_owned()]]);
            assert_eq!(text, format!("x,{written}\n"));
        }
    }
}
