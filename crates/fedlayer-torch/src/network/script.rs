//! [`Script`]: a network that a user wrote in PyTorch and saved with `torch.jit.save`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use fedlayer_core::{data::DataFacts, model::Layout};
use tch::{CModule, TchError, Tensor};

use crate::{
    Device, Module, TorchError,
    module::{layout_of, trial_logits, values_of},
};

use super::mode::Mode;

/// An opened module. Before each use, its parameters are bound to the values of a model.
#[derive(Debug)]
pub(crate) struct Script {
    module: Mutex<CModule>,
    values: Vec<f32>,
}

impl Script {
    /// Opens a module for a plan's layout and data.
    ///
    /// # Errors
    /// As [`Module::layout`], and when the file has changed since the plan was made. As
    /// [`try_module`](crate::try_module), when the result of the module would depend on more than
    /// its parameters and its input.
    pub(crate) fn open(
        file: &Module,
        layout: &Layout,
        facts: &DataFacts,
        device: Device,
    ) -> Result<Self, TorchError> {
        let mut module = file.open(device)?;
        let found = layout_of(file, &module)?;
        if found.layers() != layout.layers() {
            return Err(file.refused("its parameters are not those that the plan was made for"));
        }
        let values = values_of(&module)?;
        let _logits = trial_logits(&mut module, file, facts, device)?;
        Ok(Self { module: Mutex::new(module), values })
    }

    /// The values that the module was saved with, in the layout's order.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the logits of a batch: `(B, C)` or `(B, T, C)`. `tensors` are the layout's.
    pub(crate) fn forward(
        &self,
        tensors: &[Tensor],
        inputs: &Tensor,
        mode: &Mode<'_>,
    ) -> Result<Tensor, TchError> {
        let mut module = self.lock();
        match mode {
            Mode::Evaluate | Mode::Differentiate => module.f_set_eval()?,
            Mode::Train { .. } | Mode::Recalibrate(_) => module.f_set_train()?,
        }
        bind(&module, tensors)?;
        module.forward_ts(&[inputs])
    }

    /// Binds the module's parameters to `tensors`, and returns the parameters: they share the
    /// memory of `tensors` and collect gradients.
    pub(crate) fn bind(&self, tensors: &[Tensor]) -> Result<Vec<Tensor>, TchError> {
        bind(&self.lock(), tensors)
    }

    fn lock(&self) -> MutexGuard<'_, CModule> {
        self.module.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bind(module: &CModule, tensors: &[Tensor]) -> Result<Vec<Tensor>, TchError> {
    let pairs = module.named_parameters()?.into_iter().zip(tensors);
    let bound = pairs.map(|((_, mut parameter), tensor)| {
        parameter.f_set_data(&tensor.f_detach()?)?;
        Ok(parameter)
    });
    bound.collect()
}
