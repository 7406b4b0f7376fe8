//! [`try_module`]: runs a TorchScript module forward and backward before a run begins, so that a
//! module that cannot be trained is refused at once.
//!
//! `forward` checks the logits; `derivatives` the gradients and second derivatives.

mod derivatives;
mod forward;

use fedlayer_core::{data::DataFacts, spec::Loss};
use tch::{CModule, Tensor};

use crate::{Device, TorchError, error::caught, one_thread};

use super::Module;
use derivatives::check_derivatives;
use forward::check_forward;

/// The requirements that a module is tried for.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// The shape, classes and labels of the data.
    pub facts: &'a DataFacts,
    /// The loss that is differentiated.
    pub loss: Loss,
    /// Second derivatives are needed.
    pub twice: bool,
}

/// Runs a module on the CPU, on inputs of zeros and ones.
///
/// # Errors
/// * When the module does not return logits of the data's shape.
/// * When a parameter has no influence on the logits.
/// * When the module keeps running statistics, draws random numbers or sets attributes.
/// * When its loss or a gradient is not finite, or a derivative that `trial` asks for fails.
pub fn try_module(file: &Module, trial: &Trial<'_>) -> Result<(), TorchError> {
    one_thread();
    caught(|| {
        let mut module = file.open(Device::Cpu)?;
        let logits = check_forward(&mut module, file, trial.facts, Device::Cpu);
        let logits = logits.map_err(|fault| fault.with_names(file))?;
        check_derivatives(&module, file, trial, &logits)
    })?
}

/// Runs a module and checks that it returns logits, that they depend on every parameter, and that
/// they depend on nothing but parameters and inputs. Returns the logits of two inputs in training:
/// `(2, C)` or `(2, T, C)`.
pub(crate) fn trial_logits(
    module: &mut CModule,
    file: &Module,
    facts: &DataFacts,
    device: Device,
) -> Result<Tensor, TorchError> {
    check_forward(module, file, facts, device).map_err(|fault| fault.without_names(file))
}
