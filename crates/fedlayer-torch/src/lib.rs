//! Models, local training and evaluation on libtorch: the only crate that names tch.
//!
//! In reading order:
//!
//! * [`TorchTrainer`]: libtorch behind core's [`Trainer`](fedlayer_core::Trainer) seam.
//! * [`DeviceChoice`] and [`Device`]: processor or CUDA; [`one_thread`]: how many threads libtorch takes.
//! * `engine`: a plan's network, loss, optimizer and examples on one device.
//! * `stack`: the clients of a call trained in lockstep; `batches` and `feed`: what each of their steps sees.
//! * `network`: forward and backward of K networks at once; `dense` and `diagonal` are its two forms; `init` draws their weights.
//! * `loss`: the loss of each example and its gradient; `optimizer`: SGD and Adam as PyTorch defines them.
//! * `evaluate`: losses per example, and what was classified rightly.
//! * [`TorchError`]: what can fail.
//!
//! Shapes in comments: K clients of a stack, P parameters, B examples of a batch, F values of an example, C classes, N rows.

mod batches;
mod dense;
mod device;
mod diagonal;
mod engine;
mod error;
mod evaluate;
mod feed;
mod init;
mod loss;
mod network;
mod optimizer;
mod stack;
mod trainer;

// The tests' set-up names this crate as those outside do.
#[cfg(test)]
extern crate self as fedlayer_torch;
#[cfg(test)]
mod oracle;
#[cfg(test)]
#[path = "../tests/it/setup.rs"]
mod setup;

pub use device::{Device, DeviceChoice, one_thread};
pub use error::TorchError;
pub use trainer::TorchTrainer;

/// The libtorch that this crate is built for and tested with.
pub const LIBTORCH_VERSION: &str = "2.11.0";
