//! Values that are allowed by themselves and inconsistent with each other, the model or the data.
//!
//! * `clients`, `evaluate`, `local`, `strategies`, `rounds`: the tables of these names, and
//!   schedules.
//! * `model`, `given_layer_names`, `images`, `torchscript`, `batches`: the network, alone and with
//!   the data.
//! * `layers`: layers that strategies and barriers name.
//! * `analysis`: everything about `[[analysis]]`.

mod analysis;
mod batches;
mod clients;
mod evaluate;
mod given_layer_names;
mod images;
mod layers;
mod local;
mod model;
mod rounds;
mod strategies;
mod torchscript;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use fedlayer_core::model::Layout;

use crate::{
    Environment, Scenario,
    limits::{self, MOST_PROBLEMS},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Checks a scenario and returns the layers of its model.
///
/// # Errors
/// Every inconsistency.
pub(crate) fn check(
    scenario: &Scenario,
    environment: &dyn Environment,
) -> Result<Arc<Layout>, Vec<Problem>> {
    let mut problems = Vec::new();
    let facts = environment.data_facts(&scenario.data, scenario.clients.count);
    if let Err(fault) = &facts {
        let at = Location::Value(KeyPath::from(fault.key.as_str()));
        let problem = Problem::new(at, fault.message.clone()).help(fault.help.clone());
        problems.push(problem.absence(fault.is_absence));
    }
    problems.extend(distinct_seeds(&scenario.seeds));
    problems.extend(clients::check(scenario));
    problems.extend(evaluate::check(scenario));
    problems.extend(local::check(scenario, facts.as_ref().ok()));
    problems.extend(strategies::check(&scenario.strategy));
    problems.extend(rounds::check(scenario));
    problems.extend(model::check(scenario));
    problems.extend(given_layer_names::check(scenario));
    if let Some(problem) = images::channels_last(scenario, facts.as_ref().ok()) {
        problems.push(problem);
        return Err(problems);
    }
    let layout = match model::layout(&scenario.model, facts.as_ref().ok(), environment) {
        Ok(layout) => layout,
        Err(problem) => {
            let facts = facts.as_ref().ok();
            problems.extend(problem.map(|problem| images::with_shape(*problem, scenario, facts)));
            return Err(problems);
        }
    };
    problems.extend(limits::too_many_plans(scenario, &layout));
    problems.extend(model::statistics(scenario, &layout));
    problems.extend(layers::check(scenario, &layout));
    problems.extend(analysis::check(scenario, &layout));
    if let Ok(facts) = &facts {
        problems.extend(torchscript::check(scenario, facts, environment));
        problems.extend(analysis::given_models(scenario, &layout, environment));
        problems.extend(model::initial(scenario, &layout, environment));
        problems.extend(too_large(&layout));
        problems.extend(batches::check(scenario, Some(facts), environment));
    }
    if problems.is_empty() { Ok(layout) } else { Err(problems) }
}

fn distinct_seeds(seeds: &[u64]) -> Vec<Problem> {
    repeated(&KeyPath::from("seeds"), seeds, |seed| format!("seed {seed} is given twice"))
}

/// Returns a problem for every item of a list that equals an earlier one. Items are compared by
/// their `Debug` form.
fn repeated<T: Debug>(list: &KeyPath, items: &[T], title: impl Fn(&T) -> String) -> Vec<Problem> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let again = items.iter().enumerate().filter_map(|(index, item)| {
        let first = *known.entry(format!("{item:?}")).or_insert(index);
        if first == index {
            return None;
        }
        let problem = Problem::new(Location::Value(list.join(index)), title(item))
            .label("again here")
            .also(Location::Value(list.join(first)), "first here")
            .help("leave one of them out".to_owned());
        Some(problem)
    });
    again.take(MOST_PROBLEMS).collect()
}

/// The largest number of parameters of a model: 16 GB of them.
const MOST_PARAMETERS: usize = 4_000_000_000;

/// Returns the problem of a model that no machine of today can hold once per client.
fn too_large(layout: &Layout) -> Option<Problem> {
    let parameters = layout.value_count();
    (parameters > MOST_PARAMETERS).then(|| {
        let title =
            format!("the model has {parameters} parameters; at most {MOST_PARAMETERS} are allowed");
        Problem::new(Location::Value(KeyPath::from("model")), title)
            .label("too large")
            .help("make its layers narrower".to_owned())
    })
}
