//! Measurements on trained models: what a run measures once its rounds are over, or `fedlayer analyze` on any two models of one layout.
//!
//! In reading order:
//!
//! * [`ModelSet`]: the models that are analysed, and what is known of where they come from.
//! * [`analyze`]: makes one measurement on them; [`AnalysisError`]: why it cannot be made.
//! * `losses`: points in, losses and errors per example out; every measurement but those of derivatives is made of it.
//! * `measurements`: one file a measurement.
//! * `curvature`: products of the Hessian; `hessian`, `flatness` and `predict` are made of them.
//! * `linalg`: the trained values of a layer set as one vector, a subspace of them, rank correlation.
//! * [`matching`]: which units of a network may be permuted, and the permutation that brings two models closest.

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

/// Makes one measurement on a subject.
///
/// `trainer` evaluates and differentiates on the data that the models were trained on; it decides nothing of what is measured. `seed` is where every
/// draw comes from: the same seed gives the same rows.
///
/// # Errors
/// When the subject lacks what the measurement needs, a split has no examples, or the trainer fails.
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
