//! A TorchScript module is run once before the first round, so that its faults are found at once.

use fedlayer_core::{
    data::DataFacts,
    spec::{LocalSpec, Loss, ModelSpec},
};

use crate::{
    Environment, Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Returns the problem of a module that cannot be trained on this data, with the loss of some
/// strategy.
pub(super) fn check(
    scenario: &Scenario,
    locals: &[LocalSpec],
    facts: &DataFacts,
    environment: &dyn Environment,
) -> Option<Problem> {
    let ModelSpec::Torchscript(file) = &scenario.model else { return None };
    let twice = scenario.analysis.iter().any(|spec| spec.measure.needs().hessian);
    let mut losses: Vec<Loss> = Vec::new();
    for local in locals {
        if !losses.contains(&local.loss) {
            losses.push(local.loss);
        }
    }
    let mut tried = losses.into_iter().map(|loss| environment.try_module(file, facts, loss, twice));
    tried
        .find_map(Result::err)
        .map(|fault| fault.at(Location::Value(KeyPath::from("model.torchscript"))))
}
