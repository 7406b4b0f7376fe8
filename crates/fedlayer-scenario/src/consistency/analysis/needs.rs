//! The needs of a measurement besides two models: the network's operations, a common start, states
//! during training, a plane. They are checked at once, not hours later when the measurement begins.

use std::sync::Arc;

use fedlayer_core::{
    model::{Layout, named_layers},
    spec::{
        AnalysisSpec, GivenModels, Keep, Measurement, ModelSpec, NoInitialModel, Surface, Through,
    },
};

use super::kept_rounds::{analysed_rounds, kept_rounds};
use crate::{
    Scenario,
    phrasing::{backticked, count},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Checks the needs of the analysis at `path`.
pub(super) fn check(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    layout: &Arc<Layout>,
    path: &KeyPath,
) -> Vec<Problem> {
    let at = path.join("measure");
    let found = match &spec.measure {
        Measurement::Align(_) => operations(&scenario.model, &at),
        Measurement::Criticality(_) => start(scenario, spec, &at),
        Measurement::Subspace(_) => history(scenario, spec, &at),
        Measurement::Surface(surface) => plane(scenario, spec, surface, layout, &at),
        _ => None,
    };
    found.into_iter().collect()
}

/// Checks that the network's operations are known. Those of a module, a diagonal network and the
/// toy are not, so their units cannot be permuted.
fn operations(model: &ModelSpec, at: &KeyPath) -> Option<Problem> {
    let has_none = matches!(
        model,
        ModelSpec::Torchscript(_) | ModelSpec::DiagonalLinear(_) | ModelSpec::Toy(_)
    );
    has_none.then(|| {
        let title = "`align` needs a network with known operations";
        Problem::new(Location::Value(at.clone()), title)
            .label("the operations of this model are unknown")
            .help("name a network in `model`, or spell it out in `model.layers`".to_owned())
    })
}

/// Checks that the initial model is known. Models from files or values come without it.
fn start(scenario: &Scenario, spec: &AnalysisSpec, at: &KeyPath) -> Option<Problem> {
    let unknown = spec.models.is_some() && scenario.initial.is_none();
    unknown.then(|| {
        let error = NoInitialModel { measure: "criticality" };
        Problem::new(Location::Value(at.clone()), error.to_string())
            .help("in a scenario, `initial = \"FILE\"` names it".to_owned())
    })
}

/// Checks that each model has at least two states for a subspace of training.
fn history(scenario: &Scenario, spec: &AnalysisSpec, at: &KeyPath) -> Option<Problem> {
    let at = Location::Value(at.clone());
    if spec.models.is_some() {
        let title = "`subspace` needs the models' states during training";
        let problem = Problem::new(at, title)
            .label("models from files or values have none")
            .help("analyse the models of the run: leave `models` out".to_owned());
        return Some(problem);
    }
    // A run that keeps only the latest checkpoints has a problem of its own.
    if !matches!(scenario.checkpoints.keep, Keep::All(_)) {
        return None;
    }
    let kept = kept_rounds(scenario);
    let first = analysed_rounds(spec, &kept).first().copied()?;
    let states = kept.iter().filter(|&&round| round <= first).count();
    (states < 2).then(|| {
        let title = "`subspace` needs the models after at least 2 rounds";
        Problem::new(at, title)
            .label(format!("{} up to round {first}", count(states, "checkpoint")))
            .help(
                "run more rounds, or keep more: `checkpoints = { every = 1, keep = \"all\" }`"
                    .to_owned(),
            )
    })
}

/// Checks the three models, or the two layer sets, that span a plane.
fn plane(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    surface: &Surface,
    layout: &Arc<Layout>,
    at: &KeyPath,
) -> Option<Problem> {
    match &surface.through {
        Through::Segment | Through::Filters => None,
        Through::Models => {
            let models = match &spec.models {
                Some(GivenModels::Files(files)) => files.len(),
                Some(GivenModels::Values(values)) => values.len(),
                None => return None,
            };
            (models < 3 && scenario.initial.is_none()).then(|| {
                let title = "a plane needs three models";
                Problem::new(Location::Value(at.join("surface").join("through")), title)
                    .label(format!("found {}", count(models, "model")))
                    .help("name a third one, or `initial`".to_owned())
            })
        }
        Through::Layers([first, second]) => {
            let [first, second] = [first, second].map(|patterns| named_layers(layout, patterns));
            let (first, second) = (first.ok()?, second.ok()?);
            let both = first.indices().find(|&layer| second.contains(layer))?;
            let at = at.join("surface").join("through").join("layers").join(1);
            let title = format!(
                "layer {} is on both axes",
                backticked(layout.layers()[both].name.as_str())
            );
            let problem = Problem::new(Location::Value(at), title)
                .help("name each layer on only one axis".to_owned());
            Some(problem)
        }
    }
}
