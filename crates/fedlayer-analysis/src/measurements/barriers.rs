//! `barriers`: barriers of layer sets.

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{BarrierSpec, Barriers},
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    measurements::study,
    model_set::ModelSet,
    work::{AnalysisWork, ModelSetShape},
};

/// Measures the barriers of layer sets, into every model from every other model or from their mean.
pub(crate) fn measure(
    spec: &Barriers,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    model_set.pair("barriers")?;
    study::study(of_round(spec), model_set, seed, losses)
}

/// Counts the work of [`measure`].
pub(crate) fn work(spec: &Barriers, shape: &ModelSetShape, seed: Seed) -> AnalysisWork {
    study::work(&of_round(spec), &shape.layout, shape.models, seed)
}

/// Returns the same barriers as those of a round.
fn of_round(spec: &Barriers) -> BarrierSpec {
    BarrierSpec {
        every: 1,
        sets: spec.sets.clone(),
        alpha: spec.alpha.clone(),
        splits: Vec::new(),
        baselines: spec.baselines.clone(),
        between: spec.between,
        twins: spec.twins,
    }
}
