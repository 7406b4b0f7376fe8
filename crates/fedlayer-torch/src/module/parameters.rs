//! The parameters of an opened module: the layers that they make, and the values they were saved
//! with.

use std::collections::BTreeMap;

use fedlayer_core::{model::Layout, text::in_backticks};
use tch::{CModule, Kind, Tensor};

use crate::TorchError;

use super::Module;

const NO_PARAMETERS: &str = "it has no parameters to train; a frozen module (`torch.jit.freeze`) or a traced function has its weights \
     as constants: save `torch.jit.script(module)` of an `nn.Module`";

/// Returns the layers that the parameters of `opened` make.
///
/// # Errors
/// When a parameter is not float32, is frozen or shares its memory with another, or there is none.
pub(crate) fn layout_of(module: &Module, opened: &CModule) -> Result<Layout, TorchError> {
    let mut owners = BTreeMap::new();
    let mut tensors = Vec::new();
    for (name, tensor) in opened.named_parameters()? {
        check(&name, &tensor).map_err(|reason| module.refused(&reason))?;
        if let Some(other) = owners.insert(tensor.data_ptr() as usize, name.clone()) {
            let reason = format!(
                "its parameters {} and {} are one tensor; give each a tensor of its own",
                in_backticks([&other]),
                in_backticks([&name])
            );
            return Err(module.refused(&reason));
        }
        tensors.push((name, tensor.size().iter().map(|&length| length as usize).collect()));
    }
    if tensors.is_empty() {
        return Err(module.refused(NO_PARAMETERS));
    }
    Layout::new(tensors).map_err(|error| module.refused(&error.to_string()))
}

/// Checks that a parameter can be trained.
fn check(name: &str, tensor: &Tensor) -> Result<(), String> {
    let kind = tensor.kind();
    if kind != Kind::Float {
        let found = number_type(kind);
        return Err(format!(
            "its parameter {} is {found}; parameters are float32: save it after `module.float()`",
            in_backticks([name])
        ));
    }
    if !tensor.requires_grad() {
        return Err(format!(
            "its parameter {} is frozen; set `requires_grad`, or save it as a buffer",
            in_backticks([name])
        ));
    }
    Ok(())
}

/// Returns the values that a module was saved with, in the layout's order.
pub(crate) fn values_of(opened: &CModule) -> Result<Vec<f32>, TorchError> {
    let mut values = Vec::new();
    for (_, parameter) in opened.named_parameters()? {
        let flat = parameter.f_detach()?.f_reshape(-1)?.f_to_device(tch::Device::Cpu)?;
        values.extend(Vec::<f32>::try_from(flat.f_to_kind(Kind::Float)?)?);
    }
    Ok(values)
}

/// PyTorch's name of a number type.
pub(super) fn number_type(kind: Kind) -> String {
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
