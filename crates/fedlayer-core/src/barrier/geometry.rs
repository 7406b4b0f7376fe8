//! [`Geometry`]: distances between the models of a cohort, and cosines of their movements. It needs
//! no data.

use std::ops::Range;

use crate::{
    barrier::{EndModel, direction::Direction},
    model::{Layer, LayerSet, Params, distance},
};

/// Distances and cosines per direction and layer, over trained values. The last entry is the whole
/// model.
#[derive(Debug)]
pub(super) struct Geometry {
    /// The names of the layers; `all` is the whole model.
    pub(super) sets: Vec<String>,
    /// The distances ‖Δ‖₂. `(directions, sets)`
    pub(super) norms: Vec<Vec<f64>>,
    /// The cosines; absent if a model did not move. `(directions, sets)`
    pub(super) cosines: Vec<Vec<Option<f64>>>,
}

impl Geometry {
    /// Measures distances and cosines. `shares` are the weights of the end models; they add up to
    /// 1.
    pub(super) fn new(directions: &[Direction], ends: &[EndModel], shares: &[f64]) -> Self {
        let layout = ends[0].update.params.layout();
        let layer = |(at, layer): (usize, &Layer)| {
            (layer.name.to_string(), LayerSet::new(layout.clone(), [at]))
        };
        let whole = ("all".to_owned(), LayerSet::all(layout));
        let layers = layout.layers().iter().enumerate();
        let sets: Vec<(String, LayerSet)> = layers.map(layer).chain([whole]).collect();
        let movements: Vec<Vec<f64>> = ends.iter().map(movement).collect();
        let mut norms = Vec::new();
        let mut cosines = Vec::new();
        for direction in directions {
            let base = &ends[direction.ends.base].update.params;
            let others = others(direction, &movements, shares);
            let norm = |set: &LayerSet| {
                direction.ends.reach * distance(base, &direction.toward, set.trained())
            };
            norms.push(sets.iter().map(|(_, set)| norm(set)).collect());
            let own = &movements[direction.ends.base];
            cosines.push(sets.iter().map(|(_, set)| cosine(own, &others, set.trained())).collect());
        }
        let sets = sets.into_iter().map(|(name, _)| name).collect();
        Self { sets, norms, cosines }
    }
}

/// Returns the movement of a model in local training, θ − start.
fn movement(end: &EndModel) -> Vec<f64> {
    let values =
        |params: &Params| params.values().iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let (after, before) = (values(&end.update.params), values(&end.start));
    after.iter().zip(before).map(|(after, before)| after - before).collect()
}

/// Returns the movement of the other models of a direction: the weighted sum over all models but
/// the base. A cosine does not depend on its length.
fn others(direction: &Direction, movements: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; movements[0].len()];
    for (model, movement) in movements.iter().enumerate() {
        if model != direction.ends.base && direction.weights[model] > 0.0 {
            for (sum, value) in sum.iter_mut().zip(movement) {
                *sum += shares[model] * value;
            }
        }
    }
    sum
}

/// Returns the cosine of two vectors over some ranges, or `None` if one of them is zero.
fn cosine(a: &[f64], b: &[f64], ranges: &[Range<usize>]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        let products =
            ranges.iter().flat_map(|range| a[range.clone()].iter().zip(&b[range.clone()]));
        products.map(|(a, b)| a * b).sum()
    };
    let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
    (norms > 0.0).then(|| dot(a, b) / norms)
}
