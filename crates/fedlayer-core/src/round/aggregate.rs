//! [`weighted_mean`]: the mean of models over the senders, on a layer set.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    model::{LayerSet, Params},
    spec::Weighting,
    trainer::Update,
};

/// Models that cannot be averaged.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum AverageError {
    /// There is no model.
    #[error("there is no model to average; at least one client must report")]
    Empty,
    /// The sum of the weights is not finite and positive.
    #[error("the weights add up to {0}; their sum must be finite and above 0")]
    Weights(f64),
}

/// The number of parameters that are summed at once. The sums of a block stay in the first-level
/// cache.
const BLOCK: usize = 2048;

/// Averages the layers of `set` into `target`: Σₖ wₖ·θₖ / Σₖ wₖ. All other layers of `target` stay
/// unchanged, bit for bit (federated averaging, McMahan et al. 2017, restricted to a layer set).
///
/// Sums run in the given order, in f64, and are rounded once. Weights need not be normalised: for
/// integer weights, equal models average to themselves, bit for bit. The memory beside the models
/// is one block.
///
/// Batch counters are not averaged: the largest one is taken.
///
/// # Errors
/// When there is no model, or the sum of the weights is not finite and positive. `target` is then
/// unchanged.
pub fn weighted_mean(
    target: &mut Params,
    set: &LayerSet,
    models: &[(f64, &Params)],
) -> Result<(), AverageError> {
    if models.is_empty() {
        return Err(AverageError::Empty);
    }
    let total: f64 = models.iter().map(|(weight, _)| weight).sum();
    if !(total.is_finite() && total > 0.0) {
        return Err(AverageError::Weights(total));
    }
    let mut sums = [0.0_f64; BLOCK];
    for range in set.ranges() {
        for start in range.clone().step_by(BLOCK) {
            let block = start..range.end.min(start + BLOCK);
            let sums = &mut sums[..block.len()];
            // Sums start at −0, not at 0: a single −0 then stays −0.
            sums.fill(-0.0);
            // Four models per pass save three of four writes of the sums. Each sum still adds one
            // model after another.
            let (fours, last) = models.as_chunks::<4>();
            for four in fours {
                let [(w0, a), (w1, b), (w2, c), (w3, d)] =
                    four.map(|(weight, params)| (weight, &params.range(&block)[..sums.len()]));
                for (i, sum) in sums.iter_mut().enumerate() {
                    let first = (*sum + w0 * f64::from(a[i])) + w1 * f64::from(b[i]);
                    *sum = (first + w2 * f64::from(c[i])) + w3 * f64::from(d[i]);
                }
            }
            for (weight, params) in last {
                for (sum, &value) in sums.iter_mut().zip(params.range(&block)) {
                    *sum += weight * f64::from(value);
                }
            }
            for (target, sum) in target.values_mut()[block].iter_mut().zip(sums) {
                *target = (*sum / total) as f32;
            }
        }
    }
    carry_counters(target, set, models.iter().map(|(_, params)| *params));
    Ok(())
}

/// Sets the batch counters of `set` in `target` to the largest counters of some models.
pub fn carry_counters<'a>(
    target: &mut Params,
    set: &LayerSet,
    models: impl Iterator<Item = &'a Params> + Clone,
) {
    for counter in set.counters() {
        let counts = models.clone().flat_map(|params| params.range(&counter.range));
        let most = counts.copied().fold(0.0, f32::max);
        target.values_mut()[counter.range.clone()].fill(most);
    }
}

/// Returns the weight of each update.
pub fn update_weights(weighting: Weighting, updates: &[Update]) -> Vec<f64> {
    updates.iter().map(|update| update_weight(weighting, update)).collect()
}

/// Returns the weight of an update.
pub fn update_weight(weighting: Weighting, update: &Update) -> f64 {
    match weighting {
        Weighting::Examples => update.examples as f64,
        Weighting::Equal => 1.0,
    }
}

/// Averages the models of the updates on all layers. Running statistics that stay with the models
/// are 0 in the result: it is a target to move towards, not a model to evaluate.
///
/// # Errors
/// As [`weighted_mean`].
pub fn mean_model(weighting: Weighting, updates: &[Update]) -> Result<Arc<Params>, AverageError> {
    let first = updates.first().ok_or(AverageError::Empty)?;
    let weights = update_weights(weighting, updates);
    let models: Vec<(f64, &Params)> =
        weights.into_iter().zip(updates.iter().map(|update| &*update.params)).collect();
    let mut mean = Params::zeros(first.params.layout().clone());
    let all = LayerSet::all(mean.layout());
    weighted_mean(&mut mean, &all, &models)?;
    Ok(Arc::new(mean))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Layout;

    fn layout() -> Arc<Layout> {
        let tensors = [("a.weight", vec![3, 2]), ("a.bias", vec![3]), ("b.weight", vec![4])];
        Arc::new(Layout::new(tensors).unwrap())
    }

    fn params() -> impl Strategy<Value = Params> {
        prop::collection::vec(-1e3_f32..1e3, 13)
            .prop_map(|values| Params::new(layout(), values).unwrap())
    }

    proptest! {
        #[test]
        fn one_model_is_its_own_average_bit_for_bit(model in params(), examples in 1_u32..1_000_000) {
            let mut mean = Params::zeros(layout());
            weighted_mean(&mut mean, &LayerSet::all(&layout()), &[(examples.into(), &model)]).unwrap();
            prop_assert_eq!(mean, model);
        }

        #[test]
        fn equal_models_average_to_themselves_bit_for_bit(
            model in params(),
            examples in prop::collection::vec(1_u32..10_000, 1..20),
        ) {
            let models: Vec<_> = examples.iter().map(|&n| (f64::from(n), &model)).collect();
            let mut mean = Params::zeros(layout());
            weighted_mean(&mut mean, &LayerSet::all(&layout()), &models).unwrap();
            prop_assert_eq!(mean, model);
        }

        #[test]
        fn layers_outside_the_set_stay_bit_for_bit(a in params(), b in params(), target in params()) {
            let set = LayerSet::new(layout(), [1]);
            let mut mean = target.clone();
            weighted_mean(&mut mean, &set, &[(3.0, &a), (1.0, &b)]).unwrap();
            prop_assert_eq!(&mean.values()[..9], &target.values()[..9]);
            let mut whole = target;
            weighted_mean(&mut whole, &LayerSet::all(&layout()), &[(3.0, &a), (1.0, &b)]).unwrap();
            prop_assert_eq!(&mean.values()[9..], &whole.values()[9..]);
        }

        #[test]
        fn the_mean_is_within_half_a_unit_of_the_exact_one(
            models in prop::collection::vec((1_u32..1000, params()), 1..10),
        ) {
            let weighted: Vec<_> = models.iter().map(|(n, model)| (f64::from(*n), model)).collect();
            let mut mean = Params::zeros(layout());
            weighted_mean(&mut mean, &LayerSet::all(&layout()), &weighted).unwrap();
            let total: f64 = weighted.iter().map(|(w, _)| w).sum();
            for i in 0..13 {
                let exact: f64 =
                    weighted.iter().map(|(w, model)| w * f64::from(model.values()[i])).sum::<f64>() / total;
                prop_assert!((f64::from(mean.values()[i]) - exact).abs() <= exact.abs() * 6e-8 + 1e-12);
            }
        }
    }

    #[test]
    fn a_mean_over_several_blocks_is_exact() {
        let layout = Arc::new(Layout::new([("a", vec![3 * BLOCK + 5])]).unwrap());
        let ramp = |k: f32| {
            let values = (0..layout.value_count()).map(|i| i as f32 * k).collect();
            Params::new(layout.clone(), values).unwrap()
        };
        let mut mean = Params::zeros(layout.clone());
        weighted_mean(&mut mean, &LayerSet::all(&layout), &[(1.0, &ramp(1.0)), (3.0, &ramp(5.0))])
            .unwrap();
        assert_eq!(mean, ramp(4.0));
    }

    #[test]
    fn nothing_to_average_is_an_error_and_changes_nothing() {
        let model = Params::new(layout(), vec![1.0; 13]).unwrap();
        let all = LayerSet::all(&layout());
        let mut target = model.clone();
        assert_eq!(weighted_mean(&mut target, &all, &[]), Err(AverageError::Empty));
        assert_eq!(
            weighted_mean(&mut target, &all, &[(0.0, &model)]),
            Err(AverageError::Weights(0.0))
        );
        assert!(weighted_mean(&mut target, &all, &[(f64::NAN, &model)]).is_err());
        assert_eq!(target, model);
    }
}
