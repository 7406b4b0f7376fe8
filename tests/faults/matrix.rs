//! Every kind of file of a run folder with every damage, for a finished and for an interrupted run, read by `verify`, `compare`, `analyze` and
//! `resume`: the damage is named with file and line and everything stays as it was, or the run is made whole, to the same bytes, or the answer
//! is the undamaged run's. Nothing is silently wrong, and no refused command loses what was there.
//!
//! * `damage`: what can happen to a file.
//! * `runs`: the run folders.
//! * `judge`: what a command made of it.
//! * `table`: how often; `docs/reliability.md` has it.

mod damage;
mod judge;
mod runs;
mod table;

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use self::{
    damage::{ALL, Others},
    judge::{Try, Undamaged},
    runs::{Runs, State, copy_of},
    table::Counts,
};
use crate::page::hold;

/// The folders of the plan whose files are damaged, and of the other one.
const PLANS: (&str, &str) = ("lr-0.1", "lr-0.05");

#[test]
fn every_damage_to_every_file_is_named_or_healed_and_none_loses_what_was_there() {
    let runs = Runs::make();
    let (mut counts, mut wrong) = (Counts::default(), Vec::new());
    for state in [State::Finished, State::Interrupted] {
        try_all(&runs, state, &mut counts, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} outcomes must not be:\n{}", wrong.len(), wrong.join("\n"));
    if only().is_some() {
        println!("{}", counts.table());
        return;
    }
    hold("matrix", &format!("{}\n\n{}", counts.sentence(), counts.table()));
}

/// The one file that is damaged, where `FEDLAYER_MATRIX` names a part of its path.
fn only() -> Option<String> {
    std::env::var("FEDLAYER_MATRIX").ok()
}

/// Tries every damage to every file in one state of the run, on all cores.
fn try_all(runs: &Runs, state: State, counts: &mut Counts, wrong: &mut Vec<String>) {
    let undamaged = Undamaged::of(state, runs);
    let (other, own) = (runs.other(), runs.of(state));
    // Files that only a finished run has could be put into one that is not.
    let names_of = |state| copy_of(&runs.of(state)).files("run").into_keys();
    let mut names: BTreeSet<String> = names_of(state).chain(names_of(State::Finished)).collect();
    let is_wanted = |name: &str| only().is_none_or(|only| name.contains(&only));
    names.retain(|name| !name.starts_with(PLANS.1) && is_wanted(name));
    let tries: Vec<_> = names.iter().flat_map(|name| ALL.map(|damage| (name, damage))).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new((counts, wrong)));
    let work = || {
        while let Some(&(name, damage)) = tries.get(next.fetch_add(1, Ordering::Relaxed)) {
            let others = Others { run: &other, own: &own };
            let Some(damaged) = damage.of(name, others) else { continue };
            let judged = Try { runs, state, undamaged: &undamaged, name, damaged }.judge();
            let mut found = found.lock().unwrap();
            for outcome in judged {
                match outcome {
                    Ok((reader, outcome)) => found.0.add(name, state, reader, outcome),
                    Err(fault) => {
                        let fault = format!("{state:?} run, `{name}` {damage:?}: {fault}");
                        found.1.push(fault);
                    }
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}
