//! `fedlayer resume`: the rest of a run that was interrupted or killed.

use std::sync::Arc;

use super::device;
use crate::{
    args::ResumeArgs,
    execution::{LocalThreads, ResumedRun, ScenarioRun, begin_note, preflight},
    exit::Failure,
    process::signals,
    reopen::{Damage, Reopened},
    run_folder::note::RunNote,
    scenario,
    screen::Screen,
    trainers::Trainers,
};

/// Goes on with a run from the last checkpoint of each of its plans.
pub(super) fn resume(args: &ResumeArgs, screen: &Screen) -> Result<(), Failure> {
    let preparing = signals::while_preparing(screen);
    let (option, damage) = (args.data.data.as_deref(), Damage::of(args.previous));
    let Reopened { folder, before, inputs, data, read } =
        Reopened::open(&args.run, option, &[], damage, screen)?;
    let device = device::open(match args.compute.device {
        Some(choice) => choice,
        None => device::noted(&before)?,
    })?;
    let workers = device::workers(&args.compute)?;
    let note = RunNote {
        format: before.format,
        data: before.data.clone(),
        provenance: Some(before.provenance_or(&read.text, &read.plans)?),
        ..begin_note(&before.scenario, &read.plans, device.to_string(), workers, &data)
    };
    if note.device != before.device {
        screen.talk(&format!(
            "warning: the run began on `{}` and continues on `{}`: the last bits of its numbers will differ",
            before.device, note.device
        ));
    }
    let trainers = Arc::new(Trainers::new(device, data));
    preflight::warn_of_inputs(&trainers, &read.plans, screen)?;
    let threads = LocalThreads::start(workers, &trainers)?;
    let run = ScenarioRun {
        folder,
        plans: scenario::shared(read.plans),
        analyses: read.scenario.analysis,
        trainers,
        json: args.json,
        resumed: Some(ResumedRun { before, inputs, damage }),
    };
    drop(preparing);
    run.execute(note, threads, screen)
}
