//! [`CheckReport`]: everything that `fedlayer check` tells of a scenario.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::{
    Plan,
    data::{ClientData, ClientId, FederatedData, PartSizes},
    model::{Layer, TensorSpec},
    round::{LayerSchedule, RoundRange},
    spec::{AnalysisSpec, Average, Variant},
};
use serde::Serialize;

use crate::{
    cost::{
        self, Cost, ModuleSpeed,
        analyses::{self, AnalysisLine},
    },
    exit::Failure,
    inputs::Inputs,
    trainers::Trainers,
};

/// The number of clients that are printed one by one.
pub(super) const SHOWN_CLIENTS: usize = 20;

/// The number of rounds that show a rule which changes from round to round.
const SHOWN_ROUNDS: u32 = 4;

/// Everything that `fedlayer check` tells of a scenario.
#[derive(Debug, Serialize)]
pub(super) struct CheckReport {
    /// The variants of a sweep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) variants: Vec<Variant>,
    pub(super) layers: Vec<LayerLine>,
    pub(super) strategies: Vec<StrategyLine>,
    /// The names of the classes, if they have any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) classes: Option<Arc<[String]>>,
    /// The number of all clients, listed or not.
    pub(super) client_count: usize,
    pub(super) clients: Vec<ClientLine>,
    /// The number of examples in each part of the data.
    pub(super) parts: PartSizes,
    pub(super) inputs: Inputs,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) analyses: Vec<AnalysisLine>,
    pub(super) cost: Cost,
}

#[derive(Debug, Serialize)]
pub(super) struct LayerLine {
    pub(super) name: String,
    pub(super) tensors: String,
    pub(super) parameters: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct StrategyLine {
    pub(super) name: String,
    /// The layers of each range of rounds.
    pub(super) averages: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ClientLine {
    pub(super) client: ClientId,
    pub(super) train: usize,
    pub(super) test: usize,
    pub(super) validation: usize,
    /// The natural groups (speakers, writers) of its examples, if the set has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) groups: Option<usize>,
    /// Its examples per class, all parts together; empty for texts.
    pub(super) labels: Vec<usize>,
}

impl CheckReport {
    /// Gathers what is known of the plans; `first` is the plan that is shown of a sweep, `data` its
    /// data.
    pub(super) fn of(
        first: &Plan,
        plans: &[Plan],
        specs: &[AnalysisSpec],
        data: &FederatedData,
        trainers: &Trainers,
    ) -> Result<Self, Failure> {
        Ok(Self {
            variants: variants(plans),
            layers: layers(first),
            strategies: strategies(first_variant(plans)),
            classes: data.test.class_names.clone(),
            client_count: data.clients(),
            clients: clients(data),
            parts: data.part_sizes(),
            inputs: Inputs::of(data, &first.data, trainers.files().inputs(first))
                .with_warnings(&trainers.files().lost_digits(first)),
            analyses: analyses::lines(specs, first),
            cost: cost(plans, specs, trainers)?,
        })
    }
}

/// Returns the plans of the first variant of a sweep; all plans if there is no sweep.
pub(super) fn first_variant(plans: &[Plan]) -> &[Plan] {
    plans.chunk_by(|a, b| a.variant == b.variant).next().unwrap_or_default()
}

/// Returns the variants in their order.
fn variants(plans: &[Plan]) -> Vec<Variant> {
    plans
        .chunk_by(|a, b| a.variant == b.variant)
        .filter_map(|plans| plans.first()?.variant.clone())
        .collect()
}

/// Adds up the cost of all plans. Data is as large with every seed, so the first seed's is used for
/// all.
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
    let shape = |tensor: &TensorSpec| {
        let name = tensor.name.rsplit('.').next().unwrap_or(&tensor.name);
        format!("{name} {:?}", tensor.shape)
    };
    let line = |layer: &Layer| LayerLine {
        name: layer.name.to_string(),
        tensors: layer.tensors.iter().map(shape).collect::<Vec<_>>().join(", "),
        parameters: layer.tensors.iter().filter(|t| t.is_trained()).map(|t| t.range.len()).sum(),
    };
    plan.layout.layers().iter().map(line).collect()
}

/// Returns the strategies of a variant. Its plans come one strategy after the other.
fn strategies(plans: &[Plan]) -> Vec<StrategyLine> {
    let of_each = plans.chunk_by(|a, b| a.strategy.name == b.strategy.name);
    let line =
        |plan: &Plan| StrategyLine { name: plan.strategy.name.clone(), averages: averages(plan) };
    of_each.filter_map(<[Plan]>::first).map(line).collect()
}

/// Describes the layers of each range of rounds.
fn averages(plan: &Plan) -> Vec<String> {
    let Ok(schedule) = LayerSchedule::new(&plan.strategy.average, &plan.layout) else {
        return Vec::new();
    };
    let layers = |rounds| layers_in(plan, &schedule, rounds);
    match &plan.strategy.average {
        Average::Always(_) => vec![layers(RoundRange { first: 1, last: None })],
        Average::Schedule(entries) => entries
            .iter()
            .filter_map(|entry| {
                let rounds = RoundRange::parse(&entry.rounds).ok()?;
                Some(format!("{}: {}", entry.rounds, layers(rounds)))
            })
            .collect(),
    }
}

/// Describes the layers that are averaged in a range of rounds. Of a rule that changes from round
/// to round, the first rounds are shown.
fn layers_in(plan: &Plan, schedule: &LayerSchedule, rounds: RoundRange) -> String {
    let last = rounds.last.unwrap_or(plan.rounds).min(plan.rounds);
    if rounds.first > last {
        return "never".to_owned();
    }
    let layers = |round| schedule.layers(round, plan.root_seed()).to_string();
    let mut sets: Vec<String> =
        (rounds.first..=last).take(SHOWN_ROUNDS as usize).map(layers).collect();
    let is_fixed = sets.iter().all(|set| *set == sets[0]);
    sets.truncate(if is_fixed { 1 } else { sets.len() });
    let more = if !is_fixed && last - rounds.first >= SHOWN_ROUNDS { ", …" } else { "" };
    sets.join(", ") + more
}

/// Returns the clients that are listed: all clients, or the first ones if clients are drawn.
fn clients(data: &FederatedData) -> Vec<ClientLine> {
    let listed = if data.pool().is_some() { data.clients() } else { SHOWN_CLIENTS };
    (0..data.clients().min(listed)).map(|index| ClientLine::new(data, index)).collect()
}

impl ClientLine {
    fn new(data: &FederatedData, index: usize) -> Self {
        let client = ClientId(index as u32);
        let ClientData { examples, train, validation, test } = data.client(client);
        let all = || train.iter().chain(&validation).chain(&test).map(|&row| row as usize);
        let mut labels = Vec::new();
        if examples.targets == 1 {
            labels.resize(examples.classes, 0);
            all().for_each(|example| labels[examples.labels[example] as usize] += 1);
        }
        let groups = examples
            .groups
            .as_ref()
            .map(|groups| all().map(|example| groups[example]).collect::<BTreeSet<_>>().len());
        let (train, test, validation) = (train.len(), test.len(), validation.len());
        Self { client, train, test, validation, groups, labels }
    }
}
