//! A TorchScript module: it is run once before anything is made, so that what training would stumble
//! over is said at once.

use fedlayer_core::{
    DataFacts,
    spec::{AnalysisSpec, Measurement, ModelSpec},
};

use super::Environment;
use crate::{
    Scenario,
    problem::{At, Problem},
    tree::Path,
};

/// The problem of a module that cannot be trained on this data.
pub(super) fn check(
    scenario: &Scenario,
    facts: &DataFacts,
    environment: &dyn Environment,
) -> Option<Problem> {
    let ModelSpec::Torchscript(file) = &scenario.model else { return None };
    let twice = scenario.analysis.iter().any(differentiates_twice);
    let tried = environment.try_module(file, facts, scenario.local.loss, twice);
    tried.err().map(|fault| fault.at(At::Value(Path::from("model.torchscript"))))
}

/// Whether a measurement needs products of the Hessian.
fn differentiates_twice(spec: &AnalysisSpec) -> bool {
    matches!(
        spec.measure,
        Measurement::Hessian(_) | Measurement::Flatness(_) | Measurement::Predict(_)
    )
}
