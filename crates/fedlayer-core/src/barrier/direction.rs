//! [`Direction`]: from a base towards another model or the mean.

use std::sync::Arc;

use crate::{
    model::{LayerSet, Mix, Params},
    spec::Between,
    trainer::Update,
};

/// A model of the cohort, before and after its local training.
#[derive(Debug, Clone)]
pub struct EndModel {
    /// The model that the client started the round from.
    pub start: Arc<Params>,
    /// The client's update.
    pub update: Update,
}

/// A direction in parameter space: from a base towards another model or towards the cohort's mean.
#[derive(Debug)]
pub(super) struct Direction {
    /// The name of the base in records.
    pub(super) label: String,
    /// The index of the base among the end models.
    pub(super) base: usize,
    /// The target: the other model of a pair, or the cohort's mean.
    pub(super) toward: Arc<Params>,
    /// The identity of the target, to find equal points.
    pub(super) toward_key: Toward,
    /// The mixing weight at α = 1: 1 towards another model, and 2 towards the cohort's mean. Then α
    /// = ½ is the average for any number of models, and for two models of equal weight the mix is
    /// (1−α)θ₁ + αθ₂ for every α.
    pub(super) reach: f64,
    /// The weight of each end model in the baseline.
    pub(super) weights: Vec<f64>,
    /// The weight of the direction in the mean over all directions; the weights add up to 1.
    pub(super) share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Toward {
    End(usize),
    Mean,
}

/// Returns the directions of a cohort: from every model to the mean, or from every model to every
/// other one. `shares` are the weights of the models; they add up to 1.
pub(super) fn directions(
    between: Between,
    updates: &[Update],
    mean: &Arc<Params>,
    shares: &[f64],
) -> Vec<Direction> {
    let models = 0..updates.len();
    match between {
        Between::Cohort => {
            models.map(|base| Direction::to_mean(base, updates, mean, shares)).collect()
        }
        Between::Pairs => {
            let pairs =
                models.clone().flat_map(|base| models.clone().map(move |other| (base, other)));
            let pairs = pairs.filter(|(base, other)| base != other);
            pairs.map(|(base, other)| Direction::to_model(base, other, updates)).collect()
        }
    }
}

impl Direction {
    /// Returns the mix of a layer set into `base` at α.
    pub(super) fn mix(&self, base: &Arc<Params>, set: &LayerSet, alpha: f64) -> Mix {
        Mix {
            base: base.clone(),
            other: self.toward.clone(),
            set: set.clone(),
            weight: alpha * self.reach,
        }
    }

    fn to_mean(base: usize, updates: &[Update], mean: &Arc<Params>, shares: &[f64]) -> Self {
        Self {
            label: updates[base].client.to_string(),
            base,
            toward: mean.clone(),
            toward_key: Toward::Mean,
            reach: 2.0,
            weights: shares.to_vec(),
            share: shares[base],
        }
    }

    fn to_model(base: usize, other: usize, updates: &[Update]) -> Self {
        let count = updates.len();
        let half = |model| if model == base || model == other { 0.5 } else { 0.0 };
        Self {
            label: format!("{}<-{}", updates[base].client, updates[other].client),
            base,
            toward: updates[other].params.clone(),
            toward_key: Toward::End(other),
            reach: 1.0,
            weights: (0..count).map(half).collect(),
            share: 1.0 / (count * (count - 1)) as f64,
        }
    }
}
