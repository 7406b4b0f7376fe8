//! [`Script`]: a network that its user wrote in PyTorch and saved by `torch.jit.save`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use fedlayer_core::{DataFacts, Layout, in_backticks};
use tch::{CModule, Kind, TchError, Tensor};

use crate::{Device, Module, TorchError, graph::Mode, trial};

/// A module, whose parameters are laid over views of the flat ones before each use.
#[derive(Debug)]
pub(crate) struct Script {
    module: Mutex<CModule>,
    values: Vec<f32>,
}

impl Script {
    /// Opens a module for a plan's layout and data.
    ///
    /// # Errors
    /// As [`Module::layout`]; when the file has changed; when the module does not make logits of the data's shape, has a parameter without a part in them, keeps running statistics or draws random numbers:
    /// what it does then depends on more than its parameters and its input.
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
        let mut values = Vec::with_capacity(layout.parameters());
        for (_, parameter) in module.named_parameters()? {
            let flat = parameter.f_detach()?.f_reshape(-1)?.f_to_device(tch::Device::Cpu)?;
            values.extend(Vec::<f32>::try_from(flat.f_to_kind(Kind::Float)?)?);
        }
        trial::logits(&mut module, file, facts, device).map(drop)?;
        Ok(Self { module: Mutex::new(module), values })
    }

    /// The values that the module was saved with, in the layout's order.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// What the module makes of a batch: `(B, C)` or `(B, T, C)`. `views` are the layout's tensors.
    pub(crate) fn forward(
        &self,
        views: &[Tensor],
        inputs: &Tensor,
        mode: &Mode<'_>,
    ) -> Result<Tensor, TchError> {
        let mut module = self.module.lock().unwrap_or_else(PoisonError::into_inner);
        match mode {
            Mode::Evaluate | Mode::Differentiate => module.f_set_eval()?,
            Mode::Train { .. } | Mode::Measure(_) => module.f_set_train()?,
        }
        lay(&module, views)?;
        module.forward_ts(&[inputs])
    }

    /// The module's parameters, laid over `views`: they share their memory, and collect gradients.
    pub(crate) fn lay(&self, views: &[Tensor]) -> Result<Vec<Tensor>, TchError> {
        lay(&self.module.lock().unwrap_or_else(PoisonError::into_inner), views)
    }
}

fn lay(module: &CModule, views: &[Tensor]) -> Result<Vec<Tensor>, TchError> {
    let laid =
        module.named_parameters()?.into_iter().zip(views).map(|((_, mut parameter), view)| {
            parameter.f_set_data(&view.f_detach()?)?;
            Ok(parameter)
        });
    laid.collect()
}

pub(crate) fn layout_of(file: &Module, module: &CModule) -> Result<Layout, TorchError> {
    let mut places = BTreeMap::new();
    let mut tensors = Vec::new();
    for (name, tensor) in module.named_parameters()? {
        let kind = tensor.kind();
        if kind != Kind::Float {
            let found = number_type(kind);
            let reason = format!(
                "its parameter {} is {found}; parameters are float32: save it after `module.float()`",
                in_backticks([&name])
            );
            return Err(file.refused(&reason));
        }
        if !tensor.requires_grad() {
            let reason = format!(
                "its parameter {} is frozen; let it be trained, or save it as a buffer",
                in_backticks([&name])
            );
            return Err(file.refused(&reason));
        }
        if let Some(other) = places.insert(tensor.data_ptr() as usize, name.clone()) {
            let reason = format!(
                "its parameters {} are one tensor; give each its own",
                [&other, &name].map(|n| in_backticks([n])).join(" and ")
            );
            return Err(file.refused(&reason));
        }
        tensors.push((name, tensor.size().iter().map(|&length| length as usize).collect()));
    }
    if tensors.is_empty() {
        return Err(file.refused(NO_PARAMETERS));
    }
    Layout::new(tensors).map_err(|error| file.refused(&error.to_string()))
}

const NO_PARAMETERS: &str = "it has no parameters, so that there is nothing to train; a frozen module (`torch.jit.freeze`) or a traced function has its weights \
     as constants: save `torch.jit.script(module)` of an `nn.Module`";

/// What PyTorch calls a type of numbers.
pub(crate) fn number_type(kind: Kind) -> String {
    match kind {
        Kind::Int => "int32".to_owned(),
        Kind::Float => "float32".to_owned(),
        Kind::ComplexHalf => "complex32".to_owned(),
        Kind::ComplexFloat => "complex64".to_owned(),
        Kind::ComplexDouble => "complex128".to_owned(),
        Kind::Double => "float64".to_owned(),
        Kind::Half => "float16".to_owned(),
        Kind::BFloat16 => "bfloat16".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}
