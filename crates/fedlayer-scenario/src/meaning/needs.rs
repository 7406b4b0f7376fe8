//! What a measurement needs beside two models: the network's operations, a common start, states
//! during training, a plane. What it would be refused for after hours is refused at once.

use std::sync::Arc;

use fedlayer_core::{
    Layout, named_layers,
    spec::{
        AnalysisSpec, GivenModels, Keep, Measurement, ModelSpec, NoInitialModel, Surface, Through,
    },
};

use super::kept::{analysed, kept};
use crate::{
    Scenario,
    problem::{At, Problem},
    tree::Path,
    words::{count, name},
};

/// The problems of one analysis, which stands at `path`.
pub(super) fn check(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    layout: &Arc<Layout>,
    path: &Path,
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

/// Units are permuted by operations, which a module, a diagonal network and the toy do not have.
fn operations(model: &ModelSpec, at: &Path) -> Option<Problem> {
    let has_none = matches!(
        model,
        ModelSpec::Torchscript(_) | ModelSpec::DiagonalLinear(_) | ModelSpec::Toy(_)
    );
    has_none.then(|| {
        let title = "`align` permutes the units of a network whose operations are known";
        Problem::new(At::Value(at.clone()), title)
            .label("this model's are not")
            .help("name a network in `model`, or spell it out in `model.layers`".to_owned())
    })
}

/// Models of one's own come without the model that they started from.
fn start(scenario: &Scenario, spec: &AnalysisSpec, at: &Path) -> Option<Problem> {
    let unknown = spec.models.is_some() && scenario.initial.is_none();
    unknown.then(|| {
        let error = NoInitialModel { measure: "criticality" };
        Problem::new(At::Value(at.clone()), error.to_string())
            .help("in a scenario, `initial = \"FILE\"` names it".to_owned())
    })
}

/// A subspace of training needs two states of each model at least.
fn history(scenario: &Scenario, spec: &AnalysisSpec, at: &Path) -> Option<Problem> {
    let at = At::Value(at.clone());
    if spec.models.is_some() {
        let title = "`subspace` needs the models' states during training";
        let problem = Problem::new(at, title)
            .label("models of one's own come without them")
            .help("analyse the models of the run: leave `models` out".to_owned());
        return Some(problem);
    }
    // That only the latest are kept is a problem of its own.
    if !matches!(scenario.checkpoints.keep, Keep::All(_)) {
        return None;
    }
    let kept = kept(scenario);
    let first = analysed(spec, &kept).first().copied()?;
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

/// What a plane goes through.
fn plane(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    surface: &Surface,
    layout: &Arc<Layout>,
    at: &Path,
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
                let title = "a plane goes through three models";
                Problem::new(At::Value(at.join("surface").join("through")), title)
                    .label(format!("found {}", count(models, "model")))
                    .help("name a third one, or `initial`".to_owned())
            })
        }
        Through::Layers([first, second]) => {
            let [first, second] = [first, second].map(|patterns| named_layers(layout, patterns));
            let (first, second) = (first.ok()?, second.ok()?);
            let both = first.indices().find(|&layer| second.contains(layer))?;
            let at = at.join("surface").join("through").join("layers").join(1);
            let title =
                format!("layer {} is on both axes", name(layout.layers()[both].name.as_str()));
            let problem = Problem::new(At::Value(at), title)
                .help("name each layer on one axis alone".to_owned());
            Some(problem)
        }
    }
}
