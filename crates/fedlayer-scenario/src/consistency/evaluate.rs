//! `[evaluate]`: a best round needs validation data of the kind that it is chosen by.

use fedlayer_core::spec::{ModelSpec, Select, SelectBy};

use crate::{
    Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

pub(super) fn check(scenario: &Scenario) -> Vec<Problem> {
    match scenario.evaluate.select {
        Select::Last => without_effect(scenario),
        Select::Best => choice(scenario).into_iter().collect(),
    }
}

fn at(key: &str) -> Location {
    Location::Value(KeyPath::from("evaluate").join(key))
}

/// Returns the problems of keys that only a best round needs.
fn without_effect(scenario: &Scenario) -> Vec<Problem> {
    let evaluate = &scenario.evaluate;
    let given = [("by", evaluate.by.is_some()), ("patience", evaluate.patience.is_some())];
    let problem = |(key, _): (&str, bool)| {
        let title =
            format!("`evaluate.{key}` would have no effect: only the last round is reported");
        Problem::new(Location::Key(KeyPath::from("evaluate").join(key)), title)
            .help("add `select = \"best\"` to `[evaluate]`, or leave it out".to_owned())
    };
    given.into_iter().filter(|(_, given)| *given).map(problem).collect()
}

/// Returns the problem of a choice by a value that is not measured, if there is one.
fn choice(scenario: &Scenario) -> Option<Problem> {
    let (data, by) = (&scenario.data, scenario.evaluate.by);
    let (common, own) = (data.validation_share > 0.0, data.client_validation_share > 0.0);
    let missing = match by {
        None if !common && !own => Some(("select", "validation_share")),
        Some(by) if by.is_of_clients() && !own => Some(("by", "client_validation_share")),
        Some(by) if !by.is_of_clients() && !common => Some(("by", "validation_share")),
        _ => None,
    };
    if let Some((key, share)) = missing {
        let data = if share == "validation_share" { "a common" } else { "the clients' own" };
        let set = if share == "validation_share" { "validation set" } else { "validation data" };
        let title = format!("the best round is chosen on {data} {set}, and there is none");
        let problem = Problem::new(at(key), title)
            .label(format!("needs `data.{share}`"))
            .help(format!("add `{share} = 0.1` to `[data]`; nothing is ever chosen on test data"));
        return Some(problem);
    }
    without_accuracy(scenario, by?)
}

/// Returns the problem of a choice by accuracy for a model that does not classify.
fn without_accuracy(scenario: &Scenario, by: SelectBy) -> Option<Problem> {
    (by.is_accuracy() && matches!(scenario.model, ModelSpec::Toy(_))).then(|| {
        let loss = if by.is_of_clients() { "client-validation-loss" } else { "validation-loss" };
        Problem::new(at("by"), "the toy model does not classify, so it has no accuracy")
            .label("never measured")
            .help(format!("write `by = \"{loss}\"`"))
    })
}
