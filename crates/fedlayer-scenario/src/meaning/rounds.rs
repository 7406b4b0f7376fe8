//! The rounds of schedules: readable, and each in one entry at most. They may go beyond the last round, so that fewer rounds can be tried.

use fedlayer_core::{
    RoundRange,
    spec::{Average, ScheduleEntry},
};

use crate::{
    Scenario,
    problem::{At, Problem},
    tree::Path,
    words::{cut, name},
};

pub(super) fn check(scenario: &Scenario) -> Vec<Problem> {
    let strategies = scenario.strategy.iter().enumerate();
    let problems = strategies.flat_map(|(index, strategy)| match &strategy.average {
        Average::Schedule(entries) => {
            let list = Path::from("strategy").join(index).join("average");
            check_entries(&list, entries)
        }
        Average::Always(_) => Vec::new(),
    });
    problems.collect()
}

fn check_entries(list: &Path, entries: &[ScheduleEntry]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut earlier: Vec<(usize, RoundRange)> = Vec::new();
    let at = |index: usize| At::Value(list.join(index).join("rounds"));
    for (index, entry) in entries.iter().enumerate() {
        let text = &entry.rounds;
        let rounds = match RoundRange::parse(text) {
            Ok(rounds) => rounds,
            Err(reason) => {
                let title = format!("{} cannot be read as rounds", name(text));
                problems
                    .push(Problem::new(at(index), title).label(cut_reason(&reason.to_string())));
                continue;
            }
        };
        if let Some((other, _)) = earlier.iter().find(|(_, other)| other.overlaps(&rounds)) {
            let problem = Problem::new(at(index), "two entries of a schedule name the same round")
                .label(format!("{} overlaps", name(text)))
                .also(at(*other), "with this")
                .help("give every round to one entry at most".to_owned());
            problems.push(problem);
        }
        earlier.push((index, rounds));
    }
    problems
}

/// The part of a reason that says what is allowed; what was found stands in the title.
fn cut_reason(reason: &str) -> String {
    match reason.split_once("; ") {
        Some((_, allowed)) => allowed.to_owned(),
        None => cut(reason),
    }
}
