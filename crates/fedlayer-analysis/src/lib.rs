//! Measurements on trained models: after the rounds of a run, or by `fedlayer analyze` on any
//! models of one layout. The crate depends on `fedlayer-core` alone; a [`Trainer`] evaluates and
//! differentiates for it.
//!
//! In reading order:
//!
//! * [`ModelSet`]: the models that are analysed, with their origin and history.
//! * [`analyze`]: makes one measurement on them and returns rows; [`AnalysisError`]: a measurement
//!   that cannot be made.
//! * [`work`]: counts the evaluations and derivatives of a measurement before it is made.
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
mod work;

pub use error::AnalysisError;
pub use model_set::{ModelSet, TrainedModel};
pub use work::{AnalysisWork, ModelSetShape};

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{Measurement, SplitSpec},
    trainer::Trainer,
};

use crate::losses::Losses;

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
    let mut losses = Losses::new(trainer, splits);
    let mut rows = measurements::measure(measure, model_set, seed_of(measure, seed), &mut losses)?;
    rows.iter_mut().for_each(|row| row.round = model_set.round);
    Ok(rows)
}

/// Counts the work that [`analyze`] asks of the trainer on each split, with the same seed.
///
/// The count is exact, except where the values of the models decide: a power iteration of `hessian`
/// that converges and a subspace without directions ask for less.
pub fn work(measure: &Measurement, shape: &ModelSetShape, seed: Seed) -> AnalysisWork {
    measurements::work(measure, shape, seed_of(measure, seed))
}

/// Returns the seed of a measurement.
fn seed_of(measure: &Measurement, seed: Seed) -> Seed {
    seed.child("analysis").child(measure.word())
}
