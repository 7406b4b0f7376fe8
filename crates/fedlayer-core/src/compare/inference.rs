//! [`Difference`]: the difference of two strategies with its interval and its p-value, and
//! [`holm`], the correction for several comparisons.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::estimate::{mean, sample_deviation};

/// The level of tests. Intervals have the confidence 1 − `LEVEL`.
pub const LEVEL: f64 = 0.05;

/// The difference between a strategy and the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The mean of the differences per seed, or the difference of the means; see
    /// [`Pairing`](super::Pairing).
    pub mean: f64,
    /// Half the width of the 95 % confidence interval; absent if there are too few seeds.
    pub half_width: Option<f64>,
    /// The two-sided p-value of a difference of 0; absent if there are too few seeds.
    pub p: Option<f64>,
    /// The p-value after the correction for the comparisons of all strategies; see [`holm`].
    pub adjusted_p: Option<f64>,
}

impl Difference {
    /// Returns whether the difference is a tie: not different from 0 at the 5 % level, after the
    /// correction. `None` if there are too few seeds to tell.
    pub fn is_tie(&self) -> Option<bool> {
        self.adjusted_p.map(|p| p >= LEVEL)
    }
}

/// Returns the mean of paired differences, with interval and p-value of Student's t; `None`
/// without differences, or if their mean is not finite.
pub fn paired_difference(differences: &[f64]) -> Option<Difference> {
    let mean = mean(differences.iter().copied())?;
    let error = sample_deviation(differences).map(|sd| sd / (differences.len() as f64).sqrt());
    difference(mean, error, differences.len() as f64 - 1.0)
}

/// Returns the difference of the means of independent samples, with interval and p-value of Welch,
/// B. L. (1947), *The generalization of "Student's" problem when several different population
/// variances are involved*. `None` if a sample is empty, or if the difference is not finite.
pub fn independent_difference(own: &[f64], reference: &[f64]) -> Option<Difference> {
    let difference_of_means = mean(own.iter().copied())? - mean(reference.iter().copied())?;
    let squared_error = |values: &[f64]| {
        sample_deviation(values).map(|deviation| deviation.powi(2) / values.len() as f64)
    };
    let errors = squared_error(own).zip(squared_error(reference));
    let error = errors.map(|(a, b)| (a + b).sqrt());
    let freedom = errors.map_or(f64::NAN, |(a, b)| {
        let (n, m) = (own.len() as f64, reference.len() as f64);
        (a + b).powi(2) / (a.powi(2) / (n - 1.0) + b.powi(2) / (m - 1.0))
    });
    difference(difference_of_means, error, freedom)
}

/// Adds interval and p-value to a difference with this standard error and degrees of freedom.
fn difference(mean: f64, error: Option<f64>, freedom: f64) -> Option<Difference> {
    let student = error.filter(|error| error.is_finite()).and_then(|error| match error {
        // Without any spread every degree of freedom gives the same: an interval of width 0.
        0.0 => Some((0.0, if mean == 0.0 { 1.0 } else { 0.0 })),
        error => {
            let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
            Some((t.inverse_cdf(1.0 - LEVEL / 2.0) * error, 2.0 * t.sf((mean / error).abs())))
        }
    });
    let (half_width, p) = student.unzip();
    mean.is_finite().then_some(Difference { mean, half_width, p, adjusted_p: p })
}

/// Corrects the p-values of a family of tests, after Holm, S. (1979), *A simple sequentially
/// rejective multiple test procedure*: in ascending order, the i-th of n p-values (from 0) is
/// multiplied by n − i, is at least as large as the one before, and at most 1. The probability of
/// any false rejection stays below the level.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        largest = largest.max((left * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_spread_a_difference_is_certain_and_an_equal_result_is_a_tie() {
        let same = paired_difference(&[0.0, 0.0, 0.0]).unwrap();
        assert_eq!((same.half_width, same.p, same.is_tie()), (Some(0.0), Some(1.0), Some(true)));
        let other = paired_difference(&[0.5, 0.5]).unwrap();
        assert_eq!(
            (other.half_width, other.p, other.is_tie()),
            (Some(0.0), Some(0.0), Some(false))
        );
    }

    #[test]
    fn one_seed_decides_nothing() {
        let one = paired_difference(&[0.5]).unwrap();
        assert_eq!((one.half_width, one.p, one.is_tie()), (None, None, None));
        assert_eq!(paired_difference(&[]), None);
    }

    #[test]
    fn values_too_large_to_add_have_no_difference() {
        assert_eq!(paired_difference(&[f64::MAX, f64::MAX]), None);
        let far = paired_difference(&[f64::MAX / 4.0, -f64::MAX / 4.0]).unwrap();
        assert_eq!((far.half_width, far.p), (None, None));
    }

    proptest! {
        #[test]
        fn holm_is_between_no_correction_and_bonferroni_and_keeps_the_order(
            p in prop::collection::vec(0.0..=1.0_f64, 1..20)
        ) {
            let adjusted = holm(&p);
            for (a, &before) in adjusted.iter().zip(&p) {
                prop_assert!(before <= *a && *a <= (before * p.len() as f64).min(1.0));
            }
            for i in 0..p.len() {
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }

        #[test]
        fn an_interval_without_0_and_a_p_value_below_5_percent_are_the_same(
            values in prop::collection::vec(-1.0..1.0_f64, 2..8)
        ) {
            let difference = paired_difference(&values).unwrap();
            let (half, p) = (difference.half_width.unwrap(), difference.p.unwrap());
            prop_assume!((difference.mean.abs() - half).abs() > 1e-9);
            prop_assert_eq!(difference.mean.abs() > half, p < LEVEL);
        }
    }
}
