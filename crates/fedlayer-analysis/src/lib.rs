//! Measurements on trained models: after the rounds of a run, or by `fedlayer analyze` on any
//! models of one layout. The crate depends on `fedlayer-core` alone; a [`Trainer`] evaluates and
//! differentiates for it.
//!
//! In reading order:
//!
//! * [`ModelSet`]: the models that are analysed, with their origin and history.
//! * [`analyze`]: makes one measurement on them and returns rows; [`AnalysisError`]: a measurement
//!   that cannot be made.
//! * `losses`: evaluates points and returns losses and errors per example. All measurements but the
//!   derivatives are made with it.
//! * `measurements`: one file (or folder) per measurement.
//! * `curvature`: products of the Hessian, for `hessian`, `flatness` and `predict`.
//! * `linalg`: the trained values of a layer set as a vector, subspaces, rank correlation.
//! * [`matching`]: the permutations of units that leave a network's function unchanged, and the one
//!   that brings two models closest.

pub mod matching;

mod curvature;
mod error;
mod linalg;
mod losses;
mod measurements;
mod model_set;
mod rows;

pub use error::AnalysisError;
pub use model_set::{ModelSet, TrainedModel};

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{Measurement, SplitSpec},
    trainer::Trainer,
};

use crate::{
    losses::Losses,
    measurements::{
        align, barriers, criticality, cumulative, flatness, hessian, predict, robustness, subspace,
        surface, window,
    },
};

/// Makes one measurement on a set of models.
///
/// `trainer` evaluates and differentiates on the data that the models were trained on. `seed` is
/// the source of all draws: the same seed gives the same rows.
///
/// # Errors
/// When the models lack what the measurement needs, a split has no examples, or the trainer fails.
pub fn analyze(
    measure: &Measurement,
    model_set: &ModelSet,
    splits: &[SplitSpec],
    seed: Seed,
    trainer: &mut dyn Trainer,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    model_set.check()?;
    let seed = seed.child("analysis").child(measure.word());
    let mut losses = Losses::new(trainer, splits);
    let mut rows = match measure {
        Measurement::Barriers(spec) => barriers::measure(spec, model_set, seed, &mut losses),
        Measurement::Cumulative(spec) => cumulative::measure(spec, model_set, seed, &mut losses),
        Measurement::Window(spec) => window::measure(spec, model_set, seed, &mut losses),
        Measurement::Robustness(spec) => robustness::measure(spec, model_set, seed, &mut losses),
        Measurement::Subspace(spec) => subspace::measure(spec, model_set, seed, &mut losses),
        Measurement::Criticality(spec) => criticality::measure(spec, model_set, seed, &mut losses),
        Measurement::Flatness(spec) => flatness::measure(spec, model_set, seed, &mut losses),
        Measurement::Hessian(spec) => hessian::measure(spec, model_set, seed, &mut losses),
        Measurement::Surface(spec) => surface::measure(spec, model_set, seed, &mut losses),
        Measurement::Predict(spec) => predict::measure(spec, model_set, &mut losses),
        Measurement::Align(spec) => align::measure(spec, model_set, seed, &mut losses),
    }?;
    rows.iter_mut().for_each(|row| row.round = model_set.round);
    Ok(rows)
}
