//! A TorchScript module is run once before the first round, so that its faults are found at once.

use fedlayer_core::{data::DataFacts, spec::ModelSpec};

use crate::{
    Environment, Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Returns the problem of a module that cannot be trained on this data.
pub(super) fn check(
    scenario: &Scenario,
    facts: &DataFacts,
    environment: &dyn Environment,
) -> Option<Problem> {
    let ModelSpec::Torchscript(file) = &scenario.model else { return None };
    let twice = scenario.analysis.iter().any(|spec| spec.measure.needs().hessian);
    let tried = environment.try_module(file, facts, scenario.local.loss, twice);
    tried.err().map(|fault| fault.at(Location::Value(KeyPath::from("model.torchscript"))))
}
