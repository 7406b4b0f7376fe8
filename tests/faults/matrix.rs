//! Every damage to every file of a run folder, for a finished and an interrupted run.
//!
//! `verify`, `compare`, `analyze` and `resume` read the damaged folder. Each must name the file and
//! the line and change nothing, or restore the bytes of the run, or give the answer of the
//! undamaged run. None may be silently wrong, and no refused command may lose data.
//!
//! * `damage`: the damages.
//! * `runs`: the run folders.
//! * `judge`: checks the answer of a command.
//! * `table`: the counts of all answers, for `docs/reliability.md`.

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
    damage::{ALL, OtherFiles},
    judge::{DamageTrial, Undamaged},
    runs::{RunFolders, RunState, copy_of},
    table::OutcomeCounts,
};
use crate::reliability_page::assert_page;

/// The folder of the plan that is damaged, and that of the other plan.
const PLANS: (&str, &str) = ("lr-0.1", "lr-0.05");

#[test]
fn every_damage_to_every_file_is_named_or_healed_and_none_loses_what_was_there() {
    let runs = RunFolders::make();
    let (mut counts, mut wrong) = (OutcomeCounts::default(), Vec::new());
    for state in [RunState::Finished, RunState::Interrupted] {
        try_all(&runs, state, &mut counts, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} outcomes must not be:\n{}", wrong.len(), wrong.join("\n"));
    if only().is_some() {
        println!("{}", counts.table());
        return;
    }
    assert_page("matrix", &format!("{}\n\n{}", counts.sentence(), counts.table()));
}

/// Returns the part of a path that `FEDLAYER_MATRIX` gives, to damage only matching files.
fn only() -> Option<String> {
    std::env::var("FEDLAYER_MATRIX").ok()
}

/// Tries every damage to every file of a run in one state, on all cores.
fn try_all(
    runs: &RunFolders,
    state: RunState,
    counts: &mut OutcomeCounts,
    wrong: &mut Vec<String>,
) {
    let undamaged = Undamaged::of(state, runs);
    let (other, own) = (runs.other(), runs.of(state));
    // Files of a finished run are also put into an interrupted one.
    let names_of = |state| copy_of(&runs.of(state)).files("run").into_keys();
    let mut names: BTreeSet<String> = names_of(state).chain(names_of(RunState::Finished)).collect();
    let is_wanted = |name: &str| only().is_none_or(|only| name.contains(&only));
    names.retain(|name| !name.starts_with(PLANS.1) && is_wanted(name));
    let tries: Vec<_> = names.iter().flat_map(|name| ALL.map(|damage| (name, damage))).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new((counts, wrong)));
    let work = || {
        while let Some(&(name, damage)) = tries.get(next.fetch_add(1, Ordering::Relaxed)) {
            let others = OtherFiles { run: &other, own: &own };
            let Some(damaged) = damage.of(name, others) else { continue };
            let judged = DamageTrial { runs, state, undamaged: &undamaged, name, damaged }.judge();
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
