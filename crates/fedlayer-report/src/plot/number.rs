//! How numbers are written in pictures.

/// Writes a value in few characters. Small values are not rounded to 0: 0.004 stays `0.004`, 0.0004
/// becomes `4e−4`.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    let text = if size == 0.0 {
        "0".to_owned()
    } else if !(0.000_95..99_999.5).contains(&size) {
        format!("{value:.0e}")
    } else {
        let decimals = (2.0 - size.log10().floor()).clamp(0.0, 3.0) as usize;
        format!("{value:.decimals$}")
    };
    signed(&text)
}

/// Writes a value with its standard error, as in `0.512 ± 0.031`.
pub(crate) fn with_error(value: Option<f64>, std_error: Option<f64>) -> String {
    match (value, std_error) {
        (None, _) => "not finite".to_owned(),
        (Some(value), None) => short(value),
        (Some(value), Some(error)) => format!("{} ± {}", short(value), short(error)),
    }
}

/// Writes a tick with as many decimals as the distance `step` to the next one needs.
pub(crate) fn tick(value: f64, step: f64) -> String {
    if value.abs() < step * 1e-9 {
        return "0".to_owned();
    }
    if value.abs() >= 99_999.5 || step < 0.000_95 {
        return scientific(value);
    }
    let mut decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    // A step of 2.5 or 0.25 needs one decimal more than its order of magnitude.
    let shifted = step * 10_f64.powi(decimals as i32);
    if (shifted - shifted.round()).abs() > 1e-6 {
        decimals += 1;
    }
    signed(&format!("{value:.decimals$}"))
}

/// Writes a number with an exponent and at most three digits: `2e5`, `2.5e5`.
pub(crate) fn scientific(value: f64) -> String {
    let text = format!("{value:.2e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = if digits.contains('.') { digits.trim_end_matches('0') } else { digits };
    signed(&format!("{}e{exponent}", digits.trim_end_matches('.')))
}

/// Writes a mixing coefficient α; a half is `½`.
pub(crate) fn share(alpha: f64) -> String {
    if alpha == 0.5 { "½".to_owned() } else { signed(&format!("{alpha}")) }
}

/// Replaces hyphens by minus signs.
fn signed(text: &str) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_not_rounded_away() {
        let values = [0.0, 0.004, -0.0042, 0.0004, 0.123_45, -1.234, 12.34, 234.5, 123_456.0];
        let shown = values.map(short);
        assert_eq!(shown, ["0", "0.004", "−0.004", "4e−4", "0.123", "−1.23", "12.3", "234", "1e5"]);
        assert!(values.iter().all(|&value| short(value).chars().count() <= 6));
    }

    #[test]
    fn ticks_have_the_decimals_of_their_step() {
        let shown = [(0.0, 0.5), (1.0, 0.5), (0.25, 0.25), (-0.02, 0.01), (20.0, 10.0), (2e5, 1e5)];
        let shown = shown.map(|(value, step)| tick(value, step));
        assert_eq!(shown, ["0", "1.0", "0.25", "−0.02", "20", "2e5"]);
        assert_eq!(tick(0.0002, 0.0002), "2e−4");
        assert_eq!([0.5, 1.0, 0.25].map(share), ["½", "1", "0.25"]);
        assert_eq!(with_error(Some(0.5124), Some(0.031)), "0.512 ± 0.031");
        assert_eq!(with_error(None, Some(0.031)), "not finite");
    }
}
