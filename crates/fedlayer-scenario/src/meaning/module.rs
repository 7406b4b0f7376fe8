//! A TorchScript module: it is run once before anything is made, so that what training would stumble
//! over is said at once.

use fedlayer_core::{
    DataFacts,
    spec::{AnalysisSpec, Measurement, ModelSpec},
};

use super::Outside;
use crate::{
    Scenario,
    problem::{At, Problem},
    tree::Path,
};

/// The problem of a module that cannot be trained on this data.
pub(super) fn check(
    scenario: &Scenario,
    facts: &DataFacts,
    outside: &dyn Outside,
) -> Option<Problem> {
    let ModelSpec::Torchscript(file) = &scenario.model else { return None };
    let twice = scenario.analysis.iter().any(differentiates_twice);
    let tried = outside.try_module(file, facts, scenario.local.loss, twice);
    let problem = |words| Problem::new(At::Value(Path::from("model.torchscript")), words);
    tried.err().map(problem)
}

/// Whether a measurement needs products of the Hessian.
fn differentiates_twice(spec: &AnalysisSpec) -> bool {
    matches!(
        spec.measure,
        Measurement::Hessian(_) | Measurement::Flatness(_) | Measurement::Predict(_)
    )
}
