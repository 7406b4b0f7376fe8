//! [`train`]: trains the clients of one call together, as one stack.
//!
//! The clients are sorted by their number of steps in descending order. The clients that still
//! train are thus the first of the stack, and nothing is computed for the others. No operation
//! mixes two clients: a NaN stays in its client.

use std::cmp::Reverse;

use tch::{TchError, Tensor};

use crate::{engine::Engine, network::StackedNetwork};

use super::{
    step_batches::{StackExamples, StepBatches, StepView},
    task::{LocalResult, LocalTask},
};

/// Parameters, gradients and optimizer state of the clients that still train, each `(K, P)`, and
/// the views of their tensors.
struct StackState {
    params: Tensor,
    gradients: Tensor,
    slots: Vec<Tensor>,
    param_views: Vec<Tensor>,
    gradient_views: Vec<Tensor>,
}

/// Trains the clients as one stack. Returns one result per task, in the same order.
pub(crate) fn train(
    engine: &Engine,
    network: &StackedNetwork,
    tasks: Vec<LocalTask<'_>>,
) -> Result<Vec<LocalResult>, TchError> {
    let mut sorted: Vec<(usize, LocalTask<'_>)> = tasks.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, task)| Reverse(task.batches.steps()));
    let (positions, tasks): (Vec<usize>, Vec<LocalTask<'_>>) = sorted.into_iter().unzip();
    let stack = StackState::load(engine, &tasks)?;
    let mut active = stack.first(tasks.len(), network)?;
    let examples = StackExamples::new(engine, &tasks)?;
    let mut losses = vec![0.0; tasks.len()];
    let steps = tasks.first().map_or(0, |task| task.batches.steps());
    let mut next = 0;
    while next < steps {
        let batches = StepBatches::gather(engine, &examples, &tasks, next)?;
        for &span in &batches.spans {
            if span.active as i64 != active.params.size()[0] {
                active = stack.first(span.active, network)?;
            }
            active.step(engine, network, &batches.view(span)?)?;
        }
        batches.add_losses(engine, &tasks, next, &mut losses)?;
        next += batches.spans.len();
    }
    stack.unload(engine, &tasks, &positions, &losses)
}

impl StackState {
    /// Copies parameters and optimizer state of the clients to the device.
    ///
    /// The gradients are uninitialised: each backward pass overwrites them all.
    fn load(engine: &Engine, tasks: &[LocalTask<'_>]) -> Result<Self, TchError> {
        let stacked = |rows: &[&[f32]]| match rows {
            [row] => engine.rows(row, engine.parameters()),
            rows => engine.rows(&rows.concat(), engine.parameters()),
        };
        let params: Vec<&[f32]> = tasks.iter().map(|task| task.params).collect();
        let params = stacked(&params)?; // (K, P)
        let slot = |slot: usize| {
            if tasks.iter().all(|task| task.slots.is_empty()) {
                return params.f_zeros_like();
            }
            let zeros = vec![0.0; engine.parameters()];
            let values = tasks.iter().map(|task| task.slots.get(slot).unwrap_or(&zeros));
            stacked(&values.map(Vec::as_slice).collect::<Vec<_>>()) // (K, P)
        };
        Ok(Self {
            gradients: params.f_empty_like()?,
            slots: (0..engine.stepper.slots()).map(slot).collect::<Result<_, _>>()?,
            params,
            param_views: Vec::new(),
            gradient_views: Vec::new(),
        })
    }

    /// Returns the first `clients` of the stack, as views.
    fn first(&self, clients: usize, network: &StackedNetwork) -> Result<Self, TchError> {
        let first = |tensor: &Tensor| tensor.f_narrow(0, 0, clients as i64); // (K, P)
        let (params, gradients) = (first(&self.params)?, first(&self.gradients)?);
        Ok(Self {
            param_views: network.views(&params)?,
            gradient_views: network.views(&gradients)?,
            slots: self.slots.iter().map(first).collect::<Result<_, _>>()?,
            params,
            gradients,
        })
    }

    /// Makes one training step: forward pass, backward pass, update.
    fn step(
        &mut self,
        engine: &Engine,
        network: &StackedNetwork,
        batch: &StepView,
    ) -> Result<(), TchError> {
        let pass = network.forward(&self.param_views, &batch.inputs)?;
        engine.criterion.residual(&batch.residual, &pass.logits, &batch.targets)?;
        let by_logits = engine.criterion.gradient(&batch.residual, &batch.target_terms)?; // (K, B, C)
        network.backward(
            &self.param_views,
            &self.gradient_views,
            &batch.inputs,
            pass,
            by_logits,
        )?;
        let Self { params, gradients, slots, .. } = self;
        engine.stepper.step(params, gradients, slots, &batch.coefficients)
    }

    /// Copies the results of the clients to the host, in the order of `positions`. Optimizer state
    /// is copied only if the plan keeps it.
    fn unload(
        &self,
        engine: &Engine,
        tasks: &[LocalTask<'_>],
        positions: &[usize],
        losses: &[f64],
    ) -> Result<Vec<LocalResult>, TchError> {
        let read = |tensor: &Tensor, row: usize| -> Result<Vec<f32>, TchError> {
            let row = tensor.f_get(row as i64)?.f_to_device(tch::Device::Cpu)?; // (P)
            row.try_into()
        };
        let kept: &[Tensor] = if engine.keeps_optimizer_state() { &self.slots } else { &[] };
        let mut results: Vec<(usize, LocalResult)> = Vec::with_capacity(tasks.len());
        for (row, task) in tasks.iter().enumerate() {
            let result = LocalResult {
                params: read(&self.params, row)?,
                slots: kept.iter().map(|slot| read(slot, row)).collect::<Result<_, _>>()?,
                steps: task.batches.steps() as u64,
                loss: losses[row] / task.batches.seen().max(1) as f64,
            };
            results.push((positions[row], result));
        }
        results.sort_by_key(|(position, _)| *position);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}
