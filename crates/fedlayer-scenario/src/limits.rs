//! Upper limits on a scenario, so that the check of any text ends within seconds.
//!
//! The schema limits the lists `strategy`, `seeds` and `model.layers`.

use fedlayer_core::model::Layout;

use crate::{
    Scenario,
    phrasing::grouped_digits,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// The largest size of a scenario's text, in bytes. A coordinator hands no longer text to its
/// workers.
pub const SCENARIO_BYTES: usize = 1 << 20;

/// The number of problems after which a check ends.
pub(crate) const MOST_PROBLEMS: usize = 1000;

/// The largest number of plans: variants times strategies times seeds.
pub(crate) const MOST_PLANS: usize = 100_000;

/// The largest number of layers of all plans together.
const MOST_PLAN_LAYERS: usize = 4_000_000;

/// Returns the problem of a text that is too long, if it is.
pub(crate) fn too_long(text: &str) -> Option<Problem> {
    (text.len() > SCENARIO_BYTES).then(|| {
        let most = grouped_digits(SCENARIO_BYTES as f64);
        Problem::new(Location::Bytes(0..0), format!("a scenario has at most {most} bytes"))
            .label(format!("found {} bytes", grouped_digits(text.len() as f64)))
            .help("compare fewer strategies, or put model values into a separate file".to_owned())
    })
}

/// Returns the problem of a scenario with too many plans, if it has.
pub(crate) fn too_many_plans(scenario: &Scenario, layout: &Layout) -> Option<Problem> {
    let plans = scenario.strategy.len().saturating_mul(scenario.seeds.len());
    let layers = layout.layers().len().max(1);
    let title = if plans > MOST_PLANS {
        format!("strategies × seeds must be at most {}", grouped_digits(MOST_PLANS as f64))
    } else if plans.saturating_mul(layers) > MOST_PLAN_LAYERS {
        format!(
            "strategies × seeds × layers must be at most {}",
            grouped_digits(MOST_PLAN_LAYERS as f64)
        )
    } else {
        return None;
    };
    let [strategies, seeds] = [scenario.strategy.len(), scenario.seeds.len()];
    let problem = Problem::new(Location::Key(KeyPath::from("strategy")), title)
        .label(format!("found {strategies} strategies × {seeds} seeds × {layers} layers"))
        .help("divide the comparison into several scenarios".to_owned());
    Some(problem)
}
