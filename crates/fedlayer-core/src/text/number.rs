//! [`number_text`], [`rounded_text`]: numbers as messages show them.

/// Returns a number with all its digits from a millionth to a million. Other numbers are in
/// scientific notation, because their digits are hard to count.
///
/// ```
/// use fedlayer_core::text::number_text;
/// assert_eq!(number_text(-0.25), "-0.25");
/// assert_eq!(number_text(1.7e9), "1.7e9");
/// assert_eq!(number_text(1e300), "1e300");
/// ```
pub fn number_text(number: f64) -> String {
    let is_usual = number == 0.0 || (1e-6..1e6).contains(&number.abs());
    if is_usual || !number.is_finite() { number.to_string() } else { format!("{number:e}") }
}

/// Returns a number like [`number_text`], rounded to `digits` significant digits (at least one).
///
/// ```
/// use fedlayer_core::text::rounded_text;
/// assert_eq!(rounded_text(f64::from(0.1_f32), 5), "0.1");
/// assert_eq!(rounded_text(1_700_000_007.0, 5), "1.7e9");
/// assert_eq!(rounded_text(255.0, 5), "255");
/// ```
pub fn rounded_text(number: f64, digits: usize) -> String {
    let rounded = format!("{number:.*e}", digits.saturating_sub(1));
    number_text(rounded.parse().unwrap_or(number))
}
