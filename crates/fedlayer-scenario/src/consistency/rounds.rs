//! The rounds of schedules can be parsed, and each is in at most one entry. They may go beyond the
//! last round, so that a shorter run can be tried.

use fedlayer_core::{
    round::RoundRange,
    spec::{Average, ScheduleEntry},
};

use crate::{
    Scenario,
    phrasing::{backticked, shortened},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

pub(super) fn check(scenario: &Scenario) -> Vec<Problem> {
    let strategies = scenario.strategy.iter().enumerate();
    let problems = strategies.flat_map(|(index, strategy)| match &strategy.average {
        Average::Schedule(entries) => {
            let list = KeyPath::from("strategy").join(index).join("average");
            check_entries(&list, entries)
        }
        Average::Always(_) => Vec::new(),
    });
    problems.collect()
}

fn check_entries(list: &KeyPath, entries: &[ScheduleEntry]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut earlier: Vec<(usize, RoundRange)> = Vec::new();
    let at = |index: usize| Location::Value(list.join(index).join("rounds"));
    for (index, entry) in entries.iter().enumerate() {
        let text = &entry.rounds;
        let rounds = match RoundRange::parse(text) {
            Ok(rounds) => rounds,
            Err(reason) => {
                let title = format!("{} cannot be read as rounds", backticked(text));
                problems
                    .push(Problem::new(at(index), title).label(allowed_part(&reason.to_string())));
                continue;
            }
        };
        if let Some((other, _)) = earlier.iter().find(|(_, other)| other.overlaps(&rounds)) {
            let problem =
                Problem::new(at(index), "two entries of a schedule contain the same round")
                    .label(format!("{} overlaps with an earlier entry", backticked(text)))
                    .also(at(*other), "the earlier entry")
                    .help("put each round into at most one entry".to_owned());
            problems.push(problem);
        }
        earlier.push((index, rounds));
    }
    problems
}

/// Returns the part of a reason that says what is allowed. The title already says what was found.
fn allowed_part(reason: &str) -> String {
    match reason.split_once("; ") {
        Some((_, allowed)) => allowed.to_owned(),
        None => shortened(reason),
    }
}
