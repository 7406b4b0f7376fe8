//! `fedlayer check`: what a scenario would do, and what it would cost, without doing it.

use std::{collections::BTreeSet, sync::Arc, thread::available_parallelism};

use fedlayer_core::{
    ClientData, ClientId, FederatedData, LayerSchedule, Plan, Rounds,
    spec::{AnalysisSpec, Average, Variant},
};
use fedlayer_report::{Align, grid, quantity};
use serde::Serialize;

use crate::{
    analyses::{self, AnalysisLine},
    args::ScenarioArgs,
    classes,
    cost::{self, Cost, FLOPS},
    data::Data,
    exit::Failure,
    folders::Folders,
    input_files::ambiguities,
    inputs::Inputs,
    module_speed::ModuleSpeed,
    scenario,
    screen::Screen,
    signals,
};

/// Clients that are printed one by one.
const SHOWN_CLIENTS: usize = 20;

/// Variants of a sweep that are printed one by one.
const SHOWN_VARIANTS: usize = 20;

/// Classes that get a column.
const SHOWN_CLASSES: usize = 20;

/// `fedlayer check`.
pub(crate) fn check(args: &ScenarioArgs, screen: &Screen) -> Result<(), Failure> {
    let _at_once = signals::end_at_once(screen, "interrupted".to_owned());
    let folders = Folders::existing(args.data.data.as_deref())?;
    let known = Data::new(folders.beside(&args.scenario));
    let read = scenario::read(&args.scenario, &args.changes()?, &known, screen)?;
    let Some(first) = read.plans.first() else {
        return Err(Failure::Fault("a valid scenario without plans".to_owned()));
    };
    // Of a sweep, the first variant is shown.
    let of_first = read.plans.chunk_by(|a, b| a.variant == b.variant).next().unwrap_or_default();
    let data = known.load(first).map_err(Failure::Data)?;
    ambiguities(known.locator()).iter().for_each(|warning| screen.talk(warning));
    let report = Report {
        variants: variants(&read.plans),
        layers: layers(first),
        strategies: strategies(of_first),
        classes: data.test.class_names.clone(),
        client_count: data.clients(),
        clients: clients(&data),
        inputs: Inputs::of(&data, &first.data, known.inputs(first)),
        analyses: analyses::lines(&read.scenario.analysis, first),
        cost: cost(&read.plans, &read.scenario.analysis, &known)?,
    };
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&report)?)
    } else {
        report.text(first, of_first, &data)?
    };
    Ok(screen.data(&text)?)
}

/// Everything that `check` says.
#[derive(Debug, Serialize)]
struct Report {
    /// The variants of a sweep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    variants: Vec<Variant>,
    layers: Vec<LayerLine>,
    strategies: Vec<StrategyLine>,
    /// What the classes are called, where they have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<Arc<[String]>>,
    /// All clients, listed or not.
    client_count: usize,
    clients: Vec<ClientLine>,
    inputs: Inputs,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    analyses: Vec<AnalysisLine>,
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
    /// Natural groups (speakers, writers) of its examples, where the set has such.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<usize>,
    /// Per class: examples of it, training and test together. Nothing for texts.
    labels: Vec<usize>,
}

/// The variants, in their order.
fn variants(plans: &[Plan]) -> Vec<Variant> {
    plans
        .chunk_by(|a, b| a.variant == b.variant)
        .filter_map(|plans| plans.first()?.variant.clone())
        .collect()
}

/// What all plans cost together. Data that is shared out with another seed is as large, so that the first seed's does for all.
fn cost(plans: &[Plan], specs: &[AnalysisSpec], known: &Data) -> Result<Cost, Failure> {
    let Some(seed) = plans.first().map(|plan| plan.seed) else { return Ok(Cost::default()) };
    let mut loaded: Option<(Plan, Arc<FederatedData>)> = None;
    let (mut sum, mut speed) = (Cost::default(), ModuleSpeed::default());
    for (index, plan) in plans.iter().enumerate() {
        let of_seed = Plan { seed, ..plan.clone() };
        let kept = loaded.take().filter(|(other, _)| other.shares_data(&of_seed));
        let (other, data) = match kept {
            Some(kept) => kept,
            None => {
                let data = known.load(&of_seed).map_err(Failure::Data)?;
                (of_seed, Arc::new(data))
            }
        };
        let forward = match cost::forward(plan, &data) {
            Some(forward) => forward,
            None => speed.forward(plan, &data, known)?,
        };
        let is_first_of_variant = index == 0 || plans[index - 1].variant != plan.variant;
        let analysis_flops = match is_first_of_variant {
            true => analyses::operations(specs, plan, &data, forward),
            false => 0.0,
        };
        sum = sum.and(Cost { analysis_flops, ..Cost::of(plan, &data, forward) });
        loaded = Some((other, data));
    }
    Ok(Cost { timed: speed.is_used(), ..sum })
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
        parameters: layer.tensors.iter().filter(|t| t.is_trained()).map(|t| t.range.len()).sum(),
    };
    plan.layout.layers().iter().map(line).collect()
}

/// The strategies of a variant, whose plans come one strategy after the other.
fn strategies(plans: &[Plan]) -> Vec<StrategyLine> {
    let of_each = plans.chunk_by(|a, b| a.strategy.name == b.strategy.name);
    let line =
        |plan: &Plan| StrategyLine { name: plan.strategy.name.clone(), averages: averages(plan) };
    of_each.filter_map(<[Plan]>::first).map(line).collect()
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

/// The clients that are listed: all of them; where they are drawn, the first.
fn clients(data: &FederatedData) -> Vec<ClientLine> {
    let listed = if data.pool().is_some() { data.clients() } else { SHOWN_CLIENTS };
    (0..data.clients().min(listed)).map(|index| ClientLine::new(data, index)).collect()
}

impl ClientLine {
    fn new(data: &FederatedData, index: usize) -> Self {
        let client = ClientId(index as u32);
        let ClientData { examples, train, test } = data.client(client);
        let all = || train.iter().chain(&test).map(|&example| example as usize);
        let mut labels = Vec::new();
        if examples.targets == 1 {
            labels.resize(examples.classes, 0);
            all().for_each(|example| labels[examples.labels[example] as usize] += 1);
        }
        let groups = examples
            .groups
            .as_ref()
            .map(|groups| all().map(|example| groups[example]).collect::<BTreeSet<_>>().len());
        Self { client, train: train.len(), test: test.len(), groups, labels }
    }
}

fn analysis_cells(line: &AnalysisLine) -> Vec<String> {
    let products = match line.products {
        0 => "-".to_owned(),
        products => format!("≤ {}", quantity::count(products)),
    };
    vec![
        line.name.clone(),
        line.measure.to_owned(),
        line.rounds.to_string(),
        quantity::count(line.evaluations),
        products,
    ]
}

impl Report {
    fn text(&self, plan: &Plan, plans: &[Plan], data: &FederatedData) -> Result<String, Failure> {
        let mut text = String::new();
        let mut part = |title: String, body: String| {
            text += &format!("{title}\n{body}\n");
        };
        if let Some(first) = self.variants.first() {
            let shown = self.variants.iter().take(SHOWN_VARIANTS);
            let rows: Vec<_> = shown.map(|variant| vec![variant.label()]).collect();
            let more = match self.variants.len().saturating_sub(SHOWN_VARIANTS) {
                0 => String::new(),
                rest => format!("… and {} more (`--json` has all)\n", quantity::count(rest as u64)),
            };
            let count = quantity::count(self.variants.len() as u64);
            part(
                format!(
                    "sweep ({count} variants; what follows is `{}`, but for the cost, which is that of all)",
                    first.label()
                ),
                grid(&[("variant", Align::Left)], &rows) + &more,
            );
        }
        let seeds = plans.iter().filter(|other| other.strategy.name == plan.strategy.name).count();
        part(
            format!(
                "layers ({} parameters)",
                quantity::count(plan.layout.trained_parameters() as u64)
            ),
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
            self.client_table(),
        );
        if let Some(inputs) = self.inputs.text() {
            part(self.inputs.title(), inputs);
        }
        if !self.analyses.is_empty() {
            part(
                "analyses, after the rounds".to_owned(),
                grid(
                    &[
                        ("analysis", Align::Left),
                        ("measures", Align::Left),
                        ("rounds", Align::Right),
                        ("evaluations", Align::Right),
                        ("Hessian products", Align::Right),
                    ],
                    &self.analyses.iter().map(analysis_cells).collect::<Vec<_>>(),
                ),
            );
        }
        let workers = available_parallelism()?.get() as f64;
        let cost = self.cost;
        let barriers = match cost.barrier_memory {
            0 => String::new(),
            memory => format!(", results of a barrier round {}", quantity::bytes(memory as f64)),
        };
        let time = quantity::duration(cost.flops / FLOPS / workers);
        let analyses = match self.analyses.is_empty() {
            true => String::new(),
            false => {
                let seconds = cost.analysis_flops / FLOPS / workers;
                format!(", analyses at most {} more", quantity::duration(seconds))
            }
        };
        let by = match cost.timed {
            true => format!(
                "about {time} on {workers} cores, from steps of the module that were timed here"
            ),
            false => format!(
                "{:.1e} operations: about {time} at {:.0} GFLOP/s a core on {workers} cores",
                cost.flops,
                FLOPS / 1e9
            ),
        };
        part(
            "cost".to_owned(),
            format!(
                "{} optimizer steps, {} evaluations\n\
                 in memory: models {}{barriers}\n\
                 {by}{analyses}; a GPU is not reckoned with\n",
                quantity::count(cost.steps),
                quantity::count(cost.evaluations),
                quantity::bytes(cost.memory as f64),
            ),
        );
        Ok(text.trim_end().to_owned() + "\n")
    }

    fn client_table(&self) -> String {
        let has_groups = self.clients.iter().any(|line| line.groups.is_some());
        let classes = self.clients.first().map_or(0, |line| line.labels.len()).min(SHOWN_CLASSES);
        let mut heading = ["client", "train", "own test"].map(str::to_owned).to_vec();
        heading.extend(has_groups.then(|| "groups".to_owned()));
        heading.extend((0..classes).map(|class| classes::heading(self.classes.as_deref(), class)));
        let heading: Vec<_> = heading.iter().map(|title| (title.as_str(), Align::Right)).collect();
        let row = |line: &ClientLine| {
            let mut cells =
                vec![line.client.to_string(), line.train.to_string(), line.test.to_string()];
            cells.extend(line.groups.map(|groups| groups.to_string()));
            cells.extend(line.labels.iter().take(classes).map(ToString::to_string));
            cells
        };
        let rows: Vec<_> = self.clients.iter().take(SHOWN_CLIENTS).map(row).collect();
        let hint = if self.clients.len() == self.client_count { " (`--json` has all)" } else { "" };
        let more = match self.client_count.saturating_sub(SHOWN_CLIENTS) {
            0 => String::new(),
            rest => format!("… and {} more{hint}\n", quantity::count(rest as u64)),
        };
        grid(&heading, &rows) + &more
    }
}
