//! [`Script`]: a network that its user wrote in PyTorch and saved by `torch.jit.save`.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use fedlayer_core::{DataFacts, Layout};
use tch::{CModule, Kind, TchError, Tensor};

use crate::{Device, TorchError, graph::Mode};

/// A module, whose parameters are laid over views of the flat ones before each use.
#[derive(Debug)]
pub(crate) struct Script {
    module: Mutex<CModule>,
    values: Vec<f32>,
}

/// The layers of a module, named as its parameters are, in the order in which it registers them.
///
/// # Errors
/// When the file is no module that this libtorch reads, or its parameters are not floating-point numbers that make layers.
pub fn module_layout(file: &Path) -> Result<Layout, TorchError> {
    layout_of(file, &open(file, Device::Cpu)?)
}

impl Script {
    /// Opens a module for a plan's layout and data.
    ///
    /// # Errors
    /// As [`module_layout`]; when the file has changed; when the module does not make logits of the data's shape, keeps running statistics or draws random numbers:
    /// what it does then depends on more than its parameters and its input.
    pub(crate) fn open(
        file: &Path,
        layout: &Layout,
        facts: &DataFacts,
        device: Device,
    ) -> Result<Self, TorchError> {
        let module = open(file, device)?;
        let found = layout_of(file, &module)?;
        if found.layers() != layout.layers() {
            return Err(refused(file, "its parameters are not those that the plan was made for"));
        }
        let mut values = Vec::with_capacity(layout.parameters());
        for (_, parameter) in module.named_parameters()? {
            let flat = parameter.f_detach()?.f_view(-1)?.f_to_device(tch::Device::Cpu)?;
            values.extend(Vec::<f32>::try_from(flat.f_to_kind(Kind::Float)?)?);
        }
        let script = Self { module: Mutex::new(module), values };
        script.check(file, facts, device)?;
        Ok(script)
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
            Mode::Evaluate => module.f_set_eval()?,
            Mode::Train { .. } | Mode::Measure(_) => module.f_set_train()?,
        }
        lay(&module, views)?;
        module.forward_ts(&[inputs])
    }

    /// The module's parameters, laid over `views`: they share their memory, and collect gradients.
    pub(crate) fn lay(&self, views: &[Tensor]) -> Result<Vec<Tensor>, TchError> {
        lay(&self.module.lock().unwrap_or_else(PoisonError::into_inner), views)
    }

    /// Runs the module twice in training and sees that nothing but its parameters and input decides what comes out.
    fn check(&self, file: &Path, facts: &DataFacts, device: Device) -> Result<(), TorchError> {
        let _guard = tch::no_grad_guard();
        let shape: Vec<i64> =
            [2].into_iter().chain(facts.shape.iter().map(|&length| length as i64)).collect();
        let inputs = Tensor::f_ones(shape.as_slice(), (Kind::Float, device.into()))?;
        let module = &mut *self.module.lock().unwrap_or_else(PoisonError::into_inner);
        let mut run = |training: bool| -> Result<Tensor, TchError> {
            if training {
                module.f_set_train()?
            } else {
                module.f_set_eval()?
            }
            module.forward_ts(&[&inputs])
        };
        let failed = |error: TchError| {
            let words = TorchError::from(error);
            refused(file, &format!("it does not take inputs of shape {shape:?}: {words}"))
        };
        let before = run(false).map_err(failed)?;
        let classes = facts.classes as i64;
        let expected = match facts.targets {
            1 => vec![2, classes],
            targets => vec![2, targets as i64, classes],
        };
        if before.size() != expected || before.kind() != Kind::Float {
            let found = (before.size(), before.kind());
            return Err(refused(
                file,
                &format!("it makes {found:?} of inputs {shape:?}; logits are {expected:?}, Float"),
            ));
        }
        if !run(true)?.f_equal(&run(true)?)? {
            return Err(refused(
                file,
                "it draws random numbers in training (dropout?), which could not be repeated; save it without them",
            ));
        }
        if !before.f_equal(&run(false)?)? {
            return Err(refused(
                file,
                "it keeps running statistics (batch normalisation?), which are no parameters; save it without them, or spell the network out in `model.layers`",
            ));
        }
        Ok(())
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

fn refused(file: &Path, reason: &str) -> TorchError {
    TorchError::Module { file: file.display().to_string(), reason: reason.to_owned() }
}

fn open(file: &Path, device: Device) -> Result<CModule, TorchError> {
    CModule::load_on_device(file, device.into()).map_err(|error| {
        let words = TorchError::from(error);
        refused(file, &format!("it is no module that `torch.jit.save` wrote: {words}"))
    })
}

fn layout_of(file: &Path, module: &CModule) -> Result<Layout, TorchError> {
    let tensors = module.named_parameters()?.into_iter().map(|(name, tensor)| {
        let shape = tensor.size().iter().map(|&length| length as usize).collect();
        match tensor.kind() {
            Kind::Float => Ok((name, shape)),
            kind => {
                Err(refused(file, &format!("parameter `{name}` is {kind:?}; parameters are Float")))
            }
        }
    });
    let tensors: Vec<(String, Vec<usize>)> = tensors.collect::<Result<_, _>>()?;
    Layout::new(tensors).map_err(|error| refused(file, &error.to_string()))
}
