//! The layers that a measurement names or counts are those of the model.

use fedlayer_core::{
    model::Layout,
    spec::{Measurement, Through},
};

use super::{layers, repeated};
use crate::{problem::Problem, toml_tree::KeyPath};

/// Checks the layers, coefficients and baselines of a measurement.
pub(super) fn check(measure: &Measurement, layout: &Layout, path: &KeyPath) -> Vec<Problem> {
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
        Measurement::Surface(spec) => match &spec.through {
            Through::Layers([first, second]) => {
                let at = path.join("through").join("layers");
                let mut problems = layers::unknown_layers(&at.join(0), first, layout);
                problems.extend(layers::unknown_layers(&at.join(1), second, layout));
                problems
            }
            _ => Vec::new(),
        },
        Measurement::Align(spec) => layers::check_sets(&path.join("sets"), &spec.sets, layout),
        Measurement::Robustness(spec) => layers::check_alpha(&path.join("alpha"), &spec.alpha),
        Measurement::Subspace(_)
        | Measurement::Criticality(_)
        | Measurement::Flatness(_)
        | Measurement::Hessian(_)
        | Measurement::Predict(_) => Vec::new(),
    }
}
