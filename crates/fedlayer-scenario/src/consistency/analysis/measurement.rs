//! The layers that a measurement names or counts are those of the model.

use std::sync::Arc;

use fedlayer_core::{
    model::{Layout, named_layers},
    spec::{Measurement, Surface, Through},
};

use super::{layers, repeated};
use crate::{
    phrasing::backticked,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Checks the layers, coefficients and baselines of a measurement.
pub(super) fn check(measure: &Measurement, layout: &Arc<Layout>, path: &KeyPath) -> Vec<Problem> {
    let path = path.join(measure.word());
    match measure {
        Measurement::Barriers(spec) => {
            let mut problems = layers::check_sets(&path.join("sets"), &spec.sets, layout);
            problems.extend(layers::check_alpha(&path.join("alpha"), &spec.alpha));
            problems.extend(layers::check_baselines(&path.join("baselines"), &spec.baselines));
            problems
        }
        Measurement::Cumulative(spec) => {
            let orders = path.join("orders");
            let mut problems =
                repeated(&orders, &spec.orders, |_| "an order is given twice".to_owned());
            problems.extend(layers::check_baselines(&path.join("baselines"), &spec.baselines));
            problems
        }
        Measurement::Window(spec) => {
            let widths = path.join("widths");
            let again = |width: &u32| format!("the width {width} is given twice");
            let mut problems = repeated(&widths, &spec.widths, again);
            for (index, width) in spec.widths.iter().enumerate() {
                problems.extend(layers::too_wide(&widths.join(index), *width, layout));
            }
            problems.extend(layers::check_baselines(&path.join("baselines"), &spec.baselines));
            problems
        }
        Measurement::Surface(Surface { through: Through::Layers(axes), .. }) => {
            check_axes(axes, layout, &path.join("through").join("layers"))
        }
        Measurement::Align(spec) => layers::check_sets(&path.join("sets"), &spec.sets, layout),
        Measurement::Robustness(spec) => layers::check_alpha(&path.join("alpha"), &spec.alpha),
        // The other measurements have no keys that the model could contradict.
        _ => Vec::new(),
    }
}

/// Checks that the layers of both axes of a plane are the model's, and that no layer is on both.
fn check_axes(
    [first, second]: &[Vec<String>; 2],
    layout: &Arc<Layout>,
    path: &KeyPath,
) -> Vec<Problem> {
    let mut problems = layers::unknown_layers(&path.join(0), first, layout);
    problems.extend(layers::unknown_layers(&path.join(1), second, layout));
    let [first, second] = [first, second].map(|patterns| named_layers(layout, patterns));
    // A name that matches no layer is a problem of its own.
    let both = first
        .ok()
        .zip(second.ok())
        .and_then(|(first, second)| first.indices().find(|&layer| second.contains(layer)));
    problems.extend(both.map(|layer| {
        let name = backticked(layout.layers()[layer].name.as_str());
        Problem::new(Location::Value(path.join(1)), format!("layer {name} is on both axes"))
            .help("name each layer on only one axis".to_owned())
    }));
    problems
}
