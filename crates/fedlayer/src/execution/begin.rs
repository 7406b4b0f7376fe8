//! The run folder and the note of a new run.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use fedlayer_core::Plan;

use crate::{
    data::Data,
    exit::Failure,
    folders::locator::ambiguities,
    run_folder::{
        InitialFiles, RunFolder,
        format::FolderFormat,
        inputs_note::InputsNote,
        note::{Provenance, RunNote, RunState},
    },
    screen::Screen,
    trainers::Trainers,
};

/// The folder of all runs that name no folder of their own.
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

impl NewRun<'_> {
    /// Notes the files that the run was made from, warns of names with two meanings, and makes the
    /// folder.
    ///
    /// # Errors
    /// When a file cannot be read, the folder exists already, or it cannot be made. Nothing is left
    /// behind then.
    pub(crate) fn make_folder(
        self,
        trainers: &Trainers,
        screen: &Screen,
    ) -> Result<RunFolder, Failure> {
        let locator = trainers.locator();
        ambiguities(locator).iter().for_each(|warning| screen.talk(warning));
        let provenance = self.note.provenance.as_ref();
        let provenance = provenance.map(Provenance::blake3).transpose()?;
        let inputs = InputsNote::of(self.scenario, provenance, locator)?;
        let beginning = InitialFiles { scenario: self.text, note: self.note, inputs: &inputs };
        match self.out {
            Some(path) => RunFolder::create(path.to_owned(), beginning),
            None => RunFolder::create_below(Path::new(RUNS), &self.note.scenario, beginning),
        }
    }
}

/// Returns the note on a run that begins now.
pub(crate) fn begin_note(
    name: &str,
    plans: &[Plan],
    device: String,
    workers: usize,
    data: &Data,
) -> RunNote {
    let seeds: BTreeSet<u64> = plans.iter().map(|plan| plan.seed).collect();
    RunNote {
        format: FolderFormat::CURRENT,
        fedlayer: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: name.to_owned(),
        device,
        libtorch: fedlayer_torch::LIBTORCH_VERSION.to_owned(),
        data: None,
        inputs: plans.first().and_then(|plan| data.inputs(plan)),
        workers,
        seeds: seeds.into_iter().collect(),
        state: RunState::Running,
        started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        seconds: 0.0,
        training_seconds: 0.0,
        analysis_seconds: 0.0,
        provenance: None,
        files: BTreeMap::new(),
    }
}
