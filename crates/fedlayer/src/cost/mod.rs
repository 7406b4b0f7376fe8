//! [`Cost`]: the work and memory of a plan, estimated in advance; [`RoundCost`]: the work of each
//! phase of its rounds.
//!
//! * `analyses`: the work of analyses.
//! * `per_phase`: a number for each phase of a round.
//! * `module_speed`: the work of a TorchScript module, which has to be timed.

pub(crate) mod analyses;
mod module_speed;
mod per_phase;

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    barrier::target_sets,
    data::{ClientId, FederatedData, Split},
    model::{LayerSet, Ownership, architecture::Architecture},
    round::{EvaluatedSplits, LayerSchedule},
    spec::{
        Average, BarrierSpec, Baseline, Between, EvaluatedClients, ModelSpec, OptimizerMemory,
        Rule, SplitSpec, Statistics,
    },
};
use serde::Serialize;

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
        let cohort = u64::from(plan.clients.cohort());
        let local = LocalWork::mean(plan, data);
        let barriers = BarrierWork::of(plan, data);
        let due = |every: u32| (1..=plan.rounds).filter(|&round| plan.is_due(every, round)).count();
        let measured = plan.barriers.as_ref().map_or(0, |spec| due(spec.every));
        let evaluated = due(plan.evaluate.every);
        let (common, own) = evaluations(plan);
        Self {
            steps: (local.steps * cohort as f64 * f64::from(plan.rounds)) as u64,
            evaluations: (measured as u64)
                .saturating_mul(barriers.evaluations)
                .saturating_add((evaluated as u64).saturating_mul(common + own)),
            flops: RoundCost::of(plan, data, forward).after(plan, 0).sum(),
            analysis_flops: 0.0,
            timed: false,
            memory: memory(plan, cohort),
            barrier_memory: barriers.examples.saturating_mul(EVALUATED_BYTES),
        }
    }
}

/// The cost of each phase of a round in which it is due, in floating-point operations. A training
/// step costs three times the forward pass of its examples: forward, and backward to the inputs and
/// to the weights. An evaluation costs one forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundCost(pub(crate) PerPhase);

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
        let (common, own) = evaluated_models(plan);
        let barriers = BarrierWork::of(plan, data);
        let measured = measured_examples(plan, data);
        Self(PerPhase {
            train: 3.0 * forward * local.examples * f64::from(plan.clients.cohort()),
            barriers: forward * (barriers.examples as f64 + barriers.points as f64 * measured),
            evaluate: forward
                * (common as f64 * (common_examples(data) + measured)
                    + own as f64 * local.held_out),
        })
    }

    /// Returns the cost of the phases that are due in a round.
    pub(crate) fn in_round(&self, plan: &Plan, round: u32) -> PerPhase {
        let is_due = |every| plan.is_due(every, round);
        let measures = plan.barriers.as_ref().is_some_and(|spec| is_due(spec.every));
        PerPhase {
            train: self.0.train,
            barriers: if measures { self.0.barriers } else { 0.0 },
            evaluate: if is_due(plan.evaluate.every) { self.0.evaluate } else { 0.0 },
        }
    }

    /// Returns the cost of all rounds after the committed ones.
    pub(crate) fn after(&self, plan: &Plan, committed: u32) -> PerPhase {
        (committed + 1..=plan.rounds).map(|round| self.in_round(plan, round)).sum()
    }
}

/// Returns the number of models that an evaluation measures on the common test set, and on the
/// clients' own. A model that all clients share is measured on the common test set once.
fn evaluated_models(plan: &Plan) -> (u64, u64) {
    let clients = match plan.evaluate.clients {
        EvaluatedClients::Cohort => plan.clients.cohort(),
        EvaluatedClients::All => plan.clients.count,
    };
    let all_are_averaged = matches!(plan.strategy.average, Average::Always(Rule::All))
        && plan.layout.ownership() == Ownership::Layer;
    (if all_are_averaged { 1 } else { clients.into() }, clients.into())
}

/// Returns the number of evaluations of a round on common sets, and on the clients' own data.
fn evaluations(plan: &Plan) -> (u64, u64) {
    let splits = EvaluatedSplits::of(&plan.data);
    let (common, own) = evaluated_models(plan);
    let own_splits = u64::from(splits.client_test) + u64::from(splits.client_validation);
    (common * (1 + u64::from(splits.validation)), own * own_splits)
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

/// The work of the barriers of one round.
#[derive(Debug)]
struct BarrierWork {
    /// The models that are evaluated.
    points: u64,
    /// The models times the splits.
    evaluations: u64,
    /// The examples of all evaluations.
    examples: u64,
}

impl BarrierWork {
    fn of(plan: &Plan, data: &FederatedData) -> Self {
        let mut splits = plan.barriers.as_ref().map_or(Vec::new(), |spec| spec.splits.clone());
        splits.sort_unstable();
        splits.dedup();
        let examples = |split: &SplitSpec| match split {
            SplitSpec::Train => data.pool().map_or(0, |_| data.all_train_examples()) as u64,
            SplitSpec::Test => data.test.len() as u64,
        };
        let cohort = u64::from(plan.clients.cohort());
        let probes = plan.barriers.as_ref().map_or(0, |spec| barrier_probes(spec, plan, cohort));
        Self {
            points: probes,
            evaluations: probes.saturating_mul(splits.len() as u64),
            examples: probes.saturating_mul(splits.iter().map(examples).sum::<u64>()),
        }
    }
}

/// Counts the points that barriers between `models` models evaluate on each split. A layer set that
/// occurs in several sweeps counts once.
pub(crate) fn barrier_probes(spec: &BarrierSpec, plan: &Plan, models: u64) -> u64 {
    let mut sets: Vec<LayerSet> = Vec::new();
    for measure in target_sets(&spec.sets, &plan.layout, plan.root_seed()) {
        if !sets.contains(&measure.set) {
            sets.push(measure.set);
        }
    }
    let directions = match spec.between {
        Between::Cohort => models,
        Between::Pairs => models * (models - 1),
    };
    let chord = u64::from(spec.baselines.contains(&Baseline::Chord) && !spec.alpha.contains(&1.0));
    let alphas = spec.alpha.len() as u64;
    let each = sets.len() as u64 * (alphas * (1 + u64::from(spec.twins)) + chord);
    // The pairs of a hundred million clients do not fit into 64 bits.
    directions.saturating_mul(each).saturating_add(models)
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
        let rest = schedule.layers(round, plan.root_seed()).rest();
        4 * rest.iter().map(|range| range.len() as u64).sum::<u64>()
    };
    (1..=plan.rounds.min(1000)).map(own).max().unwrap_or(0)
}
