//! The rounds of schedules: readable, within the run, and each in one entry at most.

use fedlayer_core::{
    Rounds,
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
            check_entries(&list, entries, scenario.rounds)
        }
        Average::Always(_) => Vec::new(),
    });
    problems.collect()
}

fn check_entries(list: &Path, entries: &[ScheduleEntry], end: u32) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut earlier: Vec<(usize, Rounds)> = Vec::new();
    let at = |index: usize| At::Value(list.join(index).join("rounds"));
    for (index, entry) in entries.iter().enumerate() {
        let text = &entry.rounds;
        let rounds = match Rounds::parse(text) {
            Ok(rounds) => rounds,
            Err(reason) => {
                let title = format!("{} cannot be read as rounds", name(text));
                problems.push(Problem::new(at(index), title).label(cut_reason(&reason)));
                continue;
            }
        };
        let last = rounds.last.unwrap_or(end);
        if rounds.first > end || last > end {
            let problem = Problem::new(at(index), "the schedule goes beyond the last round")
                .label(format!("found {}", name(text)))
                .also(At::Value(Path::from("rounds")), "the number of rounds")
                .help(open_end(rounds.first, end));
            problems.push(problem);
        }
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

fn open_end(first: u32, end: u32) -> String {
    match first > end {
        true => format!("the run has rounds 1 to {end}: leave the entry out, or raise `rounds`"),
        false => format!("write `{first}-` for all rounds up to the last, or raise `rounds`"),
    }
}
