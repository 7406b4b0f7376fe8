//! Models, local training and evaluation on libtorch: the only crate that names tch.
//!
//! In reading order:
//!
//! * [`TorchTrainer`]: libtorch behind core's [`Trainer`](fedlayer_core::Trainer) seam.
//! * [`DeviceChoice`] and [`Device`]: processor or CUDA; [`one_thread`]: how many threads libtorch takes.
//! * `engine`: a plan's network, loss, optimizer and examples on one device.
//! * `stack`: the clients of a call trained in lockstep; `batches` and `feed`: what each of their steps sees.
//! * `network`: forward and backward of K networks at once; `dense` and `diagonal` are its two forms.
//! * `alone`: one client after the other by autograd; `gather`: its batches, images cut and mirrored; `dropout`: what is dropped.
//! * `program`: a list of operations one after another; `graph`: their forward pass; `script`: that of a TorchScript module.
//! * [`Module`]: the file of a TorchScript module, its code held against the list of pure operators.
//! * [`try_module`]: a module is run once, forward and backward, before a run is begun.
//! * `passage`: any forward pass layer by layer, so that it can go on from between two of them.
//! * `init` draws initial weights.
//! * `loss`: the loss of each example and its gradient; `optimizer`: SGD and Adam as PyTorch defines them.
//! * `evaluate`: the examples of a split, and what was found of them; `statistics`: running statistics measured anew for it.
//! * `tree`: the order in which points share their first layers; `prefix`: their evaluation in that order.
//! * `derivative`: gradients and products of the Hessian.
//! * [`TorchError`]: what can fail.
//!
//! Shapes in comments: K clients of a stack, P parameters, B examples of a batch, T tokens of a text, F values of an example, C classes, N rows.

mod alone;
mod batches;
mod dense;
mod derivative;
mod device;
mod diagonal;
mod dropout;
mod engine;
mod error;
mod evaluate;
mod feed;
mod gather;
mod graph;
mod init;
mod loss;
mod module;
mod network;
mod optimizer;
mod passage;
mod prefix;
mod program;
mod script;
mod stack;
mod statistics;
mod trainer;
mod tree;
mod trial;

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
pub use module::Module;
pub use statistics::measured_examples;
pub use trainer::TorchTrainer;
pub use trial::{Trial, try_module};

/// The libtorch that this crate is built for and tested with.
pub const LIBTORCH_VERSION: &str = "2.11.0";
