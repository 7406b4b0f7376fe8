//! The models of an analysis exist, and differ if the measurement compares them.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    model::Layout,
    round::{Evidence, LayerSchedule},
    spec::{AnalysisSpec, GivenModels, StrategySpec},
};

use super::repeated;
use crate::{
    Environment, Scenario,
    phrasing::{backticked, backticked_list, count, did_you_mean},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Checks strategy, seed and clients of an analysis, and that the models can differ.
pub(super) fn check(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    layout: &Arc<Layout>,
    path: &KeyPath,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let strategies = || scenario.strategy.iter().map(|strategy| strategy.name.as_str());
    if let Some(wanted) = &spec.strategy
        && !strategies().any(|known| known == wanted)
    {
        let at = Location::Value(path.join("strategy"));
        let problem = Problem::new(at, format!("there is no strategy {}", backticked(wanted)))
            .help(did_you_mean(wanted, strategies()))
            .help(format!("the strategies are {}", backticked_list(strategies())));
        problems.push(problem);
    }
    if let Some(seed) = spec.seed.filter(|seed| !scenario.seeds.contains(seed)) {
        let at = Location::Value(path.join("seed"));
        let seeds: Vec<String> = scenario.seeds.iter().map(u64::to_string).collect();
        let problem = Problem::new(at, format!("no run has seed {seed}"))
            .help(format!("the seeds are {}", seeds.join(", ")));
        problems.push(problem);
    }
    let clients = path.join("clients");
    let listed = spec.clients.as_deref().unwrap_or_default();
    problems.extend(repeated(&clients, listed, |client| format!("client {client} is given twice")));
    for (index, client) in listed.iter().enumerate() {
        if *client >= scenario.clients.count {
            let at = Location::Value(clients.join(index));
            let there = count(scenario.clients.count as usize, "client");
            let problem = Problem::new(at, format!("there is no client {client}"))
                .help(format!("there are {there}, counted from 0"));
            problems.push(problem);
        }
    }
    if spec.models.is_none() {
        problems.extend(identical(scenario, spec, layout, path));
    }
    problems
}

/// Returns the problem of a comparison of models that cannot differ.
fn identical(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    layout: &Arc<Layout>,
    path: &KeyPath,
) -> Option<Problem> {
    if !spec.measure.needs().other_model {
        return None;
    }
    let at = Location::Value(path.join("measure"));
    if scenario.clients.count == 1 {
        let problem = Problem::new(at, "a single client has no other model to compare with")
            .label(format!("`{}` compares models", spec.measure.word()))
            .help("give `clients.count` at least 2, or name `models`".to_owned());
        return Some(problem);
    }
    let strategy = strategy(scenario, spec)?;
    averages_all(scenario, spec, strategy, layout).then(|| {
        Problem::new(at, "after averaging all layers, every client has the same model")
            .label(format!("with the strategy {}", backticked(&strategy.name)))
            .help("analyse a strategy that leaves clients layers of their own, such as `average = \"none\"`".to_owned())
    })
}

/// Returns whether a strategy averages all layers in each round after which an analysis is made.
fn averages_all(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    strategy: &StrategySpec,
    layout: &Arc<Layout>,
) -> bool {
    // A schedule that cannot be read is a problem of its own.
    let Ok(schedule) = LayerSchedule::new(&strategy.average, layout) else { return false };
    let seed = spec.seed.or(scenario.seeds.first().copied()).unwrap_or_default();
    let kept = scenario.checkpoints.kept_rounds(scenario.rounds);
    let rounds = spec.rounds.among(&kept);
    let all = |&round: &u32| schedule.layers(&Evidence::foreseen(round, Seed::new(seed))).is_all();
    !rounds.is_empty() && rounds.iter().all(all)
}

/// Returns the strategy of an analysis: the named one, otherwise the first.
fn strategy<'s>(scenario: &'s Scenario, spec: &AnalysisSpec) -> Option<&'s StrategySpec> {
    match &spec.strategy {
        Some(wanted) => scenario.strategy.iter().find(|known| known.name == *wanted),
        None => scenario.strategy.first(),
    }
}

/// Checks the models that an analysis names as files or values.
pub(super) fn check_given(
    spec: &AnalysisSpec,
    layout: &Layout,
    environment: &dyn Environment,
    path: &KeyPath,
) -> Vec<Problem> {
    match &spec.models {
        None => Vec::new(),
        Some(GivenModels::Files(files)) => {
            let list = path.join("files");
            let wrong = |(index, file): (usize, &String)| {
                let fault = environment.check_values(file, layout).err()?;
                Some(fault.at(Location::Value(list.join(index))))
            };
            let mut problems =
                repeated(&list, files, |file| format!("{} is named twice", backticked(file)));
            problems.extend(files.iter().enumerate().filter_map(wrong));
            problems
        }
        Some(GivenModels::Values(models)) => {
            let list = path.join("values");
            let expected = layout.value_count();
            let wrong = |(index, values): (usize, &Vec<f64>)| {
                let found = values.len();
                if found != expected {
                    let title = format!("found {found} values; the model has {expected}");
                    return Some(Problem::new(Location::Value(list.join(index)), title));
                }
                let element = values.iter().position(|value| !(*value as f32).is_finite())?;
                let title =
                    format!("found {:e}; the largest f32 is {:e}", values[element], f32::MAX);
                Some(Problem::new(Location::Value(list.join(index).join(element)), title))
            };
            models.iter().enumerate().filter_map(wrong).collect()
        }
    }
}
