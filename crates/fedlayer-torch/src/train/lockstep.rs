//! [`train`]: the clients of one call, trained together in lockstep as one stack.
//!
//! The clients stand in the stack by their number of steps, most first, so that those that still train in a step are the first of the stack
//! and nothing is computed for the others. No operation mixes two clients: what becomes NaN in one stays there.

use std::{cmp::Reverse, sync::Arc};

use fedlayer_core::{Examples, Seed};
use tch::{TchError, Tensor};

use crate::{
    batches::Batches,
    engine::{Engine, Stacked},
    feed::{Feed, Source},
    optimizer::Moment,
};

/// One client of a stack, before training.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// Its parameters, in the layout's order.
    pub(crate) params: &'a [f32],
    /// What its optimizer remembers; nothing where it begins anew.
    pub(crate) slots: &'a [Vec<f32>],
    /// The steps that its optimizer remembers.
    pub(crate) remembered: u64,
    /// The rounds before this one.
    pub(crate) rounds_before: u64,
    /// The rounds of the run.
    pub(crate) rounds: u64,
    /// What its batches point into.
    pub(crate) examples: Arc<Examples>,
    /// What it sees in this round.
    pub(crate) batches: Batches,
    /// Where everything else that it draws in this round comes from.
    pub(crate) seed: Seed,
}

/// One client of a stack, after training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trained {
    pub(crate) params: Vec<f32>,
    pub(crate) slots: Vec<Vec<f32>>,
    /// Steps taken in this round.
    pub(crate) steps: u64,
    /// The mean loss over the examples that its steps saw.
    pub(crate) loss: f64,
}

impl Member<'_> {
    /// Where the learning rate and the optimizer stand at a step of this round.
    pub(crate) fn moment(&self, step: usize) -> Moment {
        let steps = self.batches.steps() as u64;
        Moment {
            global_step: self.rounds_before * steps + step as u64,
            per_epoch: self.batches.per_epoch() as u64,
            total: self.rounds * steps,
            remembered: self.remembered + step as u64 + 1,
        }
    }
}

/// Parameters, gradients and optimizer memory of the clients that still train, each `(K, P)`, and the views of the tensors in them.
struct Active {
    params: Tensor,
    gradients: Tensor,
    slots: Vec<Tensor>,
    param_views: Vec<Tensor>,
    gradient_views: Vec<Tensor>,
}

impl Active {
    fn first(&self, clients: usize, stacked: &Stacked) -> Result<Self, TchError> {
        let first = |tensor: &Tensor| tensor.f_narrow(0, 0, clients as i64); // (K, P)
        let (params, gradients) = (first(&self.params)?, first(&self.gradients)?);
        Ok(Self {
            param_views: stacked.network.views(&params)?,
            gradient_views: stacked.network.views(&gradients)?,
            slots: self.slots.iter().map(first).collect::<Result<_, _>>()?,
            params,
            gradients,
        })
    }
}

/// Trains the members as one stack. One result per member, in the same order.
pub(crate) fn train(
    engine: &Engine,
    stacked: &Stacked,
    members: Vec<Member<'_>>,
) -> Result<Vec<Trained>, TchError> {
    let mut ranked: Vec<(usize, Member<'_>)> = members.into_iter().enumerate().collect();
    ranked.sort_by_key(|(_, member)| Reverse(member.batches.steps()));
    let (positions, members): (Vec<usize>, Vec<Member<'_>>) = ranked.into_iter().unzip();
    let stack = load(engine, &members)?;
    let mut sums = vec![0.0; members.len()];
    let mut active = stack.first(members.len(), stacked)?;
    let source = Source::of(stacked, &members, engine.device)?;
    let steps = members.first().map_or(0, |member| member.batches.steps());
    let mut first = 0;
    while first < steps {
        let feed = Feed::gather(engine, &source, &members, first)?;
        for &step in &feed.steps {
            if step.active as i64 != active.params.size()[0] {
                active = stack.first(step.active, stacked)?;
            }
            let sight = feed.sight(step)?;
            let pass = stacked.network.forward(&active.param_views, &sight.inputs)?;
            engine.criterion.residual(&sight.residual, &pass.logits, &sight.targets)?;
            let by_logits = engine.criterion.gradient(&sight.residual, &sight.pulls)?; // (K, B, C)
            let Active { params, gradients, slots, param_views, gradient_views } = &mut active;
            stacked.network.backward(
                param_views,
                gradient_views,
                &sight.inputs,
                pass,
                by_logits,
            )?;
            engine.stepper.step(params, gradients, slots, &sight.coefficients)?;
        }
        feed.add_losses(engine, &members, first, &mut sums)?;
        first += feed.steps.len();
    }
    unload(engine, &stack, &members, &positions, &sums)
}

/// Puts parameters and memory of the members into one stack. Gradients begin as they lie: the backward pass overwrites them all.
fn load(engine: &Engine, members: &[Member<'_>]) -> Result<Active, TchError> {
    let stacked = |rows: &[&[f32]]| match rows {
        [row] => engine.rows(row, engine.parameters),
        rows => engine.rows(&rows.concat(), engine.parameters),
    };
    let params: Vec<&[f32]> = members.iter().map(|member| member.params).collect();
    let params = stacked(&params)?; // (K, P)
    let slot = |slot: usize| {
        if members.iter().all(|member| member.slots.is_empty()) {
            return params.f_zeros_like();
        }
        let empty = vec![0.0; engine.parameters];
        let memory = members.iter().map(|member| member.slots.get(slot).unwrap_or(&empty));
        stacked(&memory.map(Vec::as_slice).collect::<Vec<_>>()) // (K, P)
    };
    Ok(Active {
        gradients: params.f_empty_like()?,
        slots: (0..engine.stepper.slots()).map(slot).collect::<Result<_, _>>()?,
        params,
        param_views: Vec::new(),
        gradient_views: Vec::new(),
    })
}

/// Takes the stack apart again; memory only where the plan keeps it.
fn unload(
    engine: &Engine,
    stack: &Active,
    members: &[Member<'_>],
    positions: &[usize],
    sums: &[f64],
) -> Result<Vec<Trained>, TchError> {
    let read = |tensor: &Tensor, row: usize| -> Result<Vec<f32>, TchError> {
        let row = tensor.f_get(row as i64)?.f_to_device(tch::Device::Cpu)?; // (P)
        row.try_into()
    };
    let kept: &[Tensor] = if engine.keeps_memory() { &stack.slots } else { &[] };
    let mut trained: Vec<(usize, Trained)> = Vec::with_capacity(members.len());
    for (row, member) in members.iter().enumerate() {
        trained.push((
            positions[row],
            Trained {
                params: read(&stack.params, row)?,
                slots: kept.iter().map(|slot| read(slot, row)).collect::<Result<_, _>>()?,
                steps: member.batches.steps() as u64,
                loss: sums[row] / member.batches.seen().max(1) as f64,
            },
        ));
    }
    trained.sort_by_key(|(position, _)| *position);
    Ok(trained.into_iter().map(|(_, trained)| trained).collect())
}
