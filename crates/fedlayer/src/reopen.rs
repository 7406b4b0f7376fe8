//! [`Reopened`]: an existing run, read and checked before anything in it is changed.

use std::path::{Path, PathBuf};

use fedlayer_core::Plan;
use fedlayer_scenario::{Setting, ValidScenario};

use crate::{
    data::Data,
    exit::Failure,
    files,
    folders::Folders,
    run_folder::{
        self, RunFolder,
        inputs_note::{InputsNote, SearchOrder},
        note::{PlanNote, RunNote, says},
    },
    scenario,
    screen::Screen,
    verify::{self, Cure, Depth},
};

/// An existing run folder with its scenario and its data.
pub(crate) struct Reopened {
    pub(crate) folder: RunFolder,
    /// The note that the last process left.
    pub(crate) before: RunNote,
    /// The run's input files, then and now; a run of an earlier version has none.
    pub(crate) inputs: Option<InputsNote>,
    pub(crate) data: Data,
    pub(crate) read: ValidScenario,
}

/// How `resume` treats damaged checkpoints and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The damage ends the resume, and nothing is changed.
    Refused,
    /// The rounds are recomputed from the last checkpoint before the damage: `--previous`.
    ComputedAnew,
}

impl Damage {
    /// Returns the treatment that `--previous` asks for.
    pub(crate) fn of(previous: bool) -> Self {
        if previous { Self::ComputedAnew } else { Self::Refused }
    }
}

impl Reopened {
    /// Opens a run folder, locks it and checks it, without changing it. `option` is `--data`.
    ///
    /// # Errors
    /// When there is no run, another process has locked it, one of its files is damaged, or an
    /// input file has changed or is gone.
    pub(crate) fn open(
        run: &Path,
        option: Option<&Path>,
        settings: &[Setting],
        damage: Damage,
        screen: &Screen,
    ) -> Result<Self, Failure> {
        let folder = RunFolder::open(run.to_owned())?;
        let mut before = checked(&folder, damage, screen)?;
        let (data, inputs) = data_of(run, &before, option)?;
        if let Some(option) = option {
            before.data = Some(files::absolute(option)?);
        }
        let (path, text) = folder.scenario()?;
        let read = scenario::read_text(&path, &text, settings, &data, screen)?;
        if !settings.is_empty() {
            check_settings(&path, &read.text, &before)?;
        }
        check_plans(run, &read.plans, &before)?;
        Ok(Self { folder, before, inputs, data, read })
    }
}

/// Checks every file that a run continues from or prints, and returns the run's note. Faults that
/// change no result, or mend themselves, are printed as warnings.
///
/// # Errors
/// When something is damaged. Nothing in the run has been changed then.
pub(crate) fn checked(
    folder: &RunFolder,
    damage: Damage,
    screen: &Screen,
) -> Result<RunNote, Failure> {
    let found = verify::check(folder.path(), Depth::Everything, |_, _| {})?;
    found.refuse(
        folder.path(),
        match damage {
            Damage::Refused => Cure::Previous,
            Damage::ComputedAnew => Cure::Restore,
        },
    )?;
    for fault in &found.faults {
        let then = match fault.cure {
            Cure::Nothing | Cure::Restore => "",
            Cure::Resume => "; it is made anew",
            Cure::Previous => "; its rounds are computed anew",
        };
        screen.talk(&format!("warning: {fault}{then}"));
    }
    found.say_changed_text(screen);
    folder.note()
}

/// Checks that `--set` leaves the plans of a run as they are.
fn check_settings(path: &Path, text: &str, before: &RunNote) -> Result<(), Failure> {
    let Some(provenance) = &before.provenance else { return Ok(()) };
    let now = says(text).map_err(Failure::Scenario)?;
    let differ = verify::differences(&provenance.scenario_says, &now);
    let words = differ
        .iter()
        .map(|difference| format!("`{}` would change with `--set`: {difference}", path.display()));
    let words: Vec<String> = words.collect();
    match words.is_empty() {
        true => Ok(()),
        false => Err(Failure::Faults(format!(
            "{}\nhint: leave `--set` out; a changed scenario is a new run, in another folder",
            words.join("\n")
        ))),
    }
}

/// Checks that the scenario has the plans that the run began with.
pub(crate) fn check_plans(run: &Path, plans: &[Plan], before: &RunNote) -> Result<(), Failure> {
    let Some(provenance) = &before.provenance else { return Ok(()) };
    let is_other = |(plan, then): (&Plan, &PlanNote)| -> Result<bool, Failure> {
        Ok(plan.folder() != then.folder || !then.blake3.matches(plan)?)
    };
    let changed = plans.iter().zip(&provenance.plans).find_map(|(plan, then)| {
        is_other((plan, then)).map(|is_other| is_other.then_some(plan)).transpose()
    });
    let reason = match (changed.transpose()?, plans.len() == provenance.plans.len()) {
        (None, true) => return Ok(()),
        (None, false) => format!("{} plans then, {} now", provenance.plans.len(), plans.len()),
        (Some(plan), _) => format!("the plan `{}`, seed {} has changed", plan.title(), plan.seed),
    };
    Err(Failure::Faults(format!(
        "the scenario in `{}` is as it was when the run began, and has other plans now: {reason}\nhint: go on with the version of fedlayer that began it ({}), or begin a new run in another folder",
        run.display(),
        before.fedlayer
    )))
}

/// Opens the data of an existing run. Its files are searched for at their noted paths; with
/// `--data`, only in the folders. In both cases each file must have its noted contents. `before` is
/// the run's note.
pub(crate) fn data_of(
    run: &Path,
    before: &RunNote,
    option: Option<&Path>,
) -> Result<(Data, Option<InputsNote>), Failure> {
    let (folders, search) = match option {
        Some(_) => (Folders::existing(option)?, SearchOrder::InFolders),
        None => (Folders::new(before.data.as_deref()), SearchOrder::WhereTheyWere),
    };
    data_in(run, before, folders, search)
}

/// Opens the data of an existing run, as [`data_of`] does, by a given search order.
pub(crate) fn data_in(
    run: &Path,
    before: &RunNote,
    folders: Folders,
    search: SearchOrder,
) -> Result<(Data, Option<InputsNote>), Failure> {
    let Some(inputs) = run_folder::read_inputs(run, before)? else {
        return Ok((Data::new(folders), None));
    };
    let folders = folders.else_beside(&inputs.scenario);
    let now = inputs.still(run, &folders, search)?;
    Ok((Data::with_known(folders, now.paths()), Some(now)))
}

/// Returns the absolute path.
pub(crate) fn absolute(path: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    Ok(path.map(files::absolute).transpose()?)
}
