//! `distance`: how far models are from each other, layer by layer, without evaluating anything.

use std::sync::Arc;

use fedlayer_core::{
    model::Params,
    record::{AnalysisRow, Metric},
    round::{mean_model, update_weights},
    spec::{Between, Distance, Weighting},
    trainer::Update,
};

use crate::{
    error::AnalysisError,
    linalg::{Coordinates, cosine, norm},
    model_set::{ModelSet, TrainedModel},
};

/// Compares models θ₁ and θ₂: every pair of models once, or every model with the mean of all models
/// weighted by their examples. Let θˡ be the trained values of a layer l, or of all layers. Kinds:
///
/// * `distance`: ‖θ₁ˡ − θ₂ˡ‖₂.
/// * `relative`: 2‖θ₁ˡ − θ₂ˡ‖₂ / (‖θ₁ˡ‖₂ + ‖θ₂ˡ‖₂), in [0, 2]. It does not depend on the order of
///   the models.
/// * `cosine`: of the angle between θ₁ˡ and θ₂ˡ.
/// * `movement`: the cosine of the angle between θ₁ˡ − θ₀ˡ and θ₂ˡ − θ₀ˡ, if the common initial
///   model θ₀ is known.
///
/// A value that is not defined has no row: a relative distance of two layers of zeros, the cosine
/// of a layer of zeros or of a model that did not move. If there are several comparisons, their
/// mean (base `mean`, weighted as in `barriers`) and their largest value (`max`) follow.
pub(crate) fn measure(
    spec: &Distance,
    model_set: &ModelSet,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    model_set.pair("distance")?;
    let comparisons = comparisons(spec.between, model_set)?;
    let mut rows = Vec::new();
    for set in model_set.layers_and_whole() {
        let coordinates = Coordinates::of(&set);
        let start = model_set.initial.as_ref().map(|start| coordinates.values(start));
        let compare = |comparison: &ComparedModels| {
            let [a, b] = [&comparison.first, &comparison.second];
            compare(&coordinates.values(a), &coordinates.values(b), start.as_deref())
        };
        let values: Vec<Closeness> = comparisons.iter().map(compare).collect();
        for (kind, metric, value) in QUANTITIES {
            let values: Vec<Option<f64>> = values.iter().map(value).collect();
            let row = |base: &str| AnalysisRow { metric, ..AnalysisRow::new(kind, &set, base) };
            rows.extend(rows_of(&comparisons, &values, row));
        }
    }
    Ok(rows)
}

/// Two models that are compared.
struct ComparedModels {
    /// The name of the comparison in records.
    base: String,
    first: Arc<Params>,
    second: Arc<Params>,
    /// Its weight in the mean over all comparisons; the weights add up to 1.
    share: f64,
}

/// Returns the comparisons, in the order of the models.
fn comparisons(
    between: Between,
    model_set: &ModelSet,
) -> Result<Vec<ComparedModels>, AnalysisError> {
    let models = &model_set.models;
    match between {
        Between::Pairs => {
            let later = |at: usize| models[at + 1..].iter().map(move |other| (&models[at], other));
            let pairs: Vec<_> = (0..models.len()).flat_map(later).collect();
            let share = 1.0 / pairs.len() as f64;
            let pair = |(first, second): (&TrainedModel, &TrainedModel)| ComparedModels {
                base: format!("{}<-{}", first.id, second.id),
                first: first.params.clone(),
                second: second.params.clone(),
                share,
            };
            Ok(pairs.into_iter().map(pair).collect())
        }
        Between::Cohort => {
            let updates: Vec<Update> = model_set.ends().into_iter().map(|end| end.update).collect();
            let mean = mean_model(Weighting::Examples, &updates)?;
            let weights = update_weights(Weighting::Examples, &updates);
            let total: f64 = weights.iter().sum();
            let to_mean = |(model, weight): (&TrainedModel, f64)| ComparedModels {
                base: model.id.to_string(),
                first: model.params.clone(),
                second: mean.clone(),
                share: weight / total,
            };
            Ok(models.iter().zip(weights).map(to_mean).collect())
        }
    }
}

/// How close two vectors of values are.
struct Closeness {
    distance: f64,
    /// Absent if both vectors are zero.
    relative: Option<f64>,
    /// Absent if a vector is zero.
    cosine: Option<f64>,
    /// Absent if a vector is the start, or if the start is not known.
    movement: Option<f64>,
}

/// A value of a comparison.
type ClosenessValue = fn(&Closeness) -> Option<f64>;

/// The kinds of rows, each with its metric and its value.
const QUANTITIES: [(&str, Option<Metric>, ClosenessValue); 4] = [
    ("distance", Some(Metric::Norm), |of| Some(of.distance)),
    ("relative", None, |of| of.relative),
    ("cosine", Some(Metric::Cosine), |of| of.cosine),
    ("movement", Some(Metric::Cosine), |of| of.movement),
];

/// Compares the values of two models, and their movements from `start`. `(n)` each
fn compare(a: &[f64], b: &[f64], start: Option<&[f64]>) -> Closeness {
    let distance = norm(&minus(a, b));
    let lengths = norm(a) + norm(b);
    Closeness {
        distance,
        relative: (lengths > 0.0).then(|| 2.0 * distance / lengths),
        cosine: cosine(a, b),
        movement: start.and_then(|start| cosine(&minus(a, start), &minus(b, start))),
    }
}

/// Returns a − b.
fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Makes the rows of one kind and layer: one per comparison, then mean and maximum if there are
/// several.
fn rows_of(
    comparisons: &[ComparedModels],
    values: &[Option<f64>],
    row: impl Fn(&str) -> AnalysisRow,
) -> Vec<AnalysisRow> {
    let defined = || comparisons.iter().zip(values).filter_map(|(of, value)| Some((of, (*value)?)));
    let mut rows: Vec<AnalysisRow> =
        defined().map(|(of, value)| row(&of.base).value(value)).collect();
    if comparisons.len() > 1 && !rows.is_empty() {
        let total: f64 = defined().map(|(of, _)| of.share).sum();
        let mean: f64 = defined().map(|(of, value)| of.share / total * value).sum();
        rows.push(row("mean").value(mean));
        let largest = defined().map(|(_, value)| value).fold(f64::NEG_INFINITY, f64::max);
        rows.push(row("max").value(largest));
    }
    rows
}
