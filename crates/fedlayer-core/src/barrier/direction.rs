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
    /// The base and the target.
    pub(super) ends: DirectionEnds,
    /// The model of the target.
    pub(super) toward: Arc<Params>,
    /// The weight of each end model in the baseline.
    pub(super) weights: Vec<f64>,
    /// The weight of the direction in the mean over all directions; the weights add up to 1.
    pub(super) share: f64,
}

/// The base and the target of a direction, without their models.
#[derive(Debug, Clone, Copy)]
pub(super) struct DirectionEnds {
    /// The index of the base among the end models.
    pub(super) base: usize,
    /// The target.
    pub(super) toward: Toward,
    /// The mixing weight at α = 1: 1 towards another model, and 2 towards the cohort's mean. Then α
    /// = ½ is the average for any number of models, and for two models of equal weight the mix is
    /// (1−α)θ₁ + αθ₂ for every α.
    pub(super) reach: f64,
}

impl DirectionEnds {
    /// Makes the ends of a direction from a base to the cohort's mean.
    pub(super) fn to_mean(base: usize) -> Self {
        Self { base, toward: Toward::Mean, reach: 2.0 }
    }

    /// Makes the ends of a direction from a base to another model.
    pub(super) fn to_model(base: usize, other: usize) -> Self {
        Self { base, toward: Toward::End(other), reach: 1.0 }
    }
}

/// The target of a direction: another model of the cohort, or the cohort's mean.
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
            weight: alpha * self.ends.reach,
        }
    }

    fn to_mean(base: usize, updates: &[Update], mean: &Arc<Params>, shares: &[f64]) -> Self {
        Self {
            label: updates[base].client.to_string(),
            ends: DirectionEnds::to_mean(base),
            toward: mean.clone(),
            weights: shares.to_vec(),
            share: shares[base],
        }
    }

    fn to_model(base: usize, other: usize, updates: &[Update]) -> Self {
        let count = updates.len();
        let half = |model| if model == base || model == other { 0.5 } else { 0.0 };
        Self {
            label: format!("{}<-{}", updates[base].client, updates[other].client),
            ends: DirectionEnds::to_model(base, other),
            toward: updates[other].params.clone(),
            weights: (0..count).map(half).collect(),
            share: 1.0 / (count * (count - 1)) as f64,
        }
    }
}
