//! Checks that a module can be differentiated as often as a run needs it.

use tch::{CModule, Kind, Tensor};

use crate::{TorchError, loss::Criterion, module::Module};

use super::Trial;

/// Checks that the loss and its derivatives exist and are finite.
pub(super) fn check_derivatives(
    module: &CModule,
    file: &Module,
    trial: &Trial<'_>,
    logits: &Tensor,
) -> Result<(), TorchError> {
    let rows = logits.f_flatten(0, -2)?; // (2·T, C)
    let labels: Vec<i64> =
        (0..rows.size()[0]).map(|row| row % trial.facts.classes as i64).collect();
    let criterion = Criterion::new(trial.loss, false, trial.facts.classes, tch::Device::Cpu)?;
    let losses = criterion.each(&rows, &Tensor::f_from_slice(&labels)?)?; // (2·T)
    let loss = losses.f_mean(Kind::Float)?;
    let value = loss.f_double_value(&[])?;
    if !value.is_finite() {
        return Err(file.refused(&format!(
            "its loss on inputs of zeros and ones is {value} with the saved values"
        )));
    }
    let (names, parameters): (Vec<String>, Vec<Tensor>) =
        module.named_parameters()?.into_iter().unzip();
    let slopes =
        Tensor::f_run_backward(&[&loss], &parameters, true, trial.twice).map_err(|error| {
            file.refused(&format!("it cannot be trained: {}", TorchError::from(error)))
        })?;
    for (name, slope) in names.iter().zip(&slopes) {
        if slope.defined() && slope.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(file.refused(&format!(
                "the gradient with respect to its parameter `{name}` is not finite on inputs of zeros and ones"
            )));
        }
    }
    if trial.twice { second_derivatives(file, &slopes, &parameters) } else { Ok(()) }
}

/// Checks that gradients can be differentiated, as products with the Hessian need it.
fn second_derivatives(
    file: &Module,
    slopes: &[Tensor],
    parameters: &[Tensor],
) -> Result<(), TorchError> {
    let sums = slopes.iter().filter(|slope| slope.defined() && slope.requires_grad());
    let sums: Vec<Tensor> = sums.map(|slope| slope.f_sum(Kind::Float)).collect::<Result<_, _>>()?;
    if sums.is_empty() {
        return Ok(());
    }
    let sum = Tensor::f_stack(&sums, 0)?.f_sum(Kind::Float)?;
    Tensor::f_run_backward(&[sum], parameters, true, false).map(drop).map_err(|error| {
        let words = TorchError::from(error);
        file.refused(&format!(
            "it cannot be differentiated twice, which `hessian`, `flatness` and `predict` need: {words}"
        ))
    })
}
