//! [`Cost`]: what a plan would compute and keep in memory, reckoned without doing it.

use fedlayer_core::{
    Architecture, ClientId, FederatedData, LayerSchedule, LayerSet, Plan, measures,
    spec::{BarrierSpec, Baseline, Between, EvaluatedClients, OptimizerMemory, SplitSpec},
};
use serde::Serialize;

/// Bytes that the evaluation of one model on one example leaves behind: its loss, and how much of it was right.
const EVALUATED_BYTES: u64 = 8;

/// What all plans cost together; memory is the largest of one.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Cost {
    /// Optimizer steps of all clients.
    pub(crate) steps: u64,
    /// Evaluations of one model on one split.
    pub(crate) evaluations: u64,
    /// Floating-point operations.
    pub(crate) flops: f64,
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
            memory: self.memory.max(other.memory),
            barrier_memory: self.barrier_memory.max(other.barrier_memory),
        }
    }

    /// The cost of one plan on its data. A training step costs three times the forward pass of its examples (forward, and backward to the inputs
    /// and to the weights); an evaluation costs one.
    pub(crate) fn of(plan: &Plan, data: &FederatedData) -> Self {
        let cohort = u64::from(plan.clients.cohort());
        let rounds = f64::from(plan.rounds);
        let local = Local::mean(plan, data);
        let barriers = Barriers::of(plan, data);
        let mut evaluations = 0;
        let mut evaluated = 0.0;
        for round in 1..=plan.rounds {
            if plan.barriers.as_ref().is_some_and(|spec| plan.is_due(spec.every, round)) {
                evaluations = barriers.evaluations.saturating_add(evaluations);
                evaluated += barriers.examples as f64;
            }
            if plan.is_due(plan.evaluate.every, round) {
                let models = match plan.evaluate.clients {
                    EvaluatedClients::Cohort => cohort,
                    EvaluatedClients::All => plan.clients.count.into(),
                };
                evaluations = evaluations.saturating_add(2 * models);
                evaluated += models as f64 * (data.test.len() as f64 + local.test);
            }
        }
        let trained = local.examples * cohort as f64 * rounds;
        Self {
            steps: (local.steps * cohort as f64 * rounds) as u64,
            evaluations,
            flops: forward(plan, data) * (3.0 * trained + evaluated),
            memory: memory(plan, cohort),
            barrier_memory: barriers.examples.saturating_mul(EVALUATED_BYTES),
        }
    }
}

/// Operations of a forward pass, per example. Of a model that is no list of operations, two a parameter: a multiplication and an addition.
fn forward(plan: &Plan, data: &FederatedData) -> f64 {
    match Architecture::new(&plan.model, &data.facts()) {
        Ok(architecture) => architecture.flops as f64,
        Err(_) => 2.0 * plan.layout.parameters() as f64,
    }
}

/// What a client does in a round, in the mean over all clients.
#[derive(Debug, Default)]
struct Local {
    /// Optimizer steps.
    steps: f64,
    /// Examples that they see.
    examples: f64,
    /// Own test examples.
    test: f64,
}

impl Local {
    fn mean(plan: &Plan, data: &FederatedData) -> Self {
        // Clients that are drawn are all alike.
        let clients = if data.pool().is_some() { data.clients() } else { 1 };
        let mut mean = Self::default();
        for client in (0..clients).map(|client| ClientId(client as u32)) {
            let examples = data.train_examples(client);
            let per_epoch = (examples as u64).div_ceil(plan.local.batch.into());
            let steps = plan.local.steps_of(per_epoch) as f64;
            mean.steps += steps / clients as f64;
            let in_batch = examples as f64 / per_epoch.max(1) as f64;
            mean.examples += steps * in_batch / clients as f64;
            mean.test += data.test_examples(client) as f64 / clients as f64;
        }
        mean
    }
}

/// What the barriers of one round evaluate.
#[derive(Debug)]
struct Barriers {
    /// Models times splits.
    evaluations: u64,
    /// Examples of all evaluations.
    examples: u64,
}

impl Barriers {
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
            evaluations: probes.saturating_mul(splits.len() as u64),
            examples: probes.saturating_mul(splits.iter().map(examples).sum::<u64>()),
        }
    }
}

/// Points that barriers between so many models evaluate on each split; sets that several sweeps share count once.
pub(crate) fn barrier_probes(spec: &BarrierSpec, plan: &Plan, models: u64) -> u64 {
    let mut sets: Vec<LayerSet> = Vec::new();
    for measure in measures(&spec.sets, &plan.layout, plan.root_seed()) {
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
    let model = 4 * plan.layout.parameters() as u64;
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
