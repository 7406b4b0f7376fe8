//! `fedlayer run`: every plan of a scenario, on worker threads of this process.

use std::sync::Arc;

use fedlayer_torch::DeviceChoice;

use super::{check, device};
use crate::{
    args::RunArgs,
    data::Data,
    execution::{LocalThreads, NewRun, ScenarioRun, begin_note, preflight},
    exit::Failure,
    folders::Folders,
    process::signals,
    reopen::absolute,
    run_folder::{
        RunFolder,
        format::FolderFormat,
        note::{Provenance, RunNote},
    },
    scenario,
    screen::Screen,
    trainers::Trainers,
};

/// Runs a scenario. Whatever can fail fails before the run folder is made.
pub(super) fn run(args: &RunArgs, screen: &Screen) -> Result<(), Failure> {
    let preparing = signals::while_preparing(screen);
    let folders = Folders::existing(args.scenario.data.data.as_deref())?;
    let data = Data::new(folders.beside(&args.scenario.scenario));
    let settings = args.scenario.changes()?;
    let read = scenario::read(&args.scenario.scenario, &settings, &data, screen)?;
    preflight::foresee(&read.plans, screen)?;
    let name = scenario::name(&args.scenario.scenario);
    args.out.as_deref().map_or(Ok(()), RunFolder::check_free)?;
    let device = device::open(args.compute.device.unwrap_or(DeviceChoice::Cpu))?;
    let workers = device::workers(&args.compute)?;
    let note = RunNote {
        data: absolute(args.scenario.data.data.as_deref())?,
        provenance: Some(Provenance::of(&read.text, &read.plans, FolderFormat::CURRENT)?),
        ..begin_note(&name, &read.plans, device.to_string(), workers, &data)
    };
    let trainers = Arc::new(Trainers::new(device, data));
    preflight::read_data(&trainers, &read.plans)?;
    preflight::try_out(&trainers, &read.plans)?;
    if args.dry_run {
        drop(preparing);
        return check::show(&read, &trainers, args.scenario.json, screen);
    }
    preflight::warn_of_inputs(&trainers, &read.plans, screen)?;
    let threads = LocalThreads::start(workers, &trainers)?;
    let (scenario, out) = (&args.scenario.scenario, args.out.as_deref());
    let new = NewRun { scenario, text: &read.text, out, note: &note };
    let folder = new.make_folder(&trainers, screen)?;
    let run = ScenarioRun {
        folder,
        plans: scenario::shared(read.plans),
        analyses: read.scenario.analysis,
        trainers,
        json: args.scenario.json,
        resumed: None,
    };
    drop(preparing);
    run.execute(note, threads, screen)
}
