//! How a new run begins: whatever can fail fails before its folder is made.

use std::{path::Path, sync::Arc, thread};

use fedlayer_core::Plan;
use fedlayer_runtime::TrainerFactory;

use crate::{
    exit::{Cause, Failure, run_reason},
    input_files::{InputsNote, ambiguities},
    run_folder::{Beginning, RunFolder},
    run_note::RunNote,
    screen::Screen,
    trainers::Trainers,
};

/// Where a run goes that is not told where.
const RUNS: &str = "runs";

/// A new run that needs nothing more but its folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRun<'a> {
    /// The scenario file.
    pub(crate) scenario: &'a Path,
    /// The scenario's text, with `--set` applied.
    pub(crate) text: &'a str,
    /// The folder that `--out` names.
    pub(crate) out: Option<&'a Path>,
    /// The note on the run.
    pub(crate) note: &'a RunNote,
}

/// Reads the data of every plan.
///
/// # Errors
/// When that of one cannot be had.
pub(crate) fn read_data(trainers: &Trainers, plans: &[Plan]) -> Result<(), Failure> {
    plans.iter().try_for_each(|plan| trainers.data(plan).map(drop).map_err(Failure::Data))
}

/// Makes a trainer, as the workers will. One that can be made is enough: of a sweep, some networks may be impossible and the others be run.
///
/// # Errors
/// When no plan has a trainer that can be made, with the reason for each.
pub(crate) fn try_out(trainers: &Arc<Trainers>, plans: &[Plan]) -> Result<(), Failure> {
    let mut tried: Vec<(&Plan, String)> = Vec::new();
    let mut reasons = Vec::new();
    for plan in plans {
        let alike = |(known, _): &&(&Plan, String)| {
            (&known.model, &known.initial) == (&plan.model, &plan.initial)
        };
        let reason = match tried.iter().find(alike) {
            Some((_, reason)) => reason.clone(),
            None => match make_trainer(trainers, plan) {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            },
        };
        reasons.push(run_reason(&plan.title(), plan.seed, &reason));
        tried.push((plan, reason));
    }
    Err(Failure::Run {
        failed: plans.len(),
        plans: plans.len(),
        reasons: reasons.join("\n"),
        folder: RUNS.into(),
        cause: Cause::Start,
    })
}

/// Makes a trainer on a thread of its own, as a worker has one, and drops it.
fn make_trainer(trainers: &Arc<Trainers>, plan: &Plan) -> Result<(), String> {
    let make = || {
        trainers.enter_thread();
        trainers.trainer(plan).map(drop)
    };
    thread::scope(|scope| scope.spawn(make).join())
        .unwrap_or_else(|_| Err("a fault of fedlayer: its trainer broke".to_owned()))
}

impl NewRun<'_> {
    /// Notes the files that the run was made from, warns of names with two meanings, and makes the folder.
    ///
    /// # Errors
    /// When a file cannot be read, the folder is there already, or it cannot be made. Nothing is left behind then.
    pub(crate) fn folder(self, trainers: &Trainers, screen: &Screen) -> Result<RunFolder, Failure> {
        let locator = trainers.locator();
        ambiguities(locator).iter().for_each(|warning| screen.talk(warning));
        let inputs = InputsNote::of(self.scenario, locator)?;
        let beginning = Beginning { scenario: self.text, note: self.note, inputs: &inputs };
        match self.out {
            Some(path) => RunFolder::create(path.to_owned(), beginning),
            None => RunFolder::create_below(Path::new(RUNS), &self.note.scenario, beginning),
        }
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::spec::ModelSpec;
    use fedlayer_torch::Device;

    use super::*;
    use crate::{data::Data, folders::Folders, scenario};

    #[test]
    fn one_network_that_can_be_made_is_enough_to_begin() {
        let data = Data::new(Folders::new(None));
        let (path, text) = (Path::new("x.toml"), fedlayer_scenario::example());
        let read = scenario::read_text(path, text, &[], &data, &Screen::silent()).unwrap();
        let good = read.plans[0].clone();
        let bad = Plan { model: ModelSpec::Torchscript("nowhere.pt".to_owned()), ..good.clone() };
        let trainers = Arc::new(Trainers::new(Device::Cpu, data));
        assert!(try_out(&trainers, &[bad.clone(), good]).is_ok());
        let failure = try_out(&trainers, &[bad.clone(), bad]).unwrap_err();
        assert_eq!(failure.code(), 9);
        let words = failure.to_string();
        assert!(words.contains("2 of 2 runs failed") && words.contains("nowhere.pt"), "{words}");
        assert!(words.contains("no run folder is left"), "{words}");
    }
}
