//! Counts the outcomes as the table of `docs/reliability.md`.

use std::collections::BTreeMap;

use super::{
    judge::{READERS, Reader, ReaderOutcome},
    runs::RunState,
};

/// The number of each outcome, by kind of file, state of the run and command.
#[derive(Debug, Default)]
pub(super) struct OutcomeCounts(BTreeMap<String, BTreeMap<(bool, Reader), Tally>>);

type Tally = BTreeMap<ReaderOutcome, usize>;

impl OutcomeCounts {
    pub(super) fn add(
        &mut self,
        name: &str,
        state: RunState,
        reader: Reader,
        outcome: ReaderOutcome,
    ) {
        let cells = self.0.entry(kind(name)).or_default();
        let cell = cells.entry((state == RunState::Interrupted, reader)).or_default();
        *cell.entry(outcome).or_default() += 1;
    }

    /// Returns a sentence with the number of all answers and of each outcome.
    pub(super) fn sentence(&self) -> String {
        let cells = || self.0.values().flat_map(BTreeMap::values).flatten();
        let all: usize = cells().map(|(_, count)| count).sum();
        let of = |outcome: ReaderOutcome| -> usize {
            cells().filter(|(found, _)| **found == outcome).map(|(_, count)| count).sum()
        };
        let outcomes = [
            ReaderOutcome::Named,
            ReaderOutcome::Warned,
            ReaderOutcome::Healed,
            ReaderOutcome::Unharmed,
        ];
        let counts = outcomes.map(|outcome| format!("{} {}", of(outcome), outcome.word()));
        format!("{all} answers: {}, 0 wrong", counts.join(", "))
    }

    /// Returns a table with a row per kind of file and a column per command.
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

/// Returns the name of a file in the table, without the plan's folder and without leading zeros.
fn kind(name: &str) -> String {
    let name = name.strip_prefix(super::PLANS.0).unwrap_or(name).trim_start_matches('/');
    match name.split_once("round-") {
        Some((folder, rest)) => format!("`{folder}round-{}`", rest.trim_start_matches('0')),
        None => format!("`{name}`"),
    }
}
