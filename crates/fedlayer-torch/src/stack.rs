//! [`train`]: the clients of one call, trained together in lockstep as one stack.
//!
//! The clients stand in the stack by their number of steps, most first, so that those that still train in a step are the first of the stack
//! and nothing is computed for the others. No operation mixes two clients: what becomes NaN in one stays there.

use std::cmp::Reverse;

use tch::{TchError, Tensor};

use crate::{batches::Batches, engine::Engine, feed::Feed, optimizer::Moment};

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
    /// What it sees in this round.
    pub(crate) batches: Batches,
}

/// One client of a stack, after training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trained {
    pub(crate) params: Vec<f32>,
    pub(crate) slots: Vec<Vec<f32>>,
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
    fn first(&self, clients: usize, engine: &Engine) -> Result<Self, TchError> {
        let first = |tensor: &Tensor| tensor.f_narrow(0, 0, clients as i64); // (K, P)
        let (params, gradients) = (first(&self.params)?, first(&self.gradients)?);
        Ok(Self {
            param_views: engine.network.views(&params)?,
            gradient_views: engine.network.views(&gradients)?,
            slots: self.slots.iter().map(first).collect::<Result<_, _>>()?,
            params,
            gradients,
        })
    }
}

/// Trains the members as one stack. One result per member, in the same order.
pub(crate) fn train(engine: &Engine, members: Vec<Member<'_>>) -> Result<Vec<Trained>, TchError> {
    let mut ranked: Vec<(usize, Member<'_>)> = members.into_iter().enumerate().collect();
    ranked.sort_by_key(|(_, member)| Reverse(member.batches.steps()));
    let (positions, members): (Vec<usize>, Vec<Member<'_>>) = ranked.into_iter().unzip();
    let stack = load(engine, &members)?;
    let mut sums = vec![0.0; members.len()];
    let mut active = stack.first(members.len(), engine)?;
    let steps = members.first().map_or(0, |member| member.batches.steps());
    let mut first = 0;
    while first < steps {
        let feed = Feed::gather(engine, &members, first)?;
        for &step in &feed.steps {
            if step.active as i64 != active.params.size()[0] {
                active = stack.first(step.active, engine)?;
            }
            let sight = feed.sight(step)?;
            let pass = engine.network.forward(&active.param_views, &sight.inputs)?;
            engine.criterion.residual(&sight.residual, &pass.logits, &sight.targets)?;
            let by_logits = engine.criterion.gradient(&sight.residual, &sight.pulls)?; // (K, B, C)
            let Active { params, gradients, slots, param_views, gradient_views } = &mut active;
            engine.network.backward(param_views, gradient_views, &sight.inputs, pass, by_logits)?;
            engine.stepper.step(params, gradients, slots, &sight.coefficients)?;
        }
        feed.add_losses(engine, &members, first, &mut sums)?;
        first += feed.steps.len();
    }
    unload(engine, &stack, &members, &positions, &sums)
}

/// Puts parameters and memory of the members into one stack.
fn load(engine: &Engine, members: &[Member<'_>]) -> Result<Active, TchError> {
    let params: Vec<f32> = members.iter().flat_map(|member| member.params).copied().collect();
    let params = engine.rows(&params, engine.parameters)?; // (K, P)
    let slot = |slot: usize| {
        let mut values = Vec::with_capacity(members.len() * engine.parameters);
        for member in members {
            match member.slots.get(slot) {
                Some(memory) => values.extend_from_slice(memory),
                None => values.resize(values.len() + engine.parameters, 0.0),
            }
        }
        engine.rows(&values, engine.parameters) // (K, P)
    };
    Ok(Active {
        gradients: params.f_zeros_like()?,
        slots: (0..engine.stepper.slots()).map(slot).collect::<Result<_, _>>()?,
        params,
        param_views: Vec::new(),
        gradient_views: Vec::new(),
    })
}

/// Takes the stack apart again.
fn unload(
    engine: &Engine,
    stack: &Active,
    members: &[Member<'_>],
    positions: &[usize],
    sums: &[f64],
) -> Result<Vec<Trained>, TchError> {
    let read = |tensor: &Tensor| -> Result<Vec<f32>, TchError> {
        tensor.f_view([-1])?.f_to_device(tch::Device::Cpu)?.try_into()
    };
    let params = read(&stack.params)?;
    let slots: Vec<Vec<f32>> = stack.slots.iter().map(read).collect::<Result<_, _>>()?;
    let mut trained: Vec<(usize, Trained)> = Vec::with_capacity(members.len());
    for (at, member) in members.iter().enumerate() {
        let own = at * engine.parameters..(at + 1) * engine.parameters;
        trained.push((
            positions[at],
            Trained {
                params: params[own.clone()].to_vec(),
                slots: slots.iter().map(|slot| slot[own.clone()].to_vec()).collect(),
                loss: sums[at] / member.batches.seen().max(1) as f64,
            },
        ));
    }
    trained.sort_by_key(|(position, _)| *position);
    Ok(trained.into_iter().map(|(_, trained)| trained).collect())
}
