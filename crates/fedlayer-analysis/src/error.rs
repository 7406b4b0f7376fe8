//! [`AnalysisError`]: a measurement that could not be made.

use fedlayer_core::{
    model::architecture::ArchitectureError,
    round::AverageError,
    spec::{NoInitialModel, SplitSpec},
    trainer::TrainerError,
};
use thiserror::Error;

use crate::matching::AlignError;

/// A measurement that could not be made.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AnalysisError {
    /// There are too few models.
    #[error("found {found} models; `{measure}` needs {needed}")]
    Models {
        /// The measurement's word.
        measure: &'static str,
        /// The number of models.
        found: usize,
        /// The number of models that it needs.
        needed: usize,
    },
    /// The common initial model is not known.
    #[error(transparent)]
    NoInitial(#[from] NoInitialModel),
    /// Too few of the models' earlier states are known.
    #[error(
        "`{measure}` needs the models after at least {needed} rounds and found {found}: set `checkpoints = {{ every = 1, keep = \"all\" }}` and run the scenario anew"
    )]
    NoHistory {
        /// The measurement's word.
        measure: &'static str,
        /// The number of known states.
        found: usize,
        /// The number of states that it needs.
        needed: usize,
    },
    /// The models' earlier states are too similar to span a subspace.
    #[error(
        "the recorded states of the two models span {found} dimensions; `subspace` needs more than 2: record more rounds, or train longer"
    )]
    Rank {
        /// The number of dimensions that they span.
        found: usize,
    },
    /// The models or layers do not span a plane.
    #[error("`surface`: {0}")]
    NoPlane(String),
    /// A split is empty.
    #[error(
        "there are no examples in the {0} split; leave it out of `splits`, or give the data set some"
    )]
    NoExamples(SplitSpec),
    /// A value of a model is NaN or infinite, or a variance is negative.
    #[error("model {model}: {reason}")]
    Values {
        /// The model's name.
        model: String,
        /// The value, and its layer.
        reason: String,
    },
    /// The operations of the network are not known, so its symmetries are not known either.
    #[error(
        "`align` needs a network with known operations; those of a TorchScript module are unknown: name the network in the scenario's `model`"
    )]
    NoNetwork,
    /// The operations do not form a network.
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
