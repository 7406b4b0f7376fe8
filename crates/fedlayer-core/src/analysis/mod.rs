//! Analyses of trained models: what a run measures once its rounds are over, or `fedlayer analyze` on any two models of one layout.
//!
//! In reading order:
//!
//! * [`ModelSet`]: the models that are analysed, and what is known of where they come from.
//! * [`AnalysisRow`]: one measured value.
//! * `losses`: points in, losses and errors per example out; every measurement but those of derivatives is made of it.
//! * `coordinates`: the trained values of a layer set, as one vector; `basis`: a subspace of it.
//! * `sweeps`: barriers, cumulative, window: those of a round's [`BarrierStudy`](crate::BarrierStudy), on a subject.
//! * `robustness`, `subspace` (as its article published it: `published`), `criticality`, `surface` (`plane`, `filters`): one measurement a file.
//! * `curvature`: products of the Hessian; `hessian`, `flatness`, `predict` (with the correlation of `rank`): what is made of them.
//! * [`Permutation`]: an order of units; [`Symmetry`]: which units of a network may change places without changing its function; `matching`: the order that brings two
//!   models closest; [`align`](fn@align): a model laid out like another one.
//! * `alignment`: barriers before and after the second model is permuted.

mod align;
mod alignment;
mod basis;
mod coordinates;
mod criticality;
mod curvature;
mod filters;
mod flatness;
mod hessian;
mod losses;
mod matching;
mod permutation;
mod plane;
mod predict;
mod published;
mod rank;
mod robustness;
mod row;
mod subject;
mod subspace;
mod surface;
mod sweeps;
mod symmetry;

use thiserror::Error;

pub use align::{AlignError, Alignment, LayerDistance, align};
pub use permutation::Permutation;
pub use row::AnalysisRow;
pub use subject::{ModelSet, TrainedModel};
pub use symmetry::{Symmetry, UnitAxis, UnitGroup};

use crate::{
    ArchitectureError, AverageError, Seed, Trainer, TrainerError,
    analysis::losses::Losses,
    spec::{Measurement, SplitSpec},
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
    subject: &ModelSet,
    splits: &[SplitSpec],
    seed: Seed,
    trainer: &mut dyn Trainer,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    subject.check()?;
    let seed = seed.child("analysis").child(measure.word());
    let mut losses = Losses::new(trainer, splits);
    let mut rows = match measure {
        Measurement::Barriers(spec) => sweeps::barriers(spec, subject, seed, &mut losses),
        Measurement::Cumulative(spec) => sweeps::cumulative(spec, subject, seed, &mut losses),
        Measurement::Window(spec) => sweeps::window(spec, subject, seed, &mut losses),
        Measurement::Robustness(spec) => robustness::measure(spec, subject, seed, &mut losses),
        Measurement::Subspace(spec) => subspace::measure(spec, subject, seed, &mut losses),
        Measurement::Criticality(spec) => criticality::measure(spec, subject, seed, &mut losses),
        Measurement::Flatness(spec) => flatness::measure(spec, subject, seed, &mut losses),
        Measurement::Hessian(spec) => hessian::measure(spec, subject, seed, &mut losses),
        Measurement::Surface(spec) => surface::measure(spec, subject, seed, &mut losses),
        Measurement::Predict(spec) => predict::measure(spec, subject, &mut losses),
        Measurement::Align(spec) => alignment::measure(spec, subject, seed, &mut losses),
    }?;
    rows.iter_mut().for_each(|row| row.round = subject.round);
    Ok(rows)
}

/// Why a measurement could not be made.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AnalysisError {
    /// There are too few models.
    #[error("found {found} models; `{measure}` needs {needed}")]
    Models {
        /// The measurement's word.
        measure: &'static str,
        /// How many there are.
        found: usize,
        /// How many it needs.
        needed: usize,
    },
    /// The models' common start is not known.
    #[error("`{0}` needs the initial model: analyse a run, or name its file with `--initial`")]
    NoInitial(&'static str),
    /// Too few of the models' earlier states are known.
    #[error(
        "`{measure}` needs the models after at least {needed} rounds and found {found}: set `checkpoints = {{ every = 1, keep = \"all\" }}` and run the scenario anew"
    )]
    NoHistory {
        /// The measurement's word.
        measure: &'static str,
        /// How many there are.
        found: usize,
        /// How many it needs.
        needed: usize,
    },
    /// The models' earlier states lie too close together to span a subspace.
    #[error(
        "the recorded states of the two models span {found} dimensions; `subspace` needs more than 2: record more rounds, or train longer"
    )]
    Rank {
        /// How many dimensions they span.
        found: usize,
    },
    /// Models or layers through which there is no plane.
    #[error("`surface`: {0}")]
    NoPlane(String),
    /// A split is empty.
    #[error(
        "there are no examples in the {0} split; leave it out of `splits`, or give the data set some"
    )]
    NoExamples(SplitSpec),
    /// A model holds a value that is NaN or infinite, or a variance below 0.
    #[error("model {model}: {reason}")]
    Values {
        /// The model's name.
        model: String,
        /// Which value, in which layer.
        reason: String,
    },
    /// The network is not known as a list of operations, so nor are its symmetries.
    #[error(
        "`align` permutes the units of a network whose operations are known; a TorchScript module's are not: name the network in the scenario's `model`"
    )]
    NoNetwork,
    /// The network's operations make no network.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The models cannot be aligned.
    #[error(transparent)]
    Align(#[from] AlignError),
    /// The models cannot be averaged.
    #[error(transparent)]
    Average(#[from] AverageError),
    /// The trainer failed.
    #[error(transparent)]
    Trainer(#[from] TrainerError),
}
