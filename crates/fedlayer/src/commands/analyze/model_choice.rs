//! [`ModelChoice`]: the models that `fedlayer analyze` is given, and the files that belong to them.

use std::path::{Path, PathBuf};

use fedlayer_core::{
    Plan,
    spec::{AnalysisSpec, GivenModels},
};
use fedlayer_torch::{Device, DeviceChoice};

use crate::{
    analyses::{ModelOrigin, Results},
    args::AnalyzeArgs,
    commands::device,
    data::Data,
    exit::Failure,
    files,
    folders::{Folders, locator::FileName},
    reopen::data_of,
    run_folder::{self, RunFolder, note::RunNote, plan_folder::PlanFolder},
    screen::Screen,
    verify::{self, Depth},
};

/// The models that are analysed, as the command line names them.
pub(super) enum ModelChoice {
    /// A run folder with undamaged records, and the note on the run.
    Run { folder: PathBuf, note: Box<RunNote> },
    /// Files or models of runs, and the scenario that describes them.
    Files { scenario: PathBuf },
}

impl ModelChoice {
    /// Reads the choice from the command line, and checks the run.
    pub(super) fn of(args: &AnalyzeArgs, screen: &Screen) -> Result<Self, Failure> {
        let choice = match (run_folder(args)?, &args.scenario) {
            (Some(run), None) => {
                verify::check(run, Depth::Records, |_, _| {})?.demand(run, screen)?;
                let note = Box::new(run_folder::read_note(run)?);
                Self::Run { folder: run.to_owned(), note }
            }
            (None, Some(scenario)) => Self::Files { scenario: scenario.clone() },
            (Some(_), Some(_)) => {
                return wrong("a run has its scenario in its folder; leave `--scenario` out");
            }
            (None, None) => {
                return wrong(
                    "files of models do not name their network and data: give their scenario with `--scenario`",
                );
            }
        };
        if choice.run().is_some() && args.initial.is_some() {
            return wrong("a run knows its initial model; leave `--initial` out");
        }
        Ok(choice)
    }

    /// Returns the run folder, if the models are those of a run.
    pub(super) fn run(&self) -> Option<&Path> {
        match self {
            Self::Run { folder, .. } => Some(folder),
            Self::Files { .. } => None,
        }
    }

    /// Returns the file of the scenario.
    pub(super) fn scenario(&self) -> PathBuf {
        match self {
            Self::Run { folder, .. } => run_folder::scenario_file(folder),
            Self::Files { scenario } => scenario.clone(),
        }
    }

    /// Opens the device: that of `--device`, else the one of the run, else the processor.
    pub(super) fn device(&self, args: &AnalyzeArgs) -> Result<Device, Failure> {
        device::open(match (args.compute.device, self) {
            (Some(choice), _) => choice,
            (None, Self::Run { note, .. }) => device::noted(note)?,
            (None, Self::Files { .. }) => DeviceChoice::Cpu,
        })
    }

    /// Finds the data of the run or of the scenario. Files of the command line are known by their
    /// paths from the current folder.
    pub(super) fn data(&self, args: &AnalyzeArgs) -> Result<Data, Failure> {
        let option = args.data.data.as_deref();
        match self {
            Self::Run { folder, note } => Ok(data_of(folder, note, option)?.0),
            Self::Files { scenario } => {
                let given = args.models.iter().chain(&args.initial);
                let here = given.filter(|path| files::length_if_any(path).is_some());
                let known = here.map(|path| (FileName::own(&path.to_string_lossy()), path.clone()));
                let folders = Folders::existing(option)?.beside(scenario);
                Ok(Data::with_known(folders, known.collect()))
            }
        }
    }

    /// Returns the origin of the models: the plan's checkpoints, or the files that are named.
    pub(super) fn origin(&self, spec: &AnalysisSpec, plan: &Plan) -> ModelOrigin {
        match (self, &spec.models) {
            (Self::Run { folder, .. }, None) => ModelOrigin::Run(PlanFolder::of(folder, plan)),
            (_, Some(models)) => ModelOrigin::Given(models.clone()),
            (Self::Files { .. }, None) => ModelOrigin::Given(GivenModels::Files(Vec::new())),
        }
    }

    /// Returns the folder for the results.
    pub(super) fn results(&self, args: &AnalyzeArgs, plan: &Plan) -> Results {
        match (&args.out, self.run(), &plan.variant) {
            (Some(folder), ..) => Results::in_folder(folder.clone()),
            (None, Some(run), Some(variant)) => Results::of(&run.join(&variant.folder)),
            (None, Some(run), None) => Results::of(run),
            (None, None, _) => Results::in_folder(PathBuf::from("analyses")),
        }
    }
}

/// Returns the run folder, if the command line names one.
fn run_folder(args: &AnalyzeArgs) -> Result<Option<&Path>, Failure> {
    match &args.models[..] {
        [run] if RunFolder::is_one(run) => Ok(Some(run)),
        [one] if files::is_folder(one) || (args.scenario.is_none() && is_nothing(one)) => {
            Err(Failure::NoRun(one.clone()))
        }
        [_] => wrong(
            "found one file; an analysis needs a run folder, or two or more files or models of runs",
        ),
        _ => Ok(None),
    }
}

/// Returns whether a path neither exists nor is the address of a model.
fn is_nothing(path: &Path) -> bool {
    !files::exists(path) && !path.to_string_lossy().contains(':')
}

fn wrong<T>(words: &str) -> Result<T, Failure> {
    Err(Failure::Models(words.to_owned()))
}
