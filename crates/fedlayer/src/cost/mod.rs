//! [`Cost`]: the work and memory of a plan, estimated in advance; [`RoundCost`]: the work of each
//! phase of its rounds.
//!
//! * `round_counts`: the trainings and evaluations of each round.
//! * `analyses`: the work of analyses.
//! * `per_phase`: a number for each phase of a round.
//! * `module_speed`: the work of a TorchScript module, which has to be timed.

pub(crate) mod analyses;
mod module_speed;
mod per_phase;
mod round_counts;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    barrier::count_points,
    data::{ClientId, FederatedData, Split},
    model::architecture::Architecture,
    round::{Evidence, LayerSchedule},
    spec::{BarrierSpec, ModelSpec, OptimizerMemory, SplitSpec, Statistics},
};
use serde::Serialize;

use self::round_counts::{RoundCount, RoundCounts};
pub(crate) use self::{module_speed::ModuleSpeed, per_phase::PerPhase};
use crate::trainers::Trainers;

/// The floating-point operations per second of a core, for estimates of time: about the speed of
/// small networks on a core of 2025.
pub(crate) const FLOPS: f64 = 2.5e10;

/// The bytes that the evaluation of one model on one example leaves: its loss, and whether it was
/// right.
const EVALUATED_BYTES: u64 = 8;

/// The cost of all plans together; of memory, the largest need of one plan.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Cost {
    /// The optimizer steps of all clients.
    pub(crate) steps: u64,
    /// The evaluations of one model on one split.
    pub(crate) evaluations: u64,
    /// The floating-point operations. For a module that was timed: as many as take the same time.
    pub(crate) flops: f64,
    /// An upper bound of the same for all analyses: evaluations that share their first layers cost
    /// less.
    pub(crate) analysis_flops: f64,
    /// Whether steps of a TorchScript module were timed for the estimate.
    pub(crate) timed: bool,
    /// The bytes of all client models and of one round's updates.
    pub(crate) memory: u64,
    /// The bytes of the results of a round's barriers, example by example.
    pub(crate) barrier_memory: u64,
}

impl Cost {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            evaluations: self.evaluations.saturating_add(other.evaluations),
            flops: self.flops + other.flops,
            analysis_flops: self.analysis_flops + other.analysis_flops,
            timed: self.timed || other.timed,
            memory: self.memory.max(other.memory),
            barrier_memory: self.barrier_memory.max(other.barrier_memory),
        }
    }

    /// Estimates the cost of a plan; `forward` is the cost of a forward pass of one example, in
    /// floating-point operations.
    pub(crate) fn of(plan: &Plan, data: &FederatedData, forward: f64) -> Self {
        let counts = RoundCounts::of(plan);
        let rounds = || (1..=plan.rounds).map(|round| counts.in_round(plan, round));
        let sum = |count: fn(&RoundCount) -> u64| {
            rounds().fold(0_u64, |sum, round| sum.saturating_add(count(&round)))
        };
        let trainings = sum(|round| round.trainings);
        Self {
            steps: (LocalWork::mean(plan, data).steps * trainings as f64) as u64,
            evaluations: sum(RoundCount::probes),
            flops: RoundCost::of(plan, data, forward).after(plan, 0).sum(),
            analysis_flops: 0.0,
            timed: false,
            memory: memory(plan, u64::from(plan.clients.cohort())),
            barrier_memory: counts
                .barrier_points()
                .saturating_mul(barrier_examples(plan, data))
                .saturating_mul(EVALUATED_BYTES),
        }
    }
}

/// The cost of a plan's rounds, in floating-point operations. A training step costs three times the
/// forward pass of its examples: forward, and backward to the inputs and to the weights. An
/// evaluation costs one forward pass.
#[derive(Debug, Clone)]
pub(crate) struct RoundCost {
    counts: RoundCounts,
    /// The local training of one client.
    training: f64,
    /// One point of the barriers, on all splits.
    point: f64,
    /// One model on the common sets.
    common: f64,
    /// One client on its own held-out data.
    own: f64,
}

/// Estimates the cost of the rounds of each plan. A seed changes no size, so the data of the first
/// seed serves for all. A TorchScript module is not timed here: its forward pass counts as one
/// operation, and the run itself finds the price of an operation.
pub(crate) fn of_rounds(
    plans: &[Arc<Plan>],
    trainers: &Trainers,
) -> Result<Vec<RoundCost>, String> {
    let seed = plans.first().map_or(0, |plan| plan.seed);
    let cost = |plan: &Arc<Plan>| {
        let data = trainers.data(&Plan { seed, ..Plan::clone(plan) })?;
        Ok(RoundCost::of(plan, &data, forward(plan, &data).unwrap_or(1.0)))
    };
    plans.iter().map(cost).collect()
}

impl RoundCost {
    /// Estimates the rounds of a plan; `forward` is as in [`Cost::of`].
    pub(crate) fn of(plan: &Plan, data: &FederatedData, forward: f64) -> Self {
        let local = LocalWork::mean(plan, data);
        let measured = measured_examples(plan, data);
        Self {
            counts: RoundCounts::of(plan),
            training: 3.0 * forward * local.examples,
            point: forward * (barrier_examples(plan, data) as f64 + measured),
            common: forward * (common_examples(data) + measured),
            own: forward * local.held_out,
        }
    }

    /// Makes a cost in which only training counts.
    #[cfg(test)]
    pub(crate) fn of_training_alone(plan: &Plan) -> Self {
        let counts = RoundCounts::of(plan);
        Self { counts, training: 1.0, point: 0.0, common: 0.0, own: 0.0 }
    }

    /// Returns the cost of the phases of a round.
    pub(crate) fn in_round(&self, plan: &Plan, round: u32) -> PerPhase {
        let RoundCount { trainings, points, evaluation, .. } = self.counts.in_round(plan, round);
        PerPhase {
            train: self.training * trainings as f64,
            barriers: self.point * points as f64,
            evaluate: self.common * evaluation.models as f64 + self.own * evaluation.clients as f64,
        }
    }

    /// Returns the cost of all rounds after the committed ones.
    pub(crate) fn after(&self, plan: &Plan, committed: u32) -> PerPhase {
        (committed + 1..=plan.rounds).map(|round| self.in_round(plan, round)).sum()
    }
}

/// Returns the number of examples of the common test and validation sets.
fn common_examples(data: &FederatedData) -> f64 {
    (data.test.len() + data.split_len(Split::Validation)) as f64
}

/// Returns the number of training examples that recalibrate the running statistics of each
/// evaluated model; 0 if the strategy does not recalibrate.
fn measured_examples(plan: &Plan, data: &FederatedData) -> f64 {
    let measures = matches!(plan.strategy.statistics, Statistics::Recompute | Statistics::Repair);
    match data.pool() {
        Some(_) if measures => fedlayer_torch::measured_examples(data.all_train_examples()) as f64,
        _ => 0.0,
    }
}

/// Returns the operations of a forward pass of one example; `None` for a TorchScript module, which
/// does not tell how often it uses a parameter. Toys and diagonal networks use each parameter once,
/// for a multiplication and an addition.
pub(crate) fn forward(plan: &Plan, data: &FederatedData) -> Option<f64> {
    match Architecture::new(&plan.model, &data.facts()) {
        Ok(architecture) => Some(architecture.flops as f64),
        Err(_) if matches!(plan.model, ModelSpec::Torchscript(_)) => None,
        Err(_) => Some(2.0 * plan.layout.value_count() as f64),
    }
}

/// The work of a client in a round, as a mean over all clients.
#[derive(Debug, Default)]
struct LocalWork {
    /// The optimizer steps.
    steps: f64,
    /// The examples of these steps.
    examples: f64,
    /// The client's own test and validation examples.
    held_out: f64,
}

impl LocalWork {
    fn mean(plan: &Plan, data: &FederatedData) -> Self {
        // Drawn clients all have the same sizes.
        let clients = if data.pool().is_some() { data.clients() } else { 1 };
        let mut mean = Self::default();
        for client in (0..clients).map(|client| ClientId(client as u32)) {
            let examples = data.train_examples(client);
            let per_epoch = plan.local.batches_of(examples as u64);
            let steps = plan.local.steps_of(per_epoch) as f64;
            mean.steps += steps / clients as f64;
            // If the last batch of an epoch is dropped, all others are whole.
            let seen = (per_epoch * u64::from(plan.local.batch)).min(examples as u64);
            let in_batch = seen as f64 / per_epoch.max(1) as f64;
            mean.examples += steps * in_batch / clients as f64;
            let held_out = data.test_examples(client) + data.validation_examples(client);
            mean.held_out += held_out as f64 / clients as f64;
        }
        mean
    }
}

/// Returns the number of examples that a point of the barriers is evaluated on, over all splits.
fn barrier_examples(plan: &Plan, data: &FederatedData) -> u64 {
    let examples = |split: SplitSpec| match split {
        SplitSpec::Train => data.pool().map_or(0, |_| data.all_train_examples()) as u64,
        SplitSpec::Test => data.test.len() as u64,
    };
    let splits = plan.barriers.as_ref().map_or(Vec::new(), BarrierSpec::distinct_splits);
    splits.into_iter().map(examples).sum()
}

/// Counts the points that barriers between `models` models evaluate on each split.
pub(crate) fn barrier_probes(spec: &BarrierSpec, plan: &Plan, models: u64) -> u64 {
    count_points(spec, &plan.layout, plan.root_seed(), models)
}

/// Returns the bytes of the models of all clients that have taken part by the last round, and of
/// one round's updates.
fn memory(plan: &Plan, cohort: u64) -> u64 {
    let slots = match plan.local.optimizer_state {
        OptimizerMemory::Reset => 0,
        OptimizerMemory::Keep => plan.local.optimizer.slots() as u64,
    };
    let own = LayerSchedule::new(&plan.strategy.average, &plan.layout)
        .map_or(0, |schedule| own_bytes(plan, &schedule));
    let model = 4 * plan.layout.value_count() as u64;
    // A client that has never taken part has no model of its own.
    let keepers = u64::from(plan.clients.count).min(cohort * u64::from(plan.rounds));
    let kept = keepers.saturating_mul(own + slots * model);
    kept.saturating_add((2 * cohort + 2).saturating_mul(model))
}

/// Returns the bytes of a client's own layers, in the round in which it has most of them.
fn own_bytes(plan: &Plan, schedule: &LayerSchedule) -> u64 {
    let own = |round| {
        let rest = schedule.layers(&Evidence::foreseen(round, plan.root_seed())).rest();
        4 * rest.iter().map(|range| range.len() as u64).sum::<u64>()
    };
    (1..=plan.rounds.min(1000)).map(own).max().unwrap_or(0)
}
