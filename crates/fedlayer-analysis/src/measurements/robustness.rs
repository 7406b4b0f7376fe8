//! `robustness` (Fig. 5 of Adilova et al., ICLR 2024): is the direction to the other model worse
//! than a random direction of the same length?

use std::collections::BTreeMap;

use fedlayer_core::{
    Seed,
    data::ClientId,
    model::{LayerSet, Mix, Point},
    record::AnalysisRow,
    spec::{Baseline, Robustness},
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    model_set::{ModelSet, TrainedModel},
    rows::{over_draws, set_seed},
    work::{AnalysisWork, ModelSetShape},
};

/// Measures, for each of the first two models as the base θᵢ and the other one θⱼ, for every layer
/// and for all layers together:
///
/// * kind `mix`: the loss of the mix at α. α = ½ is the half mix, α = 1 the full swap.
/// * kind `random`: the loss at θᵢ plus a Gaussian direction on the layer with length exactly α‖θ₁ˡ
///   − θ₂ˡ‖, draw by draw, and without `draw` the mean over the draws with its standard error. A
///   draw is one direction for all α; every layer, base and draw has its own.
/// * kind `end`, set `none`: the loss of θᵢ itself.
///
/// Every value has two rows: the value in the unit of its metric, and its difference from the loss
/// of θᵢ, paired per example, under the baseline `base`. The difference of `mix` at α = ½ is the
/// layer-wise barrier.
pub(crate) fn measure(
    spec: &Robustness,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let pairs = model_set.both_ways("robustness")?;
    let mut rows = Vec::new();
    let mut own = BTreeMap::new();
    losses.visit(pairs.map(|(base, _)| (base.id, base.point())), |&id, split, seen| {
        rows.extend(seen.rows(&AnalysisRow::new("end", "none", id), split));
        own.insert((id, split), seen);
    })?;
    let steps = steps(spec, model_set.layers_and_whole());
    let asked = pairs.iter().flat_map(|&(base, other)| {
        let points = steps.iter();
        points.flat_map(move |(set, alpha)| mix_and_twins(spec, base, other, set, *alpha, seed))
    });
    let mut measured = Vec::new();
    losses.visit(asked, |(base, row), split, seen| {
        measured.extend(seen.rows(row, split));
        let against = AnalysisRow { baseline: Some(Baseline::Base), ..row.clone() };
        measured.extend(seen.minus(&own[&(*base, split)]).rows(&against, split));
    })?;
    rows.extend(over_draws(&measured));
    rows.extend(measured);
    Ok(rows)
}

/// Counts the work of [`measure`]: around both models, the model itself, and at every step a mix
/// with its random twins.
pub(crate) fn work(spec: &Robustness, shape: &ModelSetShape) -> AnalysisWork {
    let steps = steps(spec, shape.layers_and_whole()).len();
    AnalysisWork::evaluations(1 + steps * (1 + spec.draws as usize)).times(2)
}

/// Returns every layer set with every α.
fn steps(spec: &Robustness, sets: Vec<LayerSet>) -> Vec<(LayerSet, f64)> {
    let at = |set: LayerSet| spec.alpha.iter().map(move |&alpha| (set.clone(), alpha));
    sets.into_iter().flat_map(at).collect()
}

/// Returns the mix at α and its random twins, each with its base and its row.
fn mix_and_twins(
    spec: &Robustness,
    base: &TrainedModel,
    other: &TrainedModel,
    set: &LayerSet,
    alpha: f64,
    seed: Seed,
) -> impl Iterator<Item = ((ClientId, AnalysisRow), Point)> + use<> {
    let mix = Mix {
        base: base.params.clone(),
        other: other.params.clone(),
        set: set.clone(),
        weight: alpha,
    };
    let id = base.id;
    let seed = set_seed(seed.child("base").index(id.0.into()), set);
    let set = set.clone();
    let row = move |kind, draw| {
        let row = AnalysisRow::new(kind, &set, id);
        (id, AnalysisRow { alpha: Some(alpha), draw, ..row })
    };
    let first = (row("mix", None), Point::Mix(mix.clone()));
    let twins = (0..spec.draws).map(move |draw| {
        let point = Point::Twin { mix: mix.clone(), seed: seed.index(draw.into()) };
        (row("random", Some(draw)), point)
    });
    std::iter::once(first).chain(twins)
}
