//! The rounds after which an analysis is made are run, and their checkpoints are kept.

use fedlayer_core::spec::{AnalysisSpec, Keep, RoundChoice, RoundWord};

use super::repeated;
use crate::{
    Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Checks the rounds of an analysis.
pub(super) fn check(scenario: &Scenario, spec: &AnalysisSpec, path: &KeyPath) -> Vec<Problem> {
    let mut problems = Vec::new();
    let at = path.join("rounds");
    let every = scenario.checkpoints.every;
    let mut earlier = spec.rounds == RoundChoice::Word(RoundWord::All);
    if let RoundChoice::Listed(rounds) = &spec.rounds {
        problems.extend(repeated(&at, rounds, |round| format!("round {round} is given twice")));
        let kept = scenario.checkpoints.kept_rounds(scenario.rounds);
        for (index, &round) in rounds.iter().enumerate() {
            let due = round.is_multiple_of(every) || round == scenario.rounds;
            if round > scenario.rounds {
                let title = format!("there is no round {round}");
                let problem = Problem::new(Location::Value(at.join(index)), title)
                    .help(format!("the run has {} rounds", scenario.rounds));
                problems.push(problem);
            } else if !due {
                let title = format!("round {round} has no checkpoint");
                let help = format!("`checkpoints.every` is {every}; choose multiples of it");
                problems.push(Problem::new(Location::Value(at.join(index)), title).help(help));
            } else {
                earlier |= !kept.contains(&round);
            }
        }
    }
    // A round that is not run needs no second message about its checkpoint.
    if problems.is_empty() {
        problems.extend(pruned(scenario, spec, earlier, path));
    }
    problems
}

/// Returns the problem of an analysis that needs checkpoints which are not kept.
fn pruned(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    earlier: bool,
    path: &KeyPath,
) -> Option<Problem> {
    let needs_path = spec.models.is_none() && spec.measure.needs().states.least() > 1;
    let keeps_all = matches!(scenario.checkpoints.keep, Keep::All(_));
    let (key, title) = match (earlier, needs_path) {
        _ if keeps_all => return None,
        (true, _) => ("rounds", "an analysis after earlier rounds needs their checkpoints"),
        (_, true) => ("measure", "the subspace of training needs the checkpoints of all rounds"),
        (false, false) => return None,
    };
    let problem = Problem::new(Location::Value(path.join(key)), title)
        .label("only the latest are kept")
        .help("set `keep = \"all\"` in `[checkpoints]`".to_owned());
    Some(problem)
}
