//! Numbers as people read them.

/// The cell of a value that does not exist.
pub const NOTHING: &str = "-";

/// Writes bytes in decimal units: `532 B`, `1.5 MB`.
pub fn bytes(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = if unit == 0 || value >= 99.95 { 0 } else { 1 };
    format!("{value:.decimals$} {}", units[unit])
}

/// Writes a whole number in groups of three digits: `17,226`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The smallest number that is written with an exponent. A diverged loss of 10³⁶ would need 37
/// digits.
const LARGE: f64 = 1e6;

/// Writes a value and its deviation with the same number of decimals: `95.31±0.42`, or the value
/// alone without a deviation. Large numbers have an exponent: `2.6e36±3.8e36`.
pub fn spread(value: f64, deviation: Option<f64>, decimals: usize) -> String {
    let number = |number: f64| match number.abs() >= LARGE && number.is_finite() {
        true => format!("{number:.1e}"),
        false => format!("{number:.decimals$}"),
    };
    let deviation = deviation.map_or(String::new(), |deviation| format!("±{}", number(deviation)));
    number(value) + &deviation
}

/// Writes seconds in a unit that fits: `0.4 s`, `3 min`, `2.5 h`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 99.5 => format!("{s:.1} s"),
        s if s < 5970.0 => format!("{:.0} min", s / 60.0),
        s if s < 356_400.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_at_their_units() {
        let shown = [0.0, 999.0, 1000.0, 68_904.0, 1_499_999.0, 2.5e9].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "68.9 kB", "1.5 MB", "2.5 GB"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(spread(95.314, Some(0.42), 2), "95.31±0.42");
        assert_eq!(spread(-0.5, None, 1), "-0.5");
        assert_eq!(spread(999_999.4, Some(0.0), 1), "999999.4±0.0");
        assert_eq!(spread(-2.576e36, Some(3.79e36), 3), "-2.6e36±3.8e36");
        assert_eq!(
            [0.42, 99.4, 180.0, 9000.0, 864_000.0].map(duration),
            ["0.4 s", "99.4 s", "3 min", "2.5 h", "10.0 days"]
        );
    }
}
