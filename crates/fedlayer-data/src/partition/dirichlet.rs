//! Draws the clients' shares of each class from a symmetric Dirichlet distribution.
//!
//! Hsu, Qi and Brown (2019), "Measuring the effects of non-identical data distribution for
//! federated visual classification", made the distribution the measure of heterogeneity, drawing
//! each client's mixture of classes. Here each class's mixture of clients is drawn, as Yurochkin et
//! al. (2019), "Bayesian nonparametric federated learning of neural networks", and most work since
//! have done. Clients then differ in size as well as in classes.

use fedlayer_core::Generator;
use rand::{RngExt, seq::SliceRandom};
use rand_distr::{Distribution, Gamma, Open01};

use super::{apportion, fill_empty};
use crate::{DataError, stratify::by_class};

/// Returns the examples of each client. Each client that the draw leaves empty gets one example of
/// the client that is largest then.
pub(super) fn deal(
    concentration: f64,
    labels: &[u32],
    classes: usize,
    clients: usize,
    generator: &mut Generator,
) -> Result<Vec<Vec<u32>>, DataError> {
    let mut shares = vec![Vec::new(); clients];
    for mut members in by_class(labels, classes) {
        if members.is_empty() {
            continue;
        }
        members.shuffle(generator);
        let weights = weights(concentration, clients, generator)?;
        let mut rest = members.as_slice();
        for (share, size) in shares.iter_mut().zip(apportion(members.len(), &weights)) {
            let (own, others) = rest.split_at(size);
            share.extend_from_slice(own);
            rest = others;
        }
    }
    fill_empty(&mut shares, generator);
    Ok(shares)
}

/// The range of concentrations: beyond it one client has all, or all have equal shares. Inside it
/// the logarithms below are finite.
const CONCENTRATIONS: (f64, f64) = (1e-300, 1e300);

/// Draws from the symmetric Dirichlet distribution with concentration a, up to a common factor.
///
/// Independent gamma(a) variables have its proportions. They are drawn as gamma(a + 1) · u^(1/a)
/// with u uniform, in logarithms, because for small a nearly all of them are below the smallest
/// `f64`.
pub(crate) fn weights(
    concentration: f64,
    clients: usize,
    generator: &mut Generator,
) -> Result<Vec<f64>, DataError> {
    let concentration = concentration.clamp(CONCENTRATIONS.0, CONCENTRATIONS.1);
    let gamma = Gamma::new(concentration + 1.0, 1.0).map_err(|_| DataError::OutOfRange {
        key: "data.partition.dirichlet",
        found: concentration.to_string(),
        allowed: "above 0 and finite",
    })?;
    let mut draw = || {
        let uniform: f64 = generator.sample(Open01);
        gamma.sample(generator).ln() + uniform.ln() / concentration
    };
    let logarithms: Vec<f64> = (0..clients).map(|_| draw()).collect();
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Ok(logarithms.into_iter().map(|logarithm| (logarithm - largest).exp()).collect())
}

#[cfg(test)]
mod tests {
    use fedlayer_core::Seed;

    use super::*;

    /// For K clients and concentration a, a share has mean 1/K and variance (K − 1) / (K² (K a +
    /// 1)).
    #[test]
    fn shares_have_the_mean_and_the_variance_of_the_distribution() {
        let (clients, draws) = (5_usize, 20_000);
        for concentration in [0.05, 0.5, 3.0] {
            let mut generator = Seed::new(3).generator();
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..draws {
                let weights = weights(concentration, clients, &mut generator).unwrap();
                let share = weights[0] / weights.iter().sum::<f64>();
                sum += share;
                squares += share * share;
            }
            let (mean, k) = (sum / draws as f64, clients as f64);
            let variance = squares / draws as f64 - mean * mean;
            let expected = (k - 1.0) / (k * k * (k * concentration + 1.0));
            assert!((mean - 1.0 / k).abs() < 0.01, "{concentration}: mean {mean}");
            assert!(
                (variance / expected - 1.0).abs() < 0.05,
                "{concentration}: {variance} {expected}"
            );
        }
    }

    #[test]
    fn the_smallest_and_largest_concentrations_give_finite_shares() {
        for concentration in [f64::MIN_POSITIVE, 1e-12, 1e12, f64::MAX] {
            let weights = weights(concentration, 10, &mut Seed::new(1).generator()).unwrap();
            let total: f64 = weights.iter().sum();
            assert!((1.0..=10.0).contains(&total), "{concentration}: {weights:?}");
        }
    }
}
