//! [`AnalysisWork`]: the work that a measurement asks of the trainer, counted before it is made.

use std::{iter::Sum, ops::Add, sync::Arc};

use fedlayer_core::model::{LayerSet, Layout};

/// The work that a measurement asks of the trainer on each split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnalysisWork {
    /// The evaluations of one model.
    pub evaluations: u64,
    /// The products of the Hessian with a direction.
    pub products: u64,
}

/// The properties of a model set that decide how much work a measurement is.
#[derive(Debug, Clone)]
pub struct ModelSetShape {
    /// The layers of the models.
    pub layout: Arc<Layout>,
    /// The number of models.
    pub models: usize,
    /// The number of states of each model that are known, the last one included; 0 if none is.
    pub states: usize,
}

impl AnalysisWork {
    /// Returns work that consists of evaluations alone.
    pub(crate) fn evaluations(count: usize) -> Self {
        Self { evaluations: count as u64, products: 0 }
    }

    /// Returns work that consists of products alone.
    pub(crate) fn products(count: usize) -> Self {
        Self { evaluations: 0, products: count as u64 }
    }

    /// Returns this work done several times.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self {
            evaluations: self.evaluations.saturating_mul(times),
            products: self.products.saturating_mul(times),
        }
    }
}

impl Add for AnalysisWork {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            evaluations: self.evaluations.saturating_add(other.evaluations),
            products: self.products.saturating_add(other.products),
        }
    }
}

impl Sum for AnalysisWork {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}

impl ModelSetShape {
    /// Returns the number of models that are measured if a measurement takes the first two.
    pub(crate) fn first_two(&self) -> u64 {
        self.models.min(2) as u64
    }

    /// Returns one set per layer.
    pub(crate) fn layers(&self) -> Vec<LayerSet> {
        let layers = 0..self.layout.layers().len();
        layers.map(|layer| LayerSet::new(self.layout.clone(), [layer])).collect()
    }

    /// Returns one set per layer, then the set of all layers if there are several.
    pub(crate) fn layers_and_whole(&self) -> Vec<LayerSet> {
        let mut sets = self.layers();
        if sets.len() > 1 {
            sets.push(LayerSet::all(&self.layout));
        }
        sets
    }
}
