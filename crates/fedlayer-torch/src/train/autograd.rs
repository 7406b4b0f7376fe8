//! [`train`]: one client by itself, differentiated by autograd: networks of convolutions, residuals and attention.

use fedlayer_core::spec::Precision;
use tch::{Kind, TchError, Tensor};

use crate::{
    dropout::Dropout,
    engine::{Alone, Engine},
    gather::Batch,
    graph::Mode,
    stack::{Member, Trained},
};

/// Trains a member.
pub(crate) fn train(
    engine: &Engine,
    alone: &Alone,
    member: &Member<'_>,
) -> Result<Trained, TchError> {
    let mut params = engine.rows(member.params, engine.parameters)?; // (1, P)
    let mut gradients = params.f_zeros_like()?; // (1, P); zero for good where nothing is trained
    let mut slots = memory(engine, member, &params)?;
    let views = alone.leaves(&params)?;
    let (trained, gradient_views) = (alone.trained(&views), alone.views(&gradients)?);
    let mut gradient_views = alone.trained(&gradient_views);
    let steps = member.batches.steps();
    let device = engine.device.into();
    let mut sums: Vec<Tensor> = Vec::with_capacity(steps);
    for step in 0..steps {
        let drawn = |name| member.seed.child(name).index(step as u64);
        let (rows, augment) = (member.batches.of(step), alone.augment);
        let mut generator = drawn("augment").generator();
        let batch = Batch::augmented(&member.examples, rows, augment, &mut generator, device)?;
        let mut dropout = Dropout::new(drawn("dropout"), device);
        let kind = match engine.local.precision {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        };
        let mut mode = Mode::Train { dropout: &mut dropout, kind };
        let logits = alone.logits(&views, &batch.inputs, &mut mode)?; // (B·T, C)
        let losses = engine.criterion.each(&logits, &batch.labels)?; // (B·T)
        let by_params =
            Tensor::f_run_backward(&[losses.f_mean(Kind::Float)?], &trained, false, false)?;
        for (view, gradient) in gradient_views.iter_mut().zip(&by_params) {
            view.f_copy_(gradient)?;
        }
        sums.push(losses.f_detach()?.f_sum(Kind::Double)?);
        let coefficients = engine.stepper.coefficients(&engine.local, member.moment(step));
        let coefficients: Vec<Tensor> =
            coefficients.iter().map(|&value| engine.rows(&[value], 1)).collect::<Result<_, _>>()?; // each (1, 1)
        let _guard = tch::no_grad_guard();
        engine.stepper.step(&mut params, &mut gradients, &mut slots, &coefficients)?;
    }
    alone.keep(&views, &params)?;
    let losses: Vec<f64> = match sums.is_empty() {
        true => Vec::new(),
        false => Tensor::f_stack(&sums, 0)?.f_to_device(tch::Device::Cpu)?.try_into()?,
    };
    let labels = (member.batches.seen() * member.examples.targets).max(1);
    let flat = |tensor: &Tensor| tensor.f_view(-1)?.f_to_device(tch::Device::Cpu)?.try_into();
    let kept: &[Tensor] = if engine.keeps_memory() { &slots } else { &[] };
    Ok(Trained {
        params: flat(&params)?,
        slots: kept.iter().map(flat).collect::<Result<_, _>>()?,
        steps: steps as u64,
        loss: losses.iter().sum::<f64>() / labels as f64,
    })
}

/// What the member's optimizer remembers, each `(1, P)`; zeros where it begins anew.
fn memory(engine: &Engine, member: &Member<'_>, params: &Tensor) -> Result<Vec<Tensor>, TchError> {
    let slot = |slot: usize| match member.slots.get(slot) {
        Some(values) => engine.rows(values, engine.parameters),
        None => params.f_zeros_like(),
    };
    (0..engine.stepper.slots()).map(slot).collect()
}
