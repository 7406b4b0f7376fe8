//! [`Coordinates`]: the trained values of a layer set, as one vector.

use std::{ops::Range, sync::Arc};

use fedlayer_core::{
    Generator,
    model::{LayerSet, Params},
};
use rand_distr::{Distribution, StandardNormal};

/// The ranges of the trained values of a layer set. Directions and noise live in these coordinates.
/// They leave out running statistics, because no gradient reaches them and a variance must not
/// become negative.
#[derive(Debug, Clone)]
pub(crate) struct Coordinates {
    ranges: Vec<Range<usize>>,
}

impl Coordinates {
    /// Takes the coordinates of a layer set.
    pub(crate) fn of(set: &LayerSet) -> Self {
        Self { ranges: set.trained().to_vec() }
    }

    /// Takes the coordinates of a single tensor.
    pub(crate) fn of_range(range: Range<usize>) -> Self {
        Self { ranges: vec![range] }
    }

    /// Returns the number n of coordinates.
    pub(crate) fn len(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }

    /// Returns the values of a model. `(n)`
    pub(crate) fn values(&self, params: &Params) -> Vec<f64> {
        let values = self.ranges.iter().flat_map(|range| params.range(range));
        values.map(|&value| f64::from(value)).collect()
    }

    /// Returns b − a. `(n)`
    pub(crate) fn difference(&self, a: &Params, b: &Params) -> Vec<f64> {
        self.values(b).iter().zip(self.values(a)).map(|(b, a)| b - a).collect()
    }

    /// Restricts a vector over all parameters to the coordinates. `(n)`
    pub(crate) fn part(&self, whole: &[f64]) -> Vec<f64> {
        self.ranges.iter().flat_map(|range| whole[range.clone()].iter().copied()).collect()
    }

    /// Extends a vector by zeros to all parameters.
    pub(crate) fn embedded(&self, vector: &[f64], parameters: usize) -> Vec<f32> {
        let mut whole = vec![0.0; parameters];
        for (at, value) in self.positions().zip(vector) {
            whole[at] = *value as f32;
        }
        whole
    }

    /// Adds `scale` times a vector to a model, rounded once.
    pub(crate) fn moved(&self, params: &Params, vector: &[f64], scale: f64) -> Arc<Params> {
        let mut moved = params.clone();
        let values = moved.values_mut();
        for (at, step) in self.positions().zip(vector) {
            values[at] = (f64::from(values[at]) + scale * step) as f32;
        }
        Arc::new(moved)
    }

    /// Draws a standard normal vector. `(n)`
    pub(crate) fn gaussian(&self, generator: &mut Generator) -> Vec<f64> {
        (0..self.len()).map(|_| StandardNormal.sample(generator)).collect()
    }

    fn positions(&self) -> impl Iterator<Item = usize> {
        self.ranges.iter().cloned().flatten()
    }
}
