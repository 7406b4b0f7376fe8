//! `fedlayer check`: what a scenario would do, and what it would cost, without doing it.

use std::thread::available_parallelism;

use fedlayer_core::{
    ClientId, FederatedData, LayerSchedule, LayerSet, Plan, Rounds, measures,
    spec::{Average, Baseline, Between, EvaluatedClients, OptimizerMemory},
};
use fedlayer_report::{Align, grid, quantity};
use serde::Serialize;

use crate::{args::ScenarioArgs, exit::Failure, scenario, screen::Screen};

/// What a core is taken to compute in a second where time is estimated: about what small networks reach on a core of 2025.
const FLOPS: f64 = 2.5e10;

/// Clients that are printed one by one.
const SHOWN_CLIENTS: usize = 20;

/// `fedlayer check`.
pub(crate) fn check(args: &ScenarioArgs, screen: &Screen) -> Result<(), Failure> {
    let read = scenario::read(&args.scenario, &args.settings, screen)?;
    let Some(first) = read.plans.first() else {
        return Err(Failure::Fault("a valid scenario without plans".to_owned()));
    };
    let data = fedlayer_data::load(&first.data, first.clients.count, first.root_seed())
        .map_err(|error| Failure::Data(error.to_string()))?;
    let costs = read.plans.iter().map(|plan| cost(plan, &data)).fold(Cost::default(), Cost::and);
    let report = Report {
        layers: layers(first),
        strategies: strategies(&read.plans),
        clients: clients(&data),
        cost: costs,
    };
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&report)?)
    } else {
        report.text(first, &read.plans, &data)?
    };
    Ok(screen.data(&text)?)
}

/// Everything that `check` says.
#[derive(Debug, Serialize)]
struct Report {
    layers: Vec<LayerLine>,
    strategies: Vec<StrategyLine>,
    clients: Vec<ClientLine>,
    cost: Cost,
}

#[derive(Debug, Serialize)]
struct LayerLine {
    name: String,
    tensors: String,
    parameters: usize,
}

#[derive(Debug, Serialize)]
struct StrategyLine {
    name: String,
    /// The layers of each stretch of rounds.
    averages: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ClientLine {
    client: ClientId,
    train: usize,
    test: usize,
    /// Per class: examples of it, training and test together.
    labels: Vec<usize>,
}

/// What all plans cost together; memory is the largest of one.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Cost {
    /// Optimizer steps of all clients.
    steps: u64,
    /// Evaluations of one model on one split.
    evaluations: u64,
    /// Floating-point operations.
    flops: f64,
    /// Bytes for the models of all clients and one round's updates.
    memory: u64,
}

impl Cost {
    fn and(self, other: Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            evaluations: self.evaluations + other.evaluations,
            flops: self.flops + other.flops,
            memory: self.memory.max(other.memory),
        }
    }
}

fn layers(plan: &Plan) -> Vec<LayerLine> {
    let line = |layer: &fedlayer_core::Layer| LayerLine {
        name: layer.name.to_string(),
        tensors: layer
            .tensors
            .iter()
            .map(|tensor| {
                let name = tensor.name.rsplit('.').next().unwrap_or(&tensor.name);
                format!("{name} {:?}", tensor.shape)
            })
            .collect::<Vec<_>>()
            .join(", "),
        parameters: layer.range.len(),
    };
    plan.layout.layers().iter().map(line).collect()
}

fn strategies(plans: &[Plan]) -> Vec<StrategyLine> {
    let mut lines: Vec<StrategyLine> = Vec::new();
    for plan in plans {
        let name = &plan.strategy.name;
        if lines.iter().all(|line| line.name != *name) {
            lines.push(StrategyLine { name: name.clone(), averages: averages(plan) });
        }
    }
    lines
}

/// The layers of each stretch of rounds; a rule that changes from round to round is shown by its first rounds.
fn averages(plan: &Plan) -> Vec<String> {
    const SHOWN: u32 = 4;
    let Ok(schedule) = LayerSchedule::new(&plan.strategy.average, &plan.layout) else {
        return Vec::new();
    };
    let layers = |round| schedule.layers(round, plan.root_seed()).to_string();
    let stretch = |rounds: Rounds| {
        let last = rounds.last.unwrap_or(plan.rounds).min(plan.rounds);
        if rounds.first > last {
            return "never".to_owned();
        }
        let mut sets: Vec<String> =
            (rounds.first..=last).take(SHOWN as usize).map(layers).collect();
        let is_fixed = sets.iter().all(|set| *set == sets[0]);
        sets.truncate(if is_fixed { 1 } else { sets.len() });
        let more = if !is_fixed && last - rounds.first >= SHOWN { ", …" } else { "" };
        sets.join(", ") + more
    };
    match &plan.strategy.average {
        Average::Always(_) => vec![stretch(Rounds { first: 1, last: None })],
        Average::Schedule(entries) => entries
            .iter()
            .filter_map(|entry| {
                let rounds = Rounds::parse(&entry.rounds).ok()?;
                Some(format!("{}: {}", entry.rounds, stretch(rounds)))
            })
            .collect(),
    }
}

fn clients(data: &FederatedData) -> Vec<ClientLine> {
    let line = |index: usize| {
        let client = ClientId(index as u32);
        let (train, test) = (data.client_train(client), data.client_test(client));
        let mut labels = vec![0; data.pool.classes];
        for &example in train.iter().chain(test) {
            labels[data.pool.labels[example as usize] as usize] += 1;
        }
        ClientLine { client, train: train.len(), test: test.len(), labels }
    };
    (0..data.clients()).map(line).collect()
}

/// The cost of one plan on its data. A step costs about six operations a parameter and example, an evaluation two.
fn cost(plan: &Plan, data: &FederatedData) -> Cost {
    let parameters = plan.layout.parameters() as f64;
    let cohort = u64::from(plan.clients.cohort());
    let rounds = u64::from(plan.rounds);
    let train = data.union_train().len();
    let share = f64::from(plan.clients.cohort()) / f64::from(plan.clients.count);
    let per_epoch: u64 = (0..plan.clients.count)
        .map(|client| data.client_train(ClientId(client)).len() as u64)
        .map(|examples| examples.div_ceil(plan.local.batch.into()))
        .sum();
    let epochs = f64::from(plan.local.epochs);
    let steps = per_epoch as f64 * epochs * rounds as f64 * share;
    let trained = train as f64 * epochs * rounds as f64 * share;
    let probes = barrier_probes(plan);
    let mut evaluations = 0;
    let mut evaluated = 0.0;
    for round in 1..=plan.rounds {
        if let Some(spec) = plan.barriers.as_ref().filter(|spec| plan.is_due(spec.every, round)) {
            evaluations += probes * spec.splits.len() as u64;
            for split in &spec.splits {
                let examples = match split {
                    fedlayer_core::spec::SplitSpec::Train => train,
                    fedlayer_core::spec::SplitSpec::Test => data.test.len(),
                };
                evaluated += probes as f64 * examples as f64;
            }
        }
        if plan.is_due(plan.evaluate.every, round) {
            let models = match plan.evaluate.clients {
                EvaluatedClients::Cohort => cohort,
                EvaluatedClients::All => plan.clients.count.into(),
            };
            evaluations += 2 * models;
            evaluated += models as f64 * data.test.len() as f64;
        }
    }
    let slots = match plan.local.optimizer_state {
        OptimizerMemory::Reset => 0,
        OptimizerMemory::Keep => plan.local.optimizer.slots() as u64,
    };
    let own = LayerSchedule::new(&plan.strategy.average, &plan.layout)
        .map_or(0, |schedule| own_bytes(plan, &schedule));
    let model = 4 * plan.layout.parameters() as u64;
    Cost {
        steps: steps as u64,
        evaluations,
        flops: parameters * (6.0 * trained + 2.0 * evaluated),
        memory: u64::from(plan.clients.count) * (own + slots * model) + (2 * cohort + 2) * model,
    }
}

/// The bytes that one client keeps for itself, in the round in which it keeps most.
fn own_bytes(plan: &Plan, schedule: &LayerSchedule) -> u64 {
    let own = |round| 4 * schedule.layers(round, plan.root_seed()).rest().iter().map(|own| own.len() as u64).sum::<u64>();
    (1..=plan.rounds.min(1000)).map(own).max().unwrap_or(0)
}

/// Points that the barriers of one round evaluate on each split; sets that several sweeps share count once.
fn barrier_probes(plan: &Plan) -> u64 {
    let Some(spec) = &plan.barriers else { return 0 };
    let mut sets: Vec<LayerSet> = Vec::new();
    for measure in measures(&spec.sets, &plan.layout, plan.root_seed()) {
        if !sets.contains(&measure.set) {
            sets.push(measure.set);
        }
    }
    let cohort = u64::from(plan.clients.cohort());
    let directions = match spec.between {
        Between::Cohort => cohort,
        Between::Pairs => cohort * (cohort - 1),
    };
    let chord = u64::from(spec.baselines.contains(&Baseline::Chord) && !spec.alpha.contains(&1.0));
    let alphas = spec.alpha.len() as u64;
    cohort + directions * sets.len() as u64 * (alphas * (1 + u64::from(spec.twins)) + chord)
}

impl Report {
    fn text(&self, plan: &Plan, plans: &[Plan], data: &FederatedData) -> Result<String, Failure> {
        let mut text = String::new();
        let mut part = |title: String, body: String| {
            text += &format!("{title}\n{body}\n");
        };
        let seeds = plans.iter().filter(|other| other.strategy.name == plan.strategy.name).count();
        part(
            format!("layers ({} parameters)", quantity::count(plan.layout.parameters() as u64)),
            grid(
                &[("layer", Align::Left), ("tensors", Align::Left), ("parameters", Align::Right)],
                &self
                    .layers
                    .iter()
                    .map(|layer| {
                        let parameters = quantity::count(layer.parameters as u64);
                        vec![layer.name.clone(), layer.tensors.clone(), parameters]
                    })
                    .collect::<Vec<_>>(),
            ),
        );
        part(
            format!(
                "strategies ({} of them × {seeds} seeds, {} rounds)",
                self.strategies.len(),
                plan.rounds
            ),
            grid(
                &[("strategy", Align::Left), ("averages", Align::Left)],
                &self
                    .strategies
                    .iter()
                    .map(|strategy| vec![strategy.name.clone(), strategy.averages.join("; ")])
                    .collect::<Vec<_>>(),
            ),
        );
        part(
            format!(
                "examples of {} clients with seed {} (common test set: {})",
                quantity::count(data.clients() as u64),
                plan.seed,
                quantity::count(data.test.len() as u64),
            ),
            self.client_table(data),
        );
        let workers = available_parallelism()?.get() as f64;
        let cost = self.cost;
        part(
            "cost".to_owned(),
            format!(
                "{} optimizer steps, {} evaluations, models in memory {}\n\
                 {:.1e} operations: about {} at {:.0} GFLOP/s a core on {workers} cores\n",
                quantity::count(cost.steps),
                quantity::count(cost.evaluations),
                quantity::bytes(cost.memory as f64),
                cost.flops,
                quantity::duration(cost.flops / FLOPS / workers),
                FLOPS / 1e9,
            ),
        );
        Ok(text.trim_end().to_owned() + "\n")
    }

    fn client_table(&self, data: &FederatedData) -> String {
        let classes: Vec<String> = (0..data.pool.classes.min(20)).map(|c| c.to_string()).collect();
        let mut heading =
            vec![("client", Align::Right), ("train", Align::Right), ("own test", Align::Right)];
        heading.extend(classes.iter().map(|class| (class.as_str(), Align::Right)));
        let row = |line: &ClientLine| {
            let mut cells =
                vec![line.client.to_string(), line.train.to_string(), line.test.to_string()];
            cells.extend(line.labels.iter().take(20).map(ToString::to_string));
            cells
        };
        let rows: Vec<_> = self.clients.iter().take(SHOWN_CLIENTS).map(row).collect();
        let rest = self.clients.len().saturating_sub(SHOWN_CLIENTS);
        let more = match rest {
            0 => String::new(),
            rest => format!("… and {} more (`--json` has all)\n", quantity::count(rest as u64)),
        };
        grid(&heading, &rows) + &more
    }
}
