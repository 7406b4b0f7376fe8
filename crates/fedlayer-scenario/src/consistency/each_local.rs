//! [`check`]: a check of local training, made for every strategy.

use fedlayer_core::spec::{LocalOverlay, LocalSpec};

use crate::{
    Scenario,
    limits::MOST_PROBLEMS,
    phrasing::backticked,
    problem::{Location, Problem, ProblemGroups},
    toml_tree::KeyPath,
};

/// The table of local training that all strategies have.
const LOCAL: &str = "local";

/// Checks `[local]`, if a strategy trains with it as it is, and the local training of every
/// strategy with keys of its own. `check_one` locates problems in `[local]`; they are moved to the
/// strategy if it gives the key.
pub(super) fn check(
    scenario: &Scenario,
    locals: &[LocalSpec],
    check_one: impl Fn(&LocalSpec) -> Vec<Problem>,
) -> Vec<Problem> {
    let strategies = &scenario.strategy;
    let is_used = strategies.iter().any(|strategy| strategy.local.is_none());
    let mut common = if is_used { check_one(&scenario.local) } else { Vec::new() };
    let mut own = ProblemGroups::default();
    for (index, (strategy, local)) in strategies.iter().zip(locals).enumerate() {
        let Some(overlay) = &strategy.local else { continue };
        let found = check_one(local).into_iter().map(|problem| moved(problem, index, overlay));
        own.add(found.filter(|problem| !common.contains(problem)), &strategy.name);
        if own.len() >= MOST_PROBLEMS {
            break;
        }
    }
    common.extend(own.with_help(|strategies, first| match strategies {
        1 => format!("in the strategy {}", backticked(first)),
        more => format!("in {more} strategies, first in {}", backticked(first)),
    }));
    common
}

/// Moves a problem of `[local]` to the strategy with this index.
fn moved(problem: Problem, strategy: usize, overlay: &LocalOverlay) -> Problem {
    let moved = |at| match at {
        Location::Key(path) => Location::Key(moved_path(path, strategy, overlay)),
        Location::Value(path) => Location::Value(moved_path(path, strategy, overlay)),
        at => at,
    };
    let also = problem.also.map(|(at, label)| (moved(at), label));
    Problem { at: moved(problem.at), also, ..problem }
}

fn moved_path(path: KeyPath, strategy: usize, overlay: &LocalOverlay) -> KeyPath {
    match path.steps().split_first() {
        Some((first, inside)) if first == LOCAL && overlay.gives(inside) => {
            let own = KeyPath::from("strategy").join(strategy).join(LOCAL);
            inside.iter().fold(own, |path, step| path.join(step))
        }
        _ => path,
    }
}
