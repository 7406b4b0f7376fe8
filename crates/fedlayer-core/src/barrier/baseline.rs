//! [`EndLosses`]: the baselines of the loss barrier, from the losses of the unmixed models.
//!
//! B_S^(i)(α) = L(mix into θ_i on S at α) − baseline (Adilova et al., *Layer-wise linear mode
//! connectivity*, ICLR 2024). The barrier has the unit of the loss (or percentage points of error).
//! It is positive if mixing hurts, and may be negative. [`Estimate`](crate::estimate::Estimate)
//! gives its mean over the examples with a standard error.

use crate::spec::Baseline;

/// The losses of the unmixed models of a barrier, seen from one of them.
#[derive(Debug, Clone, Copy)]
pub struct EndLosses<'a> {
    /// The loss of each model on each example. `(models, examples)`
    pub losses: &'a [Vec<f64>],
    /// The weight p of each model; the weights add up to 1. Models with weight 0 are ignored.
    pub weights: &'a [f64],
    /// The index of the base θ_i.
    pub base: usize,
}

impl EndLosses<'_> {
    /// Computes the baseline at α for each example, to be paired with the loss of the mix.
    ///
    /// `swapped` is the loss of the mix at α = 1 on the same layers. Only [`Baseline::Chord`] needs
    /// it, and is `None` without it.
    ///
    /// Every baseline but `max` is computed as L_i plus a multiple of differences from L_i. If all
    /// models have the same loss, the baseline is exactly this loss for all α and weights.
    pub fn baseline(
        &self,
        baseline: Baseline,
        alpha: f64,
        swapped: Option<&[f64]>,
    ) -> Option<Vec<f64>> {
        let base = &self.losses[self.base];
        Some(match baseline {
            Baseline::Base => base.clone(),
            Baseline::Mean => self.mean(),
            Baseline::Linear => {
                // For two models of equal weight this is (1−α)L_i + αL_j.
                let line = |(l, m): (&f64, f64)| l + 2.0 * alpha * (m - l);
                base.iter().zip(self.mean()).map(line).collect()
            }
            Baseline::Max => {
                // A model with losses that are not finite is the worst, whatever the sign of a NaN.
                let total = |losses: &[f64]| {
                    let total: f64 = losses.iter().sum();
                    if total.is_finite() { total } else { f64::INFINITY }
                };
                let models = self.models().map(|(_, losses)| losses);
                models.max_by(|a, b| total(a).total_cmp(&total(b)))?.clone()
            }
            Baseline::Chord => {
                let chord = |(l, s): (&f64, &f64)| l + alpha * (s - l);
                base.iter().zip(swapped?).map(chord).collect()
            }
        })
    }

    /// Computes L̄, the weighted mean over the models, for each example.
    fn mean(&self) -> Vec<f64> {
        let base = &self.losses[self.base];
        let mut mean = base.clone();
        for (weight, losses) in self.models() {
            for ((mean, loss), base) in mean.iter_mut().zip(losses).zip(base) {
                *mean += weight * (loss - base);
            }
        }
        mean
    }

    /// Returns weights and losses of the models with a positive weight.
    fn models(&self) -> impl Iterator<Item = (f64, &Vec<f64>)> {
        let models = self.weights.iter().copied().zip(self.losses);
        models.filter(|(weight, _)| *weight > 0.0)
    }
}

/// Returns the differences per example; their mean is the barrier.
pub fn differences(mix: &[f64], baseline: &[f64]) -> Vec<f64> {
    mix.iter().zip(baseline).map(|(mix, baseline)| mix - baseline).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Estimate;

    #[test]
    fn baselines_of_unequal_ends_are_told_apart() {
        // The article's warning: L₁ = 0.1, L₂ = 2.1, and the mix at 1.0 has "no barrier" under
        // `mean`, yet its loss is ten times that of model 1.
        let losses = [vec![0.1], vec![2.1]];
        let ends = EndLosses { losses: &losses, weights: &[0.5, 0.5], base: 0 };
        let barrier = |baseline| {
            let baseline = ends.baseline(baseline, 0.5, Some(&[3.0])).unwrap();
            Estimate::of(&differences(&[1.0], &baseline)).value.unwrap()
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        near(barrier(Baseline::Mean), -0.1);
        near(barrier(Baseline::Linear), -0.1);
        near(barrier(Baseline::Max), -1.1);
        near(barrier(Baseline::Base), 0.9);
        near(barrier(Baseline::Chord), -0.55);
    }

    #[test]
    fn the_linear_baseline_meets_both_ends() {
        let losses = [vec![0.25, 0.5], vec![2.0, 1.0]];
        for base in [0, 1] {
            let ends = EndLosses { losses: &losses, weights: &[0.5, 0.5], base };
            let at = |alpha| ends.baseline(Baseline::Linear, alpha, None).unwrap();
            assert_eq!(at(0.0), losses[base]);
            assert_eq!(at(1.0), losses[1 - base]);
            assert_eq!(at(0.5), ends.baseline(Baseline::Mean, 0.5, None).unwrap());
        }
    }
}
