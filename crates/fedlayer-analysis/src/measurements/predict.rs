//! `predict`: predictions of the barriers of single layers without evaluating a mix, beside the
//! measured barriers.

use std::collections::BTreeMap;

use fedlayer_core::{
    model::{LayerSet, Params, distance},
    record::{AnalysisRow, Metric},
    spec::{Baseline, Predict, SplitSpec},
};

use crate::{
    curvature::{Curvature, LayerDirection},
    error::AnalysisError,
    linalg::{self, Coordinates, spearman},
    losses::Losses,
    model_set::{ModelSet, TrainedModel},
    rows::loss_row,
    work::{AnalysisWork, ModelSetShape},
};

/// The α of the predicted barrier.
const HALF: f64 = 0.5;

/// Predicts the barriers into each of the first two models θᵢ from the other one, for every layer l
/// with Δ = θⱼˡ − θᵢˡ:
///
/// * kind `norm`: ‖Δ‖₂ over the trained values.
/// * kind `cosine`: between the two models' movements on the layer from the initial model; absent
///   if the initial model is not known, or if a model did not move.
/// * kind `expansion`: ½⟨g, Δ⟩ + ⅛ΔᵀHΔ with the gradient g and the Hessian H of the mean loss at
///   θᵢ: the second-order Taylor expansion of `measured`.
/// * kind `measured`: the barrier at α = ½ under the baseline `base`, L(θᵢ + ½Δ) − L(θᵢ), with the
///   standard error of the paired differences.
/// * kinds `spearman-norm`, `spearman-cosine`, `spearman-expansion`, set `all`: the rank
///   correlation of each prediction with the measured loss, over the layers; absent for fewer than
///   three layers.
pub(crate) fn measure(
    _spec: &Predict,
    model_set: &ModelSet,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let mut rows = Vec::new();
    for (base, other) in model_set.both_ways("predict")? {
        rows.extend(predict_into(base, other, model_set, losses)?);
    }
    Ok(rows)
}

/// Counts the work of [`measure`]: into both models, the model itself, and per layer a mix and a
/// product.
pub(crate) fn work(_spec: &Predict, shape: &ModelSetShape) -> AnalysisWork {
    let layers = shape.layers().len();
    (AnalysisWork::evaluations(1 + layers) + AnalysisWork::products(layers)).times(2)
}

/// Predicts the barriers into one model.
fn predict_into(
    base: &TrainedModel,
    other: &TrainedModel,
    model_set: &ModelSet,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let sets = model_set.layers();
    let norms = sets.iter().map(|set| Some(distance(&base.params, &other.params, set.trained())));
    let norms: Vec<Option<f64>> = norms.collect();
    let cosine = |set: &LayerSet| cosine(model_set.initial.as_ref()?, base, other, set);
    let cosines: Vec<Option<f64>> = sets.iter().map(cosine).collect();
    let mut rows = Vec::new();
    for (kind, metric, values) in
        [("norm", Metric::Norm, &norms), ("cosine", Metric::Cosine, &cosines)]
    {
        rows.extend(sets.iter().zip(values).map(|(set, &value)| {
            let row = AnalysisRow::new(kind, set, base.id);
            AnalysisRow { metric: Some(metric), value, ..row }
        }));
    }
    let barriers = barriers(base, other, &sets, losses)?;
    for split in losses.splits() {
        let expansions = expansions(base, other, &sets, split, losses)?;
        let step = |kind, set: &LayerSet| AnalysisRow {
            alpha: Some(HALF),
            baseline: Some(Baseline::Base),
            ..loss_row(kind, set, base.id, split)
        };
        let expanded = sets.iter().zip(&expansions);
        rows.extend(expanded.map(|(set, &value)| AnalysisRow { value, ..step("expansion", set) }));
        let own = barriers.iter().filter(|row| row.split == Some(split));
        rows.extend(own.clone().cloned());
        let losses = own.filter(|row| row.metric == Some(Metric::Loss)).map(|row| row.value);
        let losses: Vec<Option<f64>> = losses.collect();
        let all = LayerSet::all(model_set.layout());
        for (kind, values) in [
            ("spearman-norm", &norms),
            ("spearman-cosine", &cosines),
            ("spearman-expansion", &expansions),
        ] {
            let pairs = values.iter().zip(&losses).filter_map(|(a, b)| (*a).zip(*b));
            let value = spearman(&pairs.collect::<Vec<_>>());
            rows.push(AnalysisRow { metric: None, value, ..step(kind, &all) });
        }
    }
    Ok(rows)
}

/// Returns the cosine between two models' movements from the initial one, or `None` if one of them
/// did not move.
fn cosine(
    initial: &Params,
    base: &TrainedModel,
    other: &TrainedModel,
    set: &LayerSet,
) -> Option<f64> {
    let coordinates = Coordinates::of(set);
    let [a, b] = [base, other].map(|model| coordinates.difference(initial, &model.params));
    linalg::cosine(&a, &b)
}

/// Measures L(θᵢ + ½Δ) − L(θᵢ) of every layer.
fn barriers(
    base: &TrainedModel,
    other: &TrainedModel,
    sets: &[LayerSet],
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let mut own = BTreeMap::new();
    losses.visit([((), base.point())], |(), split, seen| {
        own.insert(split, seen);
    })?;
    let mut rows = Vec::new();
    let mixes = sets.iter().map(|set| {
        let row = AnalysisRow::new("measured", set, base.id);
        let baseline = Some(Baseline::Base);
        let row = AnalysisRow { alpha: Some(HALF), baseline, ..row };
        (row, base.toward(&other.params, set, HALF))
    });
    losses
        .visit(mixes, |row, split, seen| rows.extend(seen.minus(&own[&split]).rows(row, split)))?;
    Ok(rows)
}

/// Computes ½⟨g, Δ⟩ + ⅛ΔᵀHΔ of every layer; absent if it is not finite.
fn expansions(
    base: &TrainedModel,
    other: &TrainedModel,
    sets: &[LayerSet],
    split: SplitSpec,
    losses: &mut Losses<'_>,
) -> Result<Vec<Option<f64>>, AnalysisError> {
    let blocks: Vec<Coordinates> = sets.iter().map(Coordinates::of).collect();
    let way = |coordinates: &Coordinates| coordinates.difference(&base.params, &other.params);
    let ways: Vec<LayerDirection<'_>> =
        blocks.iter().map(|coordinates| (coordinates, way(coordinates))).collect();
    let parameters = base.params.layout().value_count();
    let mut curvature = Curvature { losses, point: base.point(), split, parameters };
    let value = |(slope, form): (f64, f64)| HALF * slope + 0.5 * HALF * HALF * form;
    let values = curvature.slopes_and_forms(&ways)?.into_iter().map(value);
    Ok(values.map(|value| Some(value).filter(|value| value.is_finite())).collect())
}
