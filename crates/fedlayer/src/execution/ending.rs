//! The end of a run: its note, and the time that it took. A new run that kept nothing leaves no
//! folder.

use std::sync::Arc;

use fedlayer_core::Plan;

use super::{ScenarioRun, outcome::RoundsOutcome};
use crate::{
    exit::{Cause, Failure},
    inventory,
    run_folder::note::{RunNote, RunState},
    screen::Screen,
};

impl ScenarioRun {
    /// Notes how the run ended, and says how long it took. Removes the folder of a run that kept
    /// nothing.
    pub(super) fn note_end(
        &self,
        rounds: &RoundsOutcome,
        note: RunNote,
        was_complete: bool,
        screen: &Screen,
    ) -> Result<(), Failure> {
        match &rounds.ended {
            Err(Failure::Run { cause: Cause::Start, .. }) => {
                self.folder.discard();
                return Ok(());
            }
            Err(Failure::Run { cause: Cause::Moved, .. }) => return Ok(()),
            _ => {}
        }
        if note.state != RunState::Interrupted {
            let folder = self.folder.path().display();
            screen.talk(&format!("{}; records in {folder}", self.spent(&note)));
        }
        self.write_note(note, was_complete)
    }

    /// Writes the note, with the length and hash of every file. A run that was finished before
    /// keeps what was noted of its records, and its whole note if nothing new was made.
    fn write_note(&self, mut note: RunNote, was_complete: bool) -> Result<(), Failure> {
        let before = self.resumed.as_ref().map(|resumed| &resumed.before);
        let before = before.filter(|_| was_complete);
        note.files = match before {
            Some(before) => before.files.clone(),
            None => inventory::records(self.folder.path(), &self.plans)?,
        };
        note.files.extend(inventory::results(self.folder.path(), &self.plans)?);
        let is_same = |before: &RunNote| {
            before.provenance.is_none()
                || (before.files == note.files && before.state == note.state)
        };
        if before.is_some_and(is_same) {
            return Ok(());
        }
        self.folder.write_note(&note)
    }

    /// Removes the folder of a new run that could not begin. One that the user ended while it
    /// waited for workers stays, noted as interrupted. A resumed run is not changed.
    pub(super) fn note_not_begun(&self, failure: &Failure, note: &RunNote) {
        if !matches!(failure, Failure::Interrupted(_)) {
            self.folder.discard();
        } else if self.folder.is_new() {
            let note = RunNote { state: RunState::Interrupted, ..note.clone() };
            // The user is told how to go on, whether or not the note could be written.
            let _noted = self.folder.write_note(&note);
        }
    }

    /// Returns whether a round of any plan is written.
    pub(super) fn has_rounds(&self) -> bool {
        let has_rounds = |plan: &Arc<Plan>| {
            self.folder.plan(plan).summary(plan).map_or(true, |row| row.rounds > 0)
        };
        self.plans.iter().any(has_rounds)
    }

    /// Says how long the run took: the rounds, and the analyses if there are any.
    fn spent(&self, note: &RunNote) -> String {
        let RunNote { seconds, training_seconds, analysis_seconds, .. } = note;
        match self.analyses.is_empty() {
            true => format!("{seconds:.1} s"),
            false => format!(
                "{training_seconds:.1} s of rounds, {analysis_seconds:.1} s of analyses: {seconds:.1} s"
            ),
        }
    }
}
