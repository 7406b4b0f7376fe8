//! The needs of a measurement besides two models: the network's operations, a common start, states
//! during training, a third model. They are checked at once, not hours later when the measurement
//! begins.

use fedlayer_core::spec::{AnalysisSpec, GivenModels, Keep, ModelSpec, NoInitialModel};

use crate::{
    Scenario,
    phrasing::{backticked, count},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Checks the needs of the analysis at `path`.
pub(super) fn check(scenario: &Scenario, spec: &AnalysisSpec, path: &KeyPath) -> Vec<Problem> {
    let at = path.join("measure");
    let (word, needs) = (spec.measure.word(), spec.measure.needs());
    let mut problems = Vec::new();
    if needs.operations {
        problems.extend(operations(&scenario.model, word, &at));
    }
    if needs.initial {
        problems.extend(start(scenario, spec, &at));
    }
    problems.extend(history(scenario, spec, needs.states.least(), &at));
    if needs.third_model {
        problems.extend(third_model(scenario, spec, &at.join(word)));
    }
    problems
}

/// Checks that the network's operations are known. Those of a module, a diagonal network and the
/// toy are not, so their units cannot be permuted.
fn operations(model: &ModelSpec, word: &str, at: &KeyPath) -> Option<Problem> {
    let has_none = matches!(
        model,
        ModelSpec::Torchscript(_) | ModelSpec::DiagonalLinear(_) | ModelSpec::Toy(_)
    );
    has_none.then(|| {
        let title = format!("{} needs a network with known operations", backticked(word));
        Problem::new(Location::Value(at.clone()), title)
            .label("the operations of this model are unknown")
            .help("name a network in `model`, or spell it out in `model.layers`".to_owned())
    })
}

/// Checks that the initial model is known. Models from files or values come without it.
fn start(scenario: &Scenario, spec: &AnalysisSpec, at: &KeyPath) -> Option<Problem> {
    let unknown = spec.models.is_some() && scenario.initial.is_none();
    unknown.then(|| {
        let error = NoInitialModel { measure: spec.measure.word() };
        Problem::new(Location::Value(at.clone()), error.to_string())
            .help("in a scenario, `initial = \"FILE\"` names it".to_owned())
    })
}

/// Checks that each model has at least `least` states, itself included.
fn history(scenario: &Scenario, spec: &AnalysisSpec, least: u32, at: &KeyPath) -> Option<Problem> {
    let at = Location::Value(at.clone());
    let word = backticked(spec.measure.word());
    if least > 1 && spec.models.is_some() {
        let title = format!("{word} needs the models' states during training");
        let problem = Problem::new(at, title)
            .label("models from files or values have none")
            .help("analyse the models of the run: leave `models` out".to_owned());
        return Some(problem);
    }
    // A run that keeps only the latest checkpoints has a problem of its own.
    if spec.models.is_some() || !matches!(scenario.checkpoints.keep, Keep::All(_)) {
        return None;
    }
    let kept = scenario.checkpoints.kept_rounds(scenario.rounds);
    let first = spec.rounds.among(&kept).first().copied()?;
    let states = kept.iter().filter(|&&round| round <= first).count();
    (states < least as usize).then(|| {
        let title = format!("{word} needs the models after at least {least} rounds");
        Problem::new(at, title)
            .label(format!("{} up to round {first}", count(states, "checkpoint")))
            .help(
                "run more rounds, or keep more: `checkpoints = { every = 1, keep = \"all\" }`"
                    .to_owned(),
            )
    })
}

/// Checks that there is a third model, or an initial model in its stead. A run has one.
fn third_model(scenario: &Scenario, spec: &AnalysisSpec, at: &KeyPath) -> Option<Problem> {
    let models = match &spec.models {
        Some(GivenModels::Files(files)) => files.len(),
        Some(GivenModels::Values(values)) => values.len(),
        None => return None,
    };
    (models < 3 && scenario.initial.is_none()).then(|| {
        let title = "a plane needs three models";
        Problem::new(Location::Value(at.join("through")), title)
            .label(format!("found {}", count(models, "model")))
            .help("name a third one, or `initial`".to_owned())
    })
}
