//! The most of everything that a scenario may have: a check of any text ends within seconds.
//!
//! Lists have their limits in the schema: `strategy`, `seeds` and `model.layers`.

use fedlayer_core::Layout;

use crate::{
    Scenario,
    problem::{At, Problem},
    tree::Path,
    words::number,
};

/// The most bytes of a scenario's text; a coordinator hands no more to its workers either.
pub const SCENARIO_BYTES: usize = 1 << 20;

/// No more problems are looked for once so many are found.
pub(crate) const MOST_PROBLEMS: usize = 1000;

/// The most plans: variants times strategies times seeds.
pub(crate) const MOST_PLANS: usize = 100_000;

/// The most layers of all plans together.
const MOST_PLAN_LAYERS: usize = 4_000_000;

/// The problem of a text that is too long to be read.
pub(crate) fn too_long(text: &str) -> Option<Problem> {
    (text.len() > SCENARIO_BYTES).then(|| {
        let most = number(SCENARIO_BYTES as f64);
        Problem::new(At::Bytes(0..0), format!("a scenario has at most {most} bytes"))
            .label(format!("found {} bytes", number(text.len() as f64)))
            .help(
                "compare fewer strategies at once, or give values in a file of their own"
                    .to_owned(),
            )
    })
}

/// The problem of a scenario that has more plans than are made at once.
pub(crate) fn too_many_plans(scenario: &Scenario, layout: &Layout) -> Option<Problem> {
    let plans = scenario.strategy.len().saturating_mul(scenario.seeds.len());
    let layers = layout.layers().len().max(1);
    let title = if plans > MOST_PLANS {
        format!("strategies times seeds are at most {}", number(MOST_PLANS as f64))
    } else if plans.saturating_mul(layers) > MOST_PLAN_LAYERS {
        format!(
            "strategies times seeds times layers are at most {}",
            number(MOST_PLAN_LAYERS as f64)
        )
    } else {
        return None;
    };
    let [strategies, seeds] = [scenario.strategy.len(), scenario.seeds.len()];
    let problem = Problem::new(At::Key(Path::from("strategy")), title)
        .label(format!("found {strategies} strategies × {seeds} seeds × {layers} layers"))
        .help("give fewer of them, in several scenarios".to_owned());
    Some(problem)
}
