//! `window`: barriers of adjacent layers.

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{BarrierSpec, SetSpec, Window},
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    measurements::study,
    model_set::ModelSet,
    work::{AnalysisWork, ModelSetShape},
};

/// Measures the barriers of adjacent layers, and the full barrier.
pub(crate) fn measure(
    spec: &Window,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    model_set.pair("window")?;
    study::study(sweeps(spec), model_set, seed, losses)
}

/// Counts the work of [`measure`].
pub(crate) fn work(spec: &Window, shape: &ModelSetShape, seed: Seed) -> AnalysisWork {
    study::work(&sweeps(spec), &shape.layout, shape.models, seed)
}

/// Returns the sweep of each width, and the full model.
fn sweeps(spec: &Window) -> BarrierSpec {
    let windows = spec.widths.iter().map(|&width| SetSpec::Window(width));
    study::halves(windows.chain([SetSpec::Full]).collect(), &spec.baselines)
}
