//! The outcomes as the table of `docs/reliability.md`.

use std::collections::BTreeMap;

use super::{
    judge::{Outcome, READERS, Reader},
    runs::State,
};

/// How often each outcome was seen, by the kind of file, the state of the run and the command.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<String, BTreeMap<(bool, Reader), Tally>>);

type Tally = BTreeMap<Outcome, usize>;

impl Counts {
    pub(super) fn add(&mut self, name: &str, state: State, reader: Reader, outcome: Outcome) {
        let cells = self.0.entry(kind(name)).or_default();
        let cell = cells.entry((state == State::Interrupted, reader)).or_default();
        *cell.entry(outcome).or_default() += 1;
    }

    /// All tries, and how many of them ended with an outcome.
    pub(super) fn sentence(&self) -> String {
        let cells = || self.0.values().flat_map(BTreeMap::values).flatten();
        let all: usize = cells().map(|(_, count)| count).sum();
        let of = |outcome: Outcome| -> usize {
            cells().filter(|(found, _)| **found == outcome).map(|(_, count)| count).sum()
        };
        let outcomes = [Outcome::Named, Outcome::Warned, Outcome::Healed, Outcome::Unharmed];
        let counts = outcomes.map(|outcome| format!("{} {}", of(outcome), outcome.word()));
        format!("{all} answers: {}, 0 wrong", counts.join(", "))
    }

    /// A row a kind of file, a column a command.
    pub(super) fn table(&self) -> String {
        let states = [(false, "finished"), (true, "interrupted")];
        let columns =
            states.map(|(_, word)| READERS.map(|reader| format!("{word}: `{}`", reader.word())));
        let mut text = format!("| file | {} |\n", columns.concat().join(" | "));
        text.push_str(&format!("|---|{}\n", "---|".repeat(2 * READERS.len())));
        for (kind, cells) in &self.0 {
            let cell = |state: bool, reader: Reader| {
                let counts = cells.get(&(state, reader)).into_iter().flatten();
                let counts: Vec<_> =
                    counts.map(|(outcome, count)| format!("{count} {}", outcome.word())).collect();
                counts.join(", ")
            };
            let row = states.map(|(state, _)| READERS.map(|reader| cell(state, reader)));
            text.push_str(&format!("| {kind} | {} |\n", row.concat().join(" | ")));
        }
        text
    }
}

/// What a file of a run folder is called in the table: its name without the plan's folder and the round.
fn kind(name: &str) -> String {
    let name = name.strip_prefix(super::PLANS.0).unwrap_or(name).trim_start_matches('/');
    match name.split_once("round-") {
        Some((folder, rest)) => format!("`{folder}round-{}`", rest.trim_start_matches('0')),
        None => format!("`{name}`"),
    }
}
