//! [`Estimate`]: a mean over examples with the standard error of that mean.

/// A mean over examples with the standard error of that mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean; absent if it is not finite or if there is no example.
    pub value: Option<f64>,
    /// The sample standard deviation over √examples; absent for fewer than two examples.
    pub std_error: Option<f64>,
}

impl Estimate {
    /// Estimates the mean of values of examples or of draws.
    pub fn of(values: &[f64]) -> Self {
        let finite = |value: &f64| value.is_finite();
        let value = mean(values.iter().copied()).filter(finite);
        let std_error = sample_deviation(values).map(|sd| sd / (values.len() as f64).sqrt());
        Self { value, std_error: std_error.filter(finite) }
    }
}

/// Returns the sample standard deviation (n − 1), or `None` for fewer than two values.
pub fn sample_deviation(values: &[f64]) -> Option<f64> {
    let center = mean(values.iter().copied()).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Returns the mean, summed in the order of the values, or `None` if there is no value.
pub fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_is_of_the_paired_differences() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(estimate.value, Some(2.5));
        assert!((estimate.std_error.unwrap() - (5.0_f64 / 3.0).sqrt() / 2.0).abs() < 1e-15);
        assert_eq!(Estimate::of(&[7.0]), Estimate { value: Some(7.0), std_error: None });
        assert_eq!(Estimate::of(&[f64::INFINITY]).value, None);
        assert_eq!(Estimate::of(&[]).value, None);
    }
}
