//! [`Script`]: a network that its user wrote in PyTorch and saved by `torch.jit.save`.

use std::{
    collections::BTreeMap,
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
/// When the file is no module that this libtorch reads, or its parameters are not trained floating-point numbers, each of its own, that make layers.
pub fn module_layout(file: &Path) -> Result<Layout, TorchError> {
    layout_of(file, &open(file, Device::Cpu)?)
}

impl Script {
    /// Opens a module for a plan's layout and data.
    ///
    /// # Errors
    /// As [`module_layout`]; when the file has changed; when the module does not make logits of the data's shape, has a parameter without a part in them, keeps running statistics or draws random numbers:
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
            let flat = parameter.f_detach()?.f_reshape(-1)?.f_to_device(tch::Device::Cpu)?;
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

    /// Runs the module and sees that it makes logits, that they depend on every parameter, and that nothing but parameters and input decides them.
    fn check(&self, file: &Path, facts: &DataFacts, device: Device) -> Result<(), TorchError> {
        let inputs = sample(facts, device)?; // (2, …)
        let module = &mut *self.module.lock().unwrap_or_else(PoisonError::into_inner);
        let mut run = |training: bool| -> Result<Tensor, TchError> {
            if training {
                module.f_set_train()?
            } else {
                module.f_set_eval()?
            }
            module.forward_ts(&[&inputs])
        };
        let before = run(false).map_err(|error| {
            let (shape, words) = (inputs.size(), TorchError::from(error));
            refused(file, &format!("it does not take inputs of shape {shape:?}: {words}"))
        })?;
        check_logits(file, facts, &inputs, &before)?;
        let first = run(true)?;
        for _ in 1..TRIALS {
            if !run(true)?.f_equal(&first)? {
                return Err(refused(file, RANDOM));
            }
        }
        if !run(false)?.f_equal(&before)? {
            return Err(refused(file, STATEFUL));
        }
        check_parts(file, module, &first)
    }
}

/// How often a module is run in training to see whether it does the same: twice might miss a dropout of a few values.
const TRIALS: usize = 5;

const RANDOM: &str = "it draws random numbers in training (dropout?), which could not be repeated; save it without them";

const STATEFUL: &str = "it keeps running statistics (batch normalisation?), which are no parameters; save it without them, or spell the network out \
     in `model.layers`";

/// Two inputs of zeros and ones, which are tokens, too: uneven, so that no unit is silent for want of a contrast.
fn sample(facts: &DataFacts, device: Device) -> Result<Tensor, TchError> {
    let shape: Vec<i64> =
        [2].into_iter().chain(facts.shape.iter().map(|&length| length as i64)).collect();
    let count = 2 * facts.features() as i64;
    let places = Tensor::f_arange(count, (Kind::Float, device.into()))?; // (2·F)
    places.f_remainder(3.0)?.f_clamp_max(1.0)?.f_view(shape.as_slice()) // (2, …)
}

/// Checks that what a module makes of `inputs` are logits.
fn check_logits(
    file: &Path,
    facts: &DataFacts,
    inputs: &Tensor,
    logits: &Tensor,
) -> Result<(), TorchError> {
    let classes = facts.classes as i64;
    let expected = match facts.targets {
        1 => vec![2, classes],
        targets => vec![2, targets as i64, classes],
    };
    let (shape, found, kind) = (inputs.size(), logits.size(), logits.kind());
    if found == expected && kind == Kind::Float {
        return Ok(());
    }
    Err(refused(
        file,
        &format!(
            "it makes {found:?} ({kind:?}) of inputs {shape:?}; logits are {expected:?} (Float)"
        ),
    ))
}

/// Checks that every parameter has a part in the logits: without a gradient there is nothing to train.
fn check_parts(file: &Path, module: &CModule, logits: &Tensor) -> Result<(), TorchError> {
    let sum = logits.f_sum(Kind::Float)?;
    for (name, parameter) in module.named_parameters()? {
        // Without a part there is no gradient, or an error where nothing has one.
        let gradients = Tensor::f_run_backward(&[&sum], &[parameter], true, false);
        if !gradients.is_ok_and(|gradients| gradients.iter().all(Tensor::defined)) {
            let reason =
                format!("its parameter `{name}` has no part in the logits; save it without");
            return Err(refused(file, &reason));
        }
    }
    Ok(())
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
    let mut places = BTreeMap::new();
    let mut tensors = Vec::new();
    for (name, tensor) in module.named_parameters()? {
        let kind = tensor.kind();
        if kind != Kind::Float {
            return Err(refused(
                file,
                &format!("parameter `{name}` is {kind:?}; parameters are Float"),
            ));
        }
        if !tensor.requires_grad() {
            let reason = format!(
                "its parameter `{name}` is frozen; let it be trained, or save it as a buffer"
            );
            return Err(refused(file, &reason));
        }
        if let Some(other) = places.insert(tensor.data_ptr() as usize, name.clone()) {
            let reason =
                format!("its parameters `{other}` and `{name}` are one tensor; give each its own");
            return Err(refused(file, &reason));
        }
        tensors.push((name, tensor.size().iter().map(|&length| length as usize).collect()));
    }
    Layout::new(tensors).map_err(|error| refused(file, &error.to_string()))
}
