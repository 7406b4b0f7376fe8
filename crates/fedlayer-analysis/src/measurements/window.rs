//! `window`: barriers of adjacent layers.

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{SetSpec, Window},
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    measurements::study::{halves, study},
    model_set::ModelSet,
};

/// Measures the barriers of adjacent layers, and the full barrier.
pub(crate) fn measure(
    spec: &Window,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    model_set.pair("window")?;
    let windows = spec.widths.iter().map(|&width| SetSpec::Window(width));
    let sets = windows.chain([SetSpec::Full]).collect();
    study(&halves(sets, &spec.baselines, losses), model_set, seed, losses)
}
