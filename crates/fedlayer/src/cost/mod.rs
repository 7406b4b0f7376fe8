//! [`Cost`]: what a plan would compute and keep in memory, reckoned without doing it; [`RoundCost`]: what the parts of its rounds compute.

pub(crate) mod analyses;
mod module_speed;

use std::sync::Arc;

use fedlayer_core::{
    Architecture, ClientId, FederatedData, LayerSchedule, LayerSet, Ownership, Plan,
    spec::{
        Average, BarrierSpec, Baseline, Between, EvaluatedClients, ModelSpec, OptimizerMemory,
        Rule, SplitSpec, Statistics,
    },
    target_sets,
};
use serde::Serialize;

pub(crate) use self::module_speed::ModuleSpeed;
use crate::{progress::PerPhase, trainers::Trainers};

/// What a core is taken to compute in a second where time is estimated: about what small networks reach on a core of 2025.
pub(crate) const FLOPS: f64 = 2.5e10;

/// Bytes that the evaluation of one model on one example leaves behind: its loss, and how much of it was right.
const EVALUATED_BYTES: u64 = 8;

/// What all plans cost together; memory is the largest of one.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Cost {
    /// Optimizer steps of all clients.
    pub(crate) steps: u64,
    /// Evaluations of one model on one split.
    pub(crate) evaluations: u64,
    /// Floating-point operations; of a module that was timed, as many as take as long.
    pub(crate) flops: f64,
    /// The same for all analyses, at most: evaluations that share their first layers cost less.
    pub(crate) analysis_flops: f64,
    /// Whether steps of a TorchScript module were timed for it.
    pub(crate) timed: bool,
    /// Bytes for the models of all clients and one round's updates.
    pub(crate) memory: u64,
    /// Bytes for what a round's barriers found, example by example.
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

    /// The cost of one plan on its data; `forward` is what one example costs in a forward pass, in floating-point operations.
    pub(crate) fn of(plan: &Plan, data: &FederatedData, forward: f64) -> Self {
        let cohort = u64::from(plan.clients.cohort());
        let local = LocalWork::mean(plan, data);
        let barriers = BarrierWork::of(plan, data);
        let due = |every: u32| (1..=plan.rounds).filter(|&round| plan.is_due(every, round)).count();
        let measured = plan.barriers.as_ref().map_or(0, |spec| due(spec.every));
        let evaluated = due(plan.evaluate.every);
        let (common, own) = evaluated_models(plan);
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

/// What the parts of a round cost, each where it is due, in floating-point operations. A training step costs three times the forward pass of
/// its examples (forward, and backward to the inputs and to the weights); an evaluation costs one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundCost(pub(crate) PerPhase);

/// The cost of the rounds of each plan. A seed changes no size, so that the data of the first plan's seed does for all; a module that is
/// measured nowhere is as costly for all plans, and what its operations cost is found out by the run itself.
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
    /// Of every round of a plan; `forward` as for [`Cost::of`].
    pub(crate) fn of(plan: &Plan, data: &FederatedData, forward: f64) -> Self {
        let local = LocalWork::mean(plan, data);
        let (common, own) = evaluated_models(plan);
        let barriers = BarrierWork::of(plan, data);
        let measured = measured_examples(plan, data);
        Self(PerPhase {
            train: 3.0 * forward * local.examples * f64::from(plan.clients.cohort()),
            barriers: forward * (barriers.examples as f64 + barriers.points as f64 * measured),
            evaluate: forward
                * (common as f64 * (data.test.len() as f64 + measured) + own as f64 * local.test),
        })
    }

    /// The parts that are due in a round.
    pub(crate) fn in_round(&self, plan: &Plan, round: u32) -> PerPhase {
        let is_due = |every| plan.is_due(every, round);
        let measures = plan.barriers.as_ref().is_some_and(|spec| is_due(spec.every));
        PerPhase {
            train: self.0.train,
            barriers: if measures { self.0.barriers } else { 0.0 },
            evaluate: if is_due(plan.evaluate.every) { self.0.evaluate } else { 0.0 },
        }
    }

    /// All rounds behind those that are committed.
    pub(crate) fn after(&self, plan: &Plan, committed: u32) -> PerPhase {
        (committed + 1..=plan.rounds).map(|round| self.in_round(plan, round)).sum()
    }
}

/// The models that an evaluation evaluates on the common test set, and those on the clients' own: a model that all clients share is
/// evaluated on the common one once.
fn evaluated_models(plan: &Plan) -> (u64, u64) {
    let clients = match plan.evaluate.clients {
        EvaluatedClients::Cohort => plan.clients.cohort(),
        EvaluatedClients::All => plan.clients.count,
    };
    let all_are_averaged = matches!(plan.strategy.average, Average::Always(Rule::All))
        && plan.layout.ownership() == Ownership::Layer;
    (if all_are_averaged { 1 } else { clients.into() }, clients.into())
}

/// Training examples on which the running statistics of every evaluated model are measured anew, where the strategy wants that.
fn measured_examples(plan: &Plan, data: &FederatedData) -> f64 {
    let measures = matches!(plan.strategy.statistics, Statistics::Recompute | Statistics::Repair);
    match data.pool() {
        Some(_) if measures => fedlayer_torch::measured_examples(data.all_train_examples()) as f64,
        _ => 0.0,
    }
}

/// Operations of a forward pass, per example, of a network whose operations are known; nothing for a TorchScript module, which does not say
/// how often it uses a parameter. The others, toys and diagonal networks, use each once: a multiplication and an addition.
pub(crate) fn forward(plan: &Plan, data: &FederatedData) -> Option<f64> {
    match Architecture::new(&plan.model, &data.facts()) {
        Ok(architecture) => Some(architecture.flops as f64),
        Err(_) if matches!(plan.model, ModelSpec::Torchscript(_)) => None,
        Err(_) => Some(2.0 * plan.layout.value_count() as f64),
    }
}

/// What a client does in a round, in the mean over all clients.
#[derive(Debug, Default)]
struct LocalWork {
    /// Optimizer steps.
    steps: f64,
    /// Examples that they see.
    examples: f64,
    /// Own test examples.
    test: f64,
}

impl LocalWork {
    fn mean(plan: &Plan, data: &FederatedData) -> Self {
        // Clients that are drawn are all alike.
        let clients = if data.pool().is_some() { data.clients() } else { 1 };
        let mut mean = Self::default();
        for client in (0..clients).map(|client| ClientId(client as u32)) {
            let examples = data.train_examples(client);
            let per_epoch = plan.local.batches_of(examples as u64);
            let steps = plan.local.steps_of(per_epoch) as f64;
            mean.steps += steps / clients as f64;
            // Where the last batch of an epoch is left out, the others are whole.
            let seen = (per_epoch * u64::from(plan.local.batch)).min(examples as u64);
            let in_batch = seen as f64 / per_epoch.max(1) as f64;
            mean.examples += steps * in_batch / clients as f64;
            mean.test += data.test_examples(client) as f64 / clients as f64;
        }
        mean
    }
}

/// What the barriers of one round evaluate.
#[derive(Debug)]
struct BarrierWork {
    /// Models that are evaluated.
    points: u64,
    /// Models times splits.
    evaluations: u64,
    /// Examples of all evaluations.
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

/// Points that barriers between so many models evaluate on each split; sets that several sweeps share count once.
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
    // Of a hundred million clients, pairs are more than 64 bits count.
    directions.saturating_mul(each).saturating_add(models)
}

/// The models of all clients that took part by the last round, and one round's updates.
fn memory(plan: &Plan, cohort: u64) -> u64 {
    let slots = match plan.local.optimizer_state {
        OptimizerMemory::Reset => 0,
        OptimizerMemory::Keep => plan.local.optimizer.slots() as u64,
    };
    let own = LayerSchedule::new(&plan.strategy.average, &plan.layout)
        .map_or(0, |schedule| own_bytes(plan, &schedule));
    let model = 4 * plan.layout.value_count() as u64;
    // A client that never took part keeps nothing.
    let keepers = u64::from(plan.clients.count).min(cohort * u64::from(plan.rounds));
    let kept = keepers.saturating_mul(own + slots * model);
    kept.saturating_add((2 * cohort + 2).saturating_mul(model))
}

/// The bytes that one client keeps for itself, in the round in which it keeps most.
fn own_bytes(plan: &Plan, schedule: &LayerSchedule) -> u64 {
    let own = |round| {
        let rest = schedule.layers(round, plan.root_seed()).rest();
        4 * rest.iter().map(|range| range.len() as u64).sum::<u64>()
    };
    (1..=plan.rounds.min(1000)).map(own).max().unwrap_or(0)
}
