//! `fedlayer verify`: lists every fault of a run, file by file.

use std::time::Instant;

use serde::Serialize;

use super::{Depth, Fault, Findings, check};
use crate::{args::VerifyArgs, exit::Failure, progress::Ticker, screen::Screen};

/// Runs `fedlayer verify`. It writes nothing and needs no lock.
pub(crate) fn verify(args: &VerifyArgs, screen: &Screen) -> Result<(), Failure> {
    let began = Instant::now();
    let mut ticker = Ticker::default();
    let bar = screen.bar(0, 0);
    let found = check(&args.run, Depth::Everything, |done, plans| {
        bar.set_length(plans as u64);
        bar.set_position(done as u64);
        bar.set_message(&format!("{done} of {plans} plans checked"));
        if bar.is_hidden() && ticker.due(began.elapsed()) {
            screen.talk(&format!("{done} of {plans} plans checked"));
        }
    });
    bar.finish_and_clear();
    let found = found?;
    found.say_changed_text(screen);
    found.notes.iter().for_each(|note| screen.talk(&format!("note: {note}")));
    screen.data(&if args.json { as_json(&found)? } else { as_text(&found) })?;
    found.end(&args.run)
}

fn as_text(found: &Findings) -> String {
    match found.faults.is_empty() {
        true => {
            let Findings { rounds, plans, .. } = found;
            format!("whole: {plans} plans, {rounds} committed rounds\n")
        }
        false => found.faults.iter().map(|fault| format!("{fault}\n")).collect(),
    }
}

/// The JSON output.
#[derive(Serialize)]
struct Printed<'a> {
    faults: &'a [Fault],
    notes: Vec<&'a String>,
    plans: usize,
    rounds: u64,
}

fn as_json(found: &Findings) -> Result<String, Failure> {
    let notes = found.changed_text.iter().chain(&found.notes).collect();
    let Findings { faults, plans, rounds, .. } = found;
    let printed = Printed { faults, notes, plans: *plans, rounds: *rounds };
    Ok(format!("{}\n", serde_json::to_string_pretty(&printed)?))
}
