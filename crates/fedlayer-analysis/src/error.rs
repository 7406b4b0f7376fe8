//! [`AnalysisError`]: why a measurement could not be made.

use fedlayer_core::{
    model::architecture::ArchitectureError,
    round::AverageError,
    spec::{NoInitialModel, SplitSpec},
    trainer::TrainerError,
};
use thiserror::Error;

use crate::matching::AlignError;

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
    #[error(transparent)]
    NoInitial(#[from] NoInitialModel),
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
        "`align` needs a network with known operations; those of a TorchScript module are unknown: name the network in the scenario's `model`"
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
