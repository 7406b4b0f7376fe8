//! [`train`]: trains one client by autograd: convolutions, residuals, attention, modules.

use fedlayer_core::spec::Precision;
use tch::{Kind, TchError, Tensor};

use crate::{
    engine::Engine,
    network::{Dropout, LayerTensors, Leaves, Mode, trained_views},
};

use super::{
    augment::augmented,
    task::{LocalResult, LocalTask},
};

/// Trains one client.
pub(crate) fn train(engine: &Engine, task: &LocalTask<'_>) -> Result<LocalResult, TchError> {
    let mut params = engine.rows(task.params, engine.parameters())?; // (1, P)
    let mut gradients = params.f_zeros_like()?; // (1, P); those of running statistics stay 0
    let mut slots = optimizer_state(engine, task, &params)?;
    let leaves = Leaves::new(&engine.network, &engine.layout, &params)?;
    let layers = leaves.layers(&engine.layout);
    let trained = leaves.trained(&engine.layout);
    let mut gradient_views = trained_views(&engine.network, &engine.layout, &gradients)?;
    let steps = task.batches.steps();
    let mut losses: Vec<Tensor> = Vec::with_capacity(steps);
    for step in 0..steps {
        let of_labels = step_losses(engine, task, &layers, step)?; // (B·T)
        let mean = of_labels.f_mean(Kind::Float)?;
        let by_params = Tensor::f_run_backward(&[mean], &trained, false, false)?;
        for (view, gradient) in gradient_views.iter_mut().zip(&by_params) {
            view.f_copy_(gradient)?;
        }
        losses.push(of_labels.f_detach()?.f_sum(Kind::Double)?);
        let coefficients = engine.stepper.coefficients(&engine.local, task.position(step));
        let coefficients: Vec<Tensor> =
            coefficients.iter().map(|&value| engine.rows(&[value], 1)).collect::<Result<_, _>>()?; // each (1, 1)
        let _guard = tch::no_grad_guard();
        engine.stepper.step(&mut params, &mut gradients, &mut slots, &coefficients)?;
    }
    leaves.write_back_statistics(&engine.network, &engine.layout, &params)?;
    let labels = (task.batches.seen() * task.examples.targets).max(1);
    let kept: &[Tensor] = if engine.keeps_optimizer_state() { &slots } else { &[] };
    Ok(LocalResult {
        params: downloaded(&params)?,
        slots: kept.iter().map(downloaded).collect::<Result<_, _>>()?,
        steps: steps as u64,
        loss: total(&losses)? / labels as f64,
    })
}

/// Runs the forward pass of a training step. Returns the loss of each label of the batch, `(B·T)`.
fn step_losses(
    engine: &Engine,
    task: &LocalTask<'_>,
    layers: &[LayerTensors],
    step: usize,
) -> Result<Tensor, TchError> {
    let device = engine.device.into();
    let seed = |name| task.seed.child(name).index(step as u64);
    let (rows, augment) = (task.batches.of(step), engine.augment);
    let mut generator = seed("augment").generator();
    let batch = augmented(&task.examples, rows, augment, &mut generator, device)?;
    let mut dropout = Dropout::new(seed("dropout"), device);
    let kind = match engine.local.precision {
        Precision::F32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    };
    let mut mode = Mode::Train { dropout: &mut dropout, kind };
    let logits = engine.network.logits(layers, &batch.inputs, &mut mode)?; // (B·T, C)
    engine.criterion.each(&logits, &batch.labels)
}

/// Copies the optimizer's state to the device, each tensor `(1, P)`; zeros for a new optimizer.
fn optimizer_state(
    engine: &Engine,
    task: &LocalTask<'_>,
    params: &Tensor,
) -> Result<Vec<Tensor>, TchError> {
    let slot = |slot: usize| match task.slots.get(slot) {
        Some(values) => engine.rows(values, engine.parameters()),
        None => params.f_zeros_like(),
    };
    (0..engine.stepper.slots()).map(slot).collect()
}

/// The sum of the losses of all steps.
fn total(losses: &[Tensor]) -> Result<f64, TchError> {
    let losses: Vec<f64> = match losses.is_empty() {
        true => Vec::new(),
        false => Tensor::f_stack(losses, 0)?.f_to_device(tch::Device::Cpu)?.try_into()?,
    };
    Ok(losses.iter().sum())
}

fn downloaded(row: &Tensor) -> Result<Vec<f32>, TchError> {
    row.f_view(-1)?.f_to_device(tch::Device::Cpu)?.try_into()
}
