//! Networks, local training and evaluation on libtorch: the only crate that names tch.
//!
//! In reading order:
//!
//! * [`TorchTrainer`]: libtorch behind core's [`Trainer`](fedlayer_core::trainer::Trainer) seam.
//! * `engine`: a plan's network, loss, optimizer and examples on one device.
//! * `network`: the forward pass of a network, layer by layer.
//! * `train`: local training, of many clients in lockstep or of one client by autograd.
//! * `evaluate`: evaluation of models, with common prefixes computed once; derivatives of the loss.
//! * `examples`: labelled examples as tensors; `loss`: the loss of each label and its gradient.
//! * [`Module`]: the file of a TorchScript module, with its code checked against the list of pure
//!   operators. [`try_module`] runs it before a run begins.
//! * [`DeviceChoice`] and [`Device`]: the CPU or a CUDA device; [`one_thread`]: libtorch uses one
//!   thread per worker.
//! * [`TorchError`]: the errors.
//!
//! Shapes in comments: K clients of a stack, P parameters, B examples of a batch, T tokens of a
//! text, D width of a transformer, F values of an example, C classes, N rows.

mod device;
mod engine;
mod error;
mod evaluate;
mod examples;
mod loss;
mod module;
mod network;
mod train;
mod trainer;

// The set-up of the tests names this crate as other crates do.
#[cfg(test)]
extern crate self as fedlayer_torch;
#[cfg(test)]
mod oracle;
#[cfg(test)]
#[path = "../tests/it/setup.rs"]
mod setup;

pub use device::{Device, DeviceChoice, one_thread};
pub use error::TorchError;
pub use evaluate::measured_examples;
pub use module::{Module, Trial, try_module};
pub use trainer::TorchTrainer;

/// The libtorch that this crate is built for and tested with.
pub const LIBTORCH_VERSION: &str = "2.11.0";
