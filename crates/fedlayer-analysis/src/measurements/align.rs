//! `align`: barriers before and after the units of the second model are permuted to match the
//! first.

use std::collections::BTreeMap;

use fedlayer_core::{
    Seed,
    record::{AnalysisRow, Metric},
    spec::{Align, Baseline},
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    matching::{Symmetry, align},
    measurements::study,
    model_set::{ModelSet, TrainedModel},
    work::{AnalysisWork, ModelSetShape},
};

/// Permutes the second model to match the first (weight matching: Ainsworth, Hayase and Srinivasa,
/// ICLR 2023) and measures, with `variant` `before` and `after`:
///
/// * the rows of `barriers` for the layer sets at α = ½, between the pair: barriers under every
///   baseline, losses of the models (kind `end`), and ‖Δ_l‖ (kind `geometry`, metric `norm`). The
///   cosine of the movements is left out, because the permuted model did not start from the same
///   model.
/// * kind `drift`, without a variant: the largest change of the loss of an example by the
///   permutation. The function is the same, so the drift is rounding.
/// * kind `units`, set = the first layer of a group: the number of its units that moved.
pub(crate) fn measure(
    spec: &Align,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let (first, second) = model_set.pair("align")?;
    let network = model_set.architecture.as_ref().ok_or(AnalysisError::NoNetwork)?;
    let symmetry = Symmetry::of(network)?;
    let found = align(&symmetry, &first.params, &second.params, seed.child("matching"))?;
    // The models' own layout decides who owns the running statistics.
    let mut laid_out = (*second.params).clone();
    laid_out.values_mut().copy_from_slice(found.params.values());
    let after = TrainedModel { params: laid_out.into(), history: Vec::new(), ..second.clone() };
    let mut rows = drift(second, &after, losses)?;
    for (group, order) in symmetry.groups().iter().zip(&found.permutations) {
        let moved =
            order.sources().iter().enumerate().filter(|(position, source)| position != *source);
        let row = AnalysisRow::new("units", &group.name, second.id);
        rows.push(row.value(moved.count() as f64));
    }
    let barriers = study::halves(spec.sets.clone(), &Baseline::ALL);
    for (variant, second) in [("before", second), ("after", &after)] {
        let models = vec![first.clone(), second.clone()];
        let pair = ModelSet { models, ..model_set.clone() };
        let all = study::study(barriers.clone(), &pair, seed, losses)?;
        let kept = all.into_iter().filter(|row| row.metric != Some(Metric::Cosine));
        rows.extend(kept.map(|row| AnalysisRow { variant: Some(variant.to_owned()), ..row }));
    }
    Ok(rows)
}

/// Counts the work of [`measure`]: the drift compares two models, and the barriers of the pair are
/// measured before and after.
pub(crate) fn work(spec: &Align, shape: &ModelSetShape, seed: Seed) -> AnalysisWork {
    let barriers = study::halves(spec.sets.clone(), &Baseline::ALL);
    AnalysisWork::evaluations(2) + study::work(&barriers, &shape.layout, 2, seed).times(2)
}

/// Measures the largest difference between two models' losses of an example, per split.
fn drift(
    before: &TrainedModel,
    after: &TrainedModel,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let mut own = BTreeMap::new();
    let mut rows = Vec::new();
    let points = [(false, before.point()), (true, after.point())];
    losses.visit(points, |&permuted, split, seen| {
        if !permuted {
            own.insert(split, seen);
            return;
        }
        let row = AnalysisRow::new("drift", "all", before.id);
        let row = AnalysisRow { split: Some(split), metric: Some(Metric::Loss), ..row };
        rows.push(row.value(seen.minus(&own[&split]).largest()));
    })?;
    Ok(rows)
}
