//! Checks the files of a run folder against their checksums, for `fedlayer verify` and for every
//! command that reads a run.
//!
//! * `fault`: a fault of a file, and how it is mended.
//! * `scenario`: compares `scenario.toml` with the scenario that the run began with.
//! * `plan`: checks a plan's checkpoints, and which of them vouches for the records.
//! * `records`: checks a plan's record files, line by line if one has changed.
//! * `tables`: checks `summary.json`, `sweep.csv` and `data.json`.
//! * `analyses`: checks the files of analyses.
//! * `folders`: finds the plans' folders, and folders that belong to no plan.
//! * `command`: `fedlayer verify`.
//!
//! Every file has one voucher: `run.json`, `inputs.json`, checkpoints and the questions of analyses
//! carry checksums of their own; a checkpoint vouches for the records up to it, `run.json` for the
//! scenario and the tables, the question of an analysis for its results.

mod analyses;
mod command;
mod fault;
mod folders;
mod plan;
mod records;
mod scenario;
mod tables;

use std::path::Path;

pub(crate) use self::{
    command::verify as command,
    fault::{Cure, Fault},
    plan::{committed, last_whole},
    scenario::{differences, provenance},
};
use crate::{
    exit::Failure,
    run_folder::{
        INPUTS, NOTE, RunFolder, SCENARIO,
        format::FolderFormat,
        note::{RunNote, RunState},
        plan_folder::PlanFolder,
        read_inputs, read_note,
    },
    screen::Screen,
};

/// The extent of a check; each value includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// The notes, the scenario, every plan's latest checkpoint and its records.
    Records,
    /// The tables of the records.
    Tables,
    /// Timings, analyses, older checkpoints.
    Everything,
}

/// The result of a check.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The faults that were found.
    pub(crate) faults: Vec<Fault>,
    /// Notes that are not faults.
    pub(crate) notes: Vec<String>,
    /// A note that the text of the scenario has changed and its plans have not.
    pub(crate) changed_text: Option<String>,
    /// The number of committed rounds of all plans.
    pub(crate) rounds: u64,
    /// The number of plans.
    pub(crate) plans: usize,
}

impl Findings {
    /// Adds a fault.
    fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Ends `fedlayer verify`.
    ///
    /// # Errors
    /// When there is a fault.
    fn end(&self, run: &Path) -> Result<(), Failure> {
        let Some(cure) = self.faults.iter().map(|fault| fault.cure).max() else { return Ok(()) };
        let (count, hint) = (self.faults.len(), cure.hint(run));
        let faults = if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") };
        Err(Failure::Faults(format!("{faults} in `{}`\nhint: {hint}", run.display())))
    }

    /// Ends a command that reads the run if some fault needs `cure` or a harder one; names all such
    /// faults.
    ///
    /// # Errors
    /// When there is such a fault.
    pub(crate) fn refuse(&self, run: &Path, cure: Cure) -> Result<(), Failure> {
        let faults: Vec<&Fault> = self.faults.iter().filter(|fault| fault.cure >= cure).collect();
        let Some(worst) = faults.iter().map(|fault| fault.cure).max() else { return Ok(()) };
        let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Err(Failure::Faults(format!("{}\nhint: {}", words.join("\n"), worst.hint(run))))
    }

    /// Ends a command that mends nothing, as [`refuse`](Self::refuse) does; faults on which no
    /// result depends are only printed.
    ///
    /// # Errors
    /// When a result depends on a fault.
    pub(crate) fn demand(&self, run: &Path, screen: &Screen) -> Result<(), Failure> {
        self.refuse(run, Cure::Resume)?;
        self.faults.iter().for_each(|fault| screen.talk(&format!("warning: {fault}")));
        self.say_changed_text(screen);
        Ok(())
    }

    /// Prints the note that the text of the scenario has changed, if there is one.
    pub(crate) fn say_changed_text(&self, screen: &Screen) {
        self.changed_text.iter().for_each(|note| screen.talk(&format!("note: {note}")));
    }

    /// Adds the fault that a failure of a reader describes.
    fn add_damage(&mut self, failure: Failure, cure: Cure) {
        match failure {
            Failure::Damaged { path, reason } => self.add(Fault::damaged(path, reason, cure)),
            failure => self.faults.push(Fault::unreadable(&failure, cure)),
        }
    }
}

/// Checks a run folder in any state, without writing anything. `shown` is called after each plan
/// with the number of checked plans and of all plans.
///
/// # Errors
/// When there is no run folder, or a later version wrote it. Faults of its files are in the
/// findings.
pub(crate) fn check(
    run: &Path,
    depth: Depth,
    mut shown: impl FnMut(usize, usize),
) -> Result<Findings, Failure> {
    if !RunFolder::is_one(run) {
        return Err(Failure::NoRun(run.to_owned()));
    }
    FolderFormat::of(run)?;
    let mut found = Findings::default();
    let note = match read_note(run) {
        Ok(note) => Some(note),
        Err(failure) => {
            found.add_damage(failure, Cure::Restore);
            None
        }
    };
    if let Some(note) = &note {
        check_origin(run, note, &mut found);
    }
    let plans = folders::plans(run, note.as_ref(), &mut found);
    found.plans = plans.len();
    for (index, known) in plans.iter().enumerate() {
        let folder = PlanFolder::at(run.join(&known.folder));
        plan::check(&folder, known, depth, &mut found);
        shown(index + 1, plans.len());
    }
    if let Some(note) = &note {
        if depth >= Depth::Tables {
            tables::check(run, note, &mut found);
        }
        if depth >= Depth::Everything {
            analyses::check(run, note, &mut found);
        }
        say_state(note, &mut found);
    }
    Ok(found)
}

/// Checks the scenario and the note on the input files.
fn check_origin(run: &Path, note: &RunNote, found: &mut Findings) {
    match &note.provenance {
        None => found.notes.push(format!(
            "`{}` was written by an earlier version: it carries no checksums of its scenario and its records",
            run.join(NOTE).display()
        )),
        Some(provenance) => scenario::check(&run.join(SCENARIO), provenance, found),
    }
    if let Err(failure) = read_inputs(run, note) {
        match crate::files::exists(&run.join(INPUTS)) {
            true => found.add_damage(failure, Cure::Restore),
            false => found.add(Fault::absent(run.join(INPUTS), Cure::Restore)),
        }
    }
}

fn say_state(note: &RunNote, found: &mut Findings) {
    let words = match note.state {
        RunState::Finished => return,
        RunState::Running => "a process is working on it, or was killed",
        RunState::Interrupted => "it was interrupted",
        RunState::Failed => "some of its plans failed",
    };
    found.notes.push(format!(
        "the run is not finished ({words}): it is checked up to the last checkpoint of each plan"
    ));
}
