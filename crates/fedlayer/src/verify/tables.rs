//! Checks the tables of a run against the checksums in `run.json`.

use std::path::Path;

use super::{Cure, Fault, Findings};
use crate::{
    files::{self, Content},
    run_folder::{
        DATA, SUMMARY, SWEEP,
        note::{RunNote, RunState},
    },
};

/// Checks `summary.json`, `sweep.csv` and `data.json`, unless a process is running.
pub(super) fn check(run: &Path, note: &RunNote, found: &mut Findings) {
    if note.state == RunState::Running {
        return;
    }
    for name in [SUMMARY, SWEEP, DATA] {
        let path = run.join(name);
        let Some(expected) = note.files.get(name) else { continue };
        if !files::exists(&path) {
            found.add(Fault::absent(path, Cure::Resume));
            continue;
        }
        match Content::of(&path) {
            Ok(now) if now == *expected => {}
            Ok(now) => {
                let reason = format!("{expected} were written, it has {now} now");
                found.add(Fault::damaged(path, reason, Cure::Resume));
            }
            Err(error) => found.add(Fault::unreadable(&error.into(), Cure::Resume)),
        }
    }
}
