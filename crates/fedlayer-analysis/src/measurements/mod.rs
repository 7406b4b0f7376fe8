//! The measurements, one file (or folder) each: `measure` makes it, `work` counts in advance what
//! it asks of the trainer. `study` is shared by the barrier measurements.

mod align;
mod barriers;
mod criticality;
mod cumulative;
mod distance;
mod flatness;
mod hessian;
mod predict;
mod robustness;
mod study;
mod subspace;
mod surface;
mod window;

use fedlayer_core::{Seed, record::AnalysisRow, spec::Measurement};

use crate::{
    error::AnalysisError,
    losses::Losses,
    model_set::ModelSet,
    work::{AnalysisWork, ModelSetShape},
};

/// Makes a measurement. `seed` is that of the measurement.
pub(crate) fn measure(
    measure: &Measurement,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    match measure {
        Measurement::Barriers(spec) => barriers::measure(spec, model_set, seed, losses),
        Measurement::Cumulative(spec) => cumulative::measure(spec, model_set, seed, losses),
        Measurement::Window(spec) => window::measure(spec, model_set, seed, losses),
        Measurement::Robustness(spec) => robustness::measure(spec, model_set, seed, losses),
        Measurement::Subspace(spec) => subspace::measure(spec, model_set, seed, losses),
        Measurement::Criticality(spec) => criticality::measure(spec, model_set, seed, losses),
        Measurement::Flatness(spec) => flatness::measure(spec, model_set, seed, losses),
        Measurement::Hessian(spec) => hessian::measure(spec, model_set, seed, losses),
        Measurement::Surface(spec) => surface::measure(spec, model_set, seed, losses),
        Measurement::Predict(spec) => predict::measure(spec, model_set, losses),
        Measurement::Align(spec) => align::measure(spec, model_set, seed, losses),
        Measurement::Distance(spec) => distance::measure(spec, model_set),
    }
}

/// Counts the work of a measurement on each split.
pub(crate) fn work(measure: &Measurement, shape: &ModelSetShape, seed: Seed) -> AnalysisWork {
    match measure {
        Measurement::Barriers(spec) => barriers::work(spec, shape, seed),
        Measurement::Cumulative(spec) => cumulative::work(spec, shape, seed),
        Measurement::Window(spec) => window::work(spec, shape, seed),
        Measurement::Robustness(spec) => robustness::work(spec, shape),
        Measurement::Subspace(spec) => subspace::work(spec, shape),
        Measurement::Criticality(spec) => criticality::work(spec, shape),
        Measurement::Flatness(spec) => flatness::work(spec, shape),
        Measurement::Hessian(spec) => hessian::work(spec, shape),
        Measurement::Surface(spec) => surface::work(spec, shape),
        Measurement::Predict(spec) => predict::work(spec, shape),
        Measurement::Align(spec) => align::work(spec, shape, seed),
        Measurement::Distance(_) => AnalysisWork::default(),
    }
}
