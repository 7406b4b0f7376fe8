//! [`without_formula`]: a cell of comma-separated values that no spreadsheet computes.

use std::borrow::Cow;

/// Puts a `'` before a text that a spreadsheet would compute as a formula.
pub fn without_formula(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Returns whether a spreadsheet would compute a cell: it begins with `=`, `+`, `-` or `@`, or with
/// white space that hides one of them, and it is not a number.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula_of_a_spreadsheet_and_a_number_stays_one() {
        for name in ["=HYPERLINK(\"http://x\")", "@sum", "+head", "-1+1", "\t=1"] {
            assert_eq!(without_formula(name), format!("'{name}"));
        }
        for plain in ["-0.5", "-inf", "+1e-5", "one layer", "a \"b\"", "a\nb", ""] {
            assert_eq!(without_formula(plain), plain);
        }
    }
}
