//! `fedlayer check`: what a scenario would do, and what it would cost, without doing it.

use std::{collections::BTreeSet, sync::Arc, thread::available_parallelism};

use fedlayer_core::{
    ClientData, ClientId, FederatedData, LayerSchedule, Plan, Rounds,
    spec::{AnalysisSpec, Average, Variant},
};
use fedlayer_report::{Align, grid, quantity};
use fedlayer_scenario::Read;
use fedlayer_torch::Device;
use serde::Serialize;

use crate::{
    analyses::{self, AnalysisLine},
    args::ScenarioArgs,
    begin, classes,
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
    trainers::Trainers,
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
    let data = Data::new(folders.beside(&args.scenario));
    let read = scenario::read(&args.scenario, &args.changes()?, &data, screen)?;
    begin::foresee(&read.plans, screen)?;
    show(&read, &Trainers::new(Device::Cpu, data), args.json, screen)
}

/// Prints what a scenario that is read would do and cost.
pub(crate) fn show(
    read: &Read,
    trainers: &Trainers,
    json: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let Some(first) = read.plans.first() else {
        return Err(Failure::Fault("a valid scenario without plans".to_owned()));
    };
    // Of a sweep, the first variant is shown.
    let of_first = read.plans.chunk_by(|a, b| a.variant == b.variant).next().unwrap_or_default();
    let data = trainers.data(first).map_err(Failure::Data)?;
    ambiguities(trainers.locator()).iter().for_each(|warning| screen.talk(warning));
    let report = Report {
        variants: variants(&read.plans),
        layers: layers(first),
        strategies: strategies(of_first),
        classes: data.test.class_names.clone(),
        client_count: data.clients(),
        clients: clients(&data),
        inputs: Inputs::of(&data, &first.data, trainers.files().inputs(first))
            .with_warnings(&trainers.files().lost_digits(first)),
        analyses: analyses::lines(&read.scenario.analysis, first),
        cost: cost(&read.plans, &read.scenario.analysis, trainers)?,
    };
    let text = match json {
        true => format!("{}\n", serde_json::to_string_pretty(&report)?),
        false => report.text(first, of_first, &data)?,
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
fn cost(plans: &[Plan], specs: &[AnalysisSpec], trainers: &Trainers) -> Result<Cost, Failure> {
    let Some(seed) = plans.first().map(|plan| plan.seed) else { return Ok(Cost::default()) };
    let (mut sum, mut speed) = (Cost::default(), ModuleSpeed::default());
    for (index, plan) in plans.iter().enumerate() {
        let data = trainers.data(&Plan { seed, ..plan.clone() }).map_err(Failure::Data)?;
        let forward = match cost::forward(plan, &data) {
            Some(forward) => forward,
            None => speed.forward(plan, &data, trainers.files())?,
        };
        let is_first_of_variant = index == 0 || plans[index - 1].variant != plan.variant;
        let analysis_flops = match is_first_of_variant {
            true => analyses::operations(specs, plan, &data, forward),
            false => 0.0,
        };
        sum = sum.and(Cost { analysis_flops, ..Cost::of(plan, &data, forward) });
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

/// A title with its table or its lines.
type Part = (String, String);

impl Report {
    fn text(&self, plan: &Plan, plans: &[Plan], data: &FederatedData) -> Result<String, Failure> {
        let clients = format!(
            "examples of {} clients with seed {} (common test set: {})",
            quantity::count(data.clients() as u64),
            plan.seed,
            quantity::count(data.test.len() as u64),
        );
        let parts = [
            self.sweep_part(),
            Some(self.layer_part(plan)),
            Some(self.strategy_part(plan, plans)),
            Some((clients, self.client_table())),
            self.inputs.text().map(|inputs| (self.inputs.title(), inputs)),
            self.analysis_part(),
            Some(("cost".to_owned(), self.cost_lines()?)),
        ];
        let parts = parts.into_iter().flatten();
        let text: String = parts.map(|(title, body)| format!("{title}\n{body}\n")).collect();
        Ok(text.trim_end().to_owned() + "\n")
    }

    fn sweep_part(&self) -> Option<Part> {
        let first = self.variants.first()?;
        let shown = self.variants.iter().take(SHOWN_VARIANTS);
        let rows: Vec<_> = shown.map(|variant| vec![variant.label()]).collect();
        let more = match self.variants.len().saturating_sub(SHOWN_VARIANTS) {
            0 => String::new(),
            rest => format!("… and {} more (`--json` has all)\n", quantity::count(rest as u64)),
        };
        let title = format!(
            "sweep ({} variants; what follows is `{}`, but for the cost, which is that of all)",
            quantity::count(self.variants.len() as u64),
            first.label()
        );
        Some((title, grid(&[("variant", Align::Left)], &rows) + &more))
    }

    fn layer_part(&self, plan: &Plan) -> Part {
        let parameters = quantity::count(plan.layout.trained_parameters() as u64);
        let heading =
            [("layer", Align::Left), ("tensors", Align::Left), ("parameters", Align::Right)];
        let row = |layer: &LayerLine| {
            let parameters = quantity::count(layer.parameters as u64);
            vec![layer.name.clone(), layer.tensors.clone(), parameters]
        };
        let rows: Vec<_> = self.layers.iter().map(row).collect();
        (format!("layers ({parameters} parameters)"), grid(&heading, &rows))
    }

    fn strategy_part(&self, plan: &Plan, plans: &[Plan]) -> Part {
        let seeds = plans.iter().filter(|other| other.strategy.name == plan.strategy.name).count();
        let title = format!(
            "strategies ({} of them × {seeds} seeds, {} rounds)",
            self.strategies.len(),
            plan.rounds
        );
        let row =
            |strategy: &StrategyLine| vec![strategy.name.clone(), strategy.averages.join("; ")];
        let rows: Vec<_> = self.strategies.iter().map(row).collect();
        (title, grid(&[("strategy", Align::Left), ("averages", Align::Left)], &rows))
    }

    fn analysis_part(&self) -> Option<Part> {
        let heading = [
            ("analysis", Align::Left),
            ("measures", Align::Left),
            ("rounds", Align::Right),
            ("evaluations", Align::Right),
            ("Hessian products", Align::Right),
        ];
        let rows: Vec<_> = self.analyses.iter().map(analysis_cells).collect();
        let table = || ("analyses, after the rounds".to_owned(), grid(&heading, &rows));
        (!rows.is_empty()).then(table)
    }

    fn cost_lines(&self) -> Result<String, Failure> {
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
        Ok(format!(
            "{} optimizer steps, {} evaluations\n\
             in memory: models {}{barriers}\n\
             {by}{analyses}; a GPU is not reckoned with\n",
            quantity::count(cost.steps),
            quantity::count(cost.evaluations),
            quantity::bytes(cost.memory as f64),
        ))
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
