//! [`Estimate`]: the loss barrier, its baselines and its standard error, from per-example losses.
//!
//! B_S^(i)(α) = L(mix into θ_i on S at α) − baseline (Adilova et al., *Layer-wise linear mode connectivity*, ICLR 2024). It is in the
//! unit of the loss (or in percentage points of error), positive where mixing hurts, and may be negative.

use crate::spec::Baseline;

/// The unmixed models that a barrier is taken between, seen from one of them.
#[derive(Debug, Clone, Copy)]
pub struct EndLosses<'a> {
    /// Per model, its loss on each example.
    pub losses: &'a [Vec<f64>],
    /// Per model, its weight p; they add up to 1. Models of weight 0 take no part, whatever their losses are.
    pub weights: &'a [f64],
    /// The index of the base θ_i.
    pub base: usize,
}

impl EndLosses<'_> {
    /// The baseline at α, example by example, so that it can be paired with the loss of the mix.
    ///
    /// `swapped` is the loss of the mix at α = 1 on the same layers; only [`Baseline::Chord`] needs it.
    /// Nothing where it is needed and absent.
    ///
    /// Every baseline but `max` is L_i plus a part of differences from L_i: models of equal losses then have a baseline of exactly that
    /// loss, whatever α and the weights are.
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
                // For two models of equal weight it is (1−α)L_i + αL_j.
                let line = |(l, m): (&f64, f64)| l + 2.0 * alpha * (m - l);
                base.iter().zip(self.mean()).map(line).collect()
            }
            Baseline::Max => {
                // A model whose losses are not finite is the worst, whatever the sign of its NaN.
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

    /// L̄, example by example: the weighted mean over the models.
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

    /// The weights and losses of the models that take part.
    fn models(&self) -> impl Iterator<Item = (f64, &Vec<f64>)> {
        let models = self.weights.iter().copied().zip(self.losses);
        models.filter(|(weight, _)| *weight > 0.0)
    }
}

/// The per-example differences whose mean is the barrier.
pub fn differences(mix: &[f64], baseline: &[f64]) -> Vec<f64> {
    mix.iter().zip(baseline).map(|(mix, baseline)| mix - baseline).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Estimate;

    #[test]
    fn baselines_of_unequal_ends_are_told_apart() {
        // The article's warning: L₁ = 0.1, L₂ = 2.1, the mix at 1.0 is "no barrier" under `mean`, and ten times worse than model 1.
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
