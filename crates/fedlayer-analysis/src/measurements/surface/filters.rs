//! The plane around a model along two filter-normalised directions.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    model::{Params, Point, Role},
    record::AnalysisRow,
    spec::Surface,
};
use rand_distr::{Distribution, StandardNormal};

use crate::{
    error::AnalysisError,
    losses::Losses,
    measurements::surface::grid::{axis, row},
    model_set::ModelSet,
};

/// Measures the loss at θ₁ + α·a + β·b for two filter-normalised directions a and b, from −1 −
/// `beyond` to 1 + `beyond` on both axes. Kind `plane`, and `model` for θ₁.
pub(super) fn measure(
    spec: &Surface,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let base = &model_set.models[0];
    let seed = seed.child("filters");
    let (a, b) = (direction(&base.params, seed.index(0)), direction(&base.params, seed.index(1)));
    let at = |alpha: f64, beta: f64| {
        let mut point = (*base.params).clone();
        for (value, (a, b)) in point.values_mut().iter_mut().zip(a.iter().zip(&b)) {
            let step = alpha * f64::from(*a) + beta * f64::from(*b);
            *value = (f64::from(*value) + step) as f32;
        }
        (row("plane", "all", base.id, alpha, Some(beta)), Point::Model(Arc::new(point)))
    };
    let axis = axis(spec.points, -1.0 - spec.beyond, 1.0 + spec.beyond);
    let grid = axis.iter().flat_map(|&alpha| axis.iter().map(move |&beta| (alpha, beta)));
    let model = (row("model", "none", base.id, 0.0, Some(0.0)), base.point());
    losses.rows(std::iter::once(model).chain(grid.map(|(alpha, beta)| at(alpha, beta))))
}

/// Draws a Gaussian direction with filters that have the norms of the model's own filters (Li et
/// al., NeurIPS 2018): d_f ← d_f/‖d_f‖·‖θ_f‖. A filter is a row of a tensor of two or more
/// dimensions: the weights of one output. Tensors of one dimension (biases, normalisations) and
/// running statistics do not move.
fn direction(model: &Params, seed: Seed) -> Vec<f32> {
    let mut generator = seed.generator();
    let mut direction = vec![0.0; model.values().len()];
    let weights = model.layout().tensors().filter(|tensor| tensor.shape.len() > 1);
    for tensor in weights.filter(|tensor| tensor.role == Role::Trained) {
        let width = tensor.range.len() / tensor.shape[0];
        let filters = direction[tensor.range.clone()].chunks_exact_mut(width);
        for (filter, own) in filters.zip(model.range(&tensor.range).chunks_exact(width)) {
            let drawn: Vec<f64> =
                own.iter().map(|_| StandardNormal.sample(&mut generator)).collect();
            let length = drawn.iter().map(|value| value * value).sum::<f64>().sqrt();
            let wanted = own.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            for (value, drawn) in filter.iter_mut().zip(drawn) {
                *value = (drawn * wanted / length) as f32;
            }
        }
    }
    direction
}
