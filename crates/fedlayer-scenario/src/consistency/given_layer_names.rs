//! The names that a scenario gives to layers. Records join names with `+`, globs give a meaning to
//! `*`, `?` and `[`, and checkpoints use the prefix `client/`, so names are restricted.

use fedlayer_core::spec::{LayerSpec, ModelSpec};

use crate::{
    Scenario,
    phrasing::backticked,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Words that records use instead of a layer's name.
const TAKEN: [&str; 2] = ["all", "none"];

/// Checks the names of all layers.
pub(super) fn check(scenario: &Scenario) -> Vec<Problem> {
    let ModelSpec::Layers(layers) = &scenario.model else { return Vec::new() };
    let list = KeyPath::from("model.layers");
    let mut problems = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let path = list.join(index);
        match layer {
            LayerSpec::Residual(blocks) => {
                let blocks = blocks.iter().map(LayerSpec::from);
                for (index, block) in blocks.enumerate() {
                    problems.extend(one(&block, &path.join("residual").join(index)));
                }
            }
            layer => problems.extend(one(layer, &path)),
        }
    }
    problems
}

fn one(layer: &LayerSpec, path: &KeyPath) -> Option<Problem> {
    let (form, given) = match layer {
        LayerSpec::Conv(conv) => ("conv", conv.name.as_ref()?),
        LayerSpec::Linear(linear) => ("linear", linear.name.as_ref()?),
        LayerSpec::Norm(norm) => ("norm", norm.name.as_ref()?),
        _ => return None,
    };
    let plain = given.split('.').all(|part| !part.is_empty())
        && given.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let title = match (plain, TAKEN.contains(&given.as_str())) {
        (true, false) => return None,
        (true, true) => {
            format!(
                "a layer cannot be called {}, because records use this word for layer sets",
                backticked(given)
            )
        }
        (false, _) => format!("{} is not allowed as the name of a layer", backticked(given)),
    };
    let problem = Problem::new(Location::Value(path.join(form).join("name")), title)
        .help("a name has letters, digits, `_`, `-`, and points between them".to_owned());
    Some(problem)
}
