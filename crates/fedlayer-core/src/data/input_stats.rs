//! [`InputStats`]: range, mean and standard deviation of the inputs of a model, and whether
//! networks train well on them.

use serde::Serialize;

use crate::data::Examples;

/// The range and the moments of input values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct InputStats {
    /// The number of examples in the statistics.
    pub examples: usize,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The mean over all values.
    pub mean: f64,
    /// The standard deviation over all values (n in the denominator).
    pub std: f64,
}

/// The largest number of values in the statistics. Of more values, those of every k-th example are
/// taken.
const MOST_VALUES: usize = 1 << 25;

/// The largest absolute value of usual inputs; larger inputs need a smaller learning rate.
pub const USUAL_MAGNITUDE: f64 = 20.0;

/// The smallest and the largest standard deviation of usual inputs.
pub const USUAL_STD: (f64, f64) = (0.01, 10.0);

impl InputStats {
    /// Computes the statistics of the examples `rows`. Returns `None` if there is no example, and
    /// for texts, because tokens are not quantities.
    pub fn of(examples: &Examples, rows: &[u32]) -> Option<Self> {
        if rows.is_empty() || examples.targets != 1 || examples.features() == 0 {
            return None;
        }
        let stride = rows.len().saturating_mul(examples.features()).div_ceil(MOST_VALUES).max(1);
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        let (mut looked_at, mut sum, mut squares) = (0, 0.0_f64, 0.0_f64);
        let mut values = Vec::with_capacity(examples.features());
        examples.read(rows[0] as usize, &mut values);
        // The moments are taken about one of the values: about 0, rounding would swallow small
        // differences of large values.
        let origin = f64::from(values[0]);
        for &row in rows.iter().step_by(stride) {
            values.clear();
            examples.read(row as usize, &mut values);
            for &value in &values {
                min = min.min(value);
                max = max.max(value);
                let distance = f64::from(value) - origin;
                sum += distance;
                squares += distance * distance;
            }
            looked_at += 1;
        }
        let count = (looked_at * examples.features()) as f64;
        let distance = sum / count;
        let variance = (squares / count - distance * distance).max(0.0);
        let (min, max, mean) = (min.into(), max.into(), origin + distance);
        Some(Self { examples: looked_at, min, max, mean, std: variance.sqrt() })
    }

    /// Combines two statistics, each weighted by its examples.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (a, b) = (self.examples as f64, other.examples as f64);
        let mean = (a * self.mean + b * other.mean) / (a + b);
        let square = |stats: &Self| stats.std.powi(2) + stats.mean.powi(2);
        let squares = (a * square(&self) + b * square(&other)) / (a + b);
        Self {
            examples: self.examples + other.examples,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            mean,
            std: (squares - mean * mean).max(0.0).sqrt(),
        }
    }

    /// Returns the largest absolute value.
    pub fn magnitude(&self) -> f64 {
        self.min.abs().max(self.max.abs())
    }

    /// Returns whether the values are so large that training diverges at usual learning rates.
    pub fn is_large(&self) -> bool {
        self.magnitude() > USUAL_MAGNITUDE || self.std > USUAL_STD.1
    }

    /// Returns whether the values are so similar that a model can hardly learn from them.
    pub fn is_narrow(&self) -> bool {
        self.std < USUAL_STD.0
    }

    /// Returns whether these values have another scale than `train`: the means differ by more than
    /// a standard deviation, or the standard deviations differ by more than a factor of 2.
    ///
    /// Few examples differ by chance. For n examples, the bounds of the mean and of the larger
    /// deviation are raised by 4/√n, and the bound of the smaller deviation is lowered to the value
    /// that n Gaussian examples fall below once in ten thousand times.
    pub fn is_far_from(&self, train: &Self) -> bool {
        let examples = self.examples.min(train.examples) as f64;
        let by_chance = 1.0 + 4.0 / examples.sqrt();
        let least = 0.5 * RARE.powf(1.0 / (examples - 1.0));
        let distance = (self.mean - train.mean).abs();
        distance > by_chance * train.std.max(f64::MIN_POSITIVE)
            || self.std > 2.0 * by_chance * train.std
            || self.std < least * train.std
    }
}

/// The probability of an event that is not attributed to chance.
const RARE: f64 = 1e-4;

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(values: &[f32]) -> InputStats {
        let labels = vec![0; values.len() / 2];
        let examples = Examples::new(vec![2], 1, values.to_vec(), labels);
        let rows: Vec<u32> = (0..examples.len() as u32).collect();
        InputStats::of(&examples, &rows).unwrap()
    }

    #[test]
    fn bytes_that_were_not_scaled_are_unusual_and_those_that_were_are_not() {
        let (raw, scaled) = (stats(&[0.0, 255.0, 0.0, 255.0]), stats(&[0.0, 1.0, 0.0, 1.0]));
        assert_eq!((raw.min, raw.max, raw.mean, raw.std), (0.0, 255.0, 127.5, 127.5));
        assert!(raw.is_large() && !raw.is_narrow());
        assert!(!scaled.is_large() && !scaled.is_narrow());
        assert!(raw.is_far_from(&scaled) && !raw.is_far_from(&raw));
        assert!(stats(&[0.5, 0.5]).is_narrow());
    }

    #[test]
    fn a_tiny_test_set_was_said_to_be_scaled_in_another_way() {
        let of = |examples, mean, std| InputStats { examples, min: -2.0, max: 2.0, mean, std };
        let train = of(1000, 0.0, 1.0);
        // One value has no deviation; two values are close to each other now and then.
        assert!(!of(1, 1.3, 0.0).is_far_from(&train));
        assert!(!of(2, -1.6, 0.1).is_far_from(&train));
        assert!(!of(10, 0.3, 0.4).is_far_from(&train));
        // A thousand values do not differ by chance, and neither do bytes and their fractions of
        // 255.
        assert!(of(1000, 0.3, 0.4).is_far_from(&train));
        assert!(of(1000, 1.3, 1.0).is_far_from(&train));
        assert!(of(1, 127.0, 74.0).is_far_from(&train));
        assert!(of(4, 0.0, 0.001).is_far_from(&train));
        let constant = of(50, 3.0, 0.0);
        assert!(!constant.is_far_from(&constant));
    }

    #[test]
    fn large_values_lost_their_differences() {
        let times: Vec<f32> = (0..100).map(|at| 1.5e9 + 1280.0 * at as f32).collect();
        // The standard deviation of 0, 1, …, n − 1 is √((n² − 1) / 12).
        let expected = 1280.0 * (9999.0_f64 / 12.0).sqrt();
        assert!((stats(&times).std - expected).abs() < 1e-6, "{}", stats(&times).std);
    }

    #[test]
    fn the_moments_of_two_parts_together_are_those_of_the_whole() {
        let (a, b) = ([1.0, 2.0, 3.0, 5.0], [-4.0, 0.5]);
        let whole = stats(&[&a[..], &b[..]].concat());
        let both = stats(&a).and(stats(&b));
        assert_eq!((both.examples, both.min, both.max), (3, -4.0, 5.0));
        assert!((both.mean - whole.mean).abs() < 1e-12 && (both.std - whole.std).abs() < 1e-12);
    }

    #[test]
    fn texts_have_no_range() {
        let text = Examples { targets: 2, ..Examples::new(vec![2], 9, vec![1.0, 2.0], vec![1, 2]) };
        assert_eq!(InputStats::of(&text, &[0]), None);
    }
}
