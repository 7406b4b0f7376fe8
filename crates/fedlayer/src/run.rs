//! `fedlayer run` and `fedlayer resume`: every plan of a scenario, several at once over the same workers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread::available_parallelism,
    time::{SystemTime, UNIX_EPOCH},
};

use fedlayer_core::Plan;
use fedlayer_runtime::{Shutdown, WorkerPool};
use fedlayer_torch::{Device, DeviceChoice};

use crate::{
    args::{Means, ResumeArgs, RunArgs},
    begin::{self, NewRun},
    check,
    data::Data,
    exit::Failure,
    folders::Folders,
    job::{Again, Job, Workplace},
    reopen::{Damage, Reopened, absolute},
    run_folder::{
        RunFolder,
        note::{Provenance, RunNote, RunState},
    },
    scenario,
    screen::Screen,
    signals,
    trainers::Trainers,
};

/// `fedlayer run`.
pub(crate) fn run(args: &RunArgs, screen: &Screen) -> Result<(), Failure> {
    let preparing = signals::while_preparing(screen);
    let folders = Folders::existing(args.scenario.data.data.as_deref())?;
    let data = Data::new(folders.beside(&args.scenario.scenario));
    let settings = args.scenario.changes()?;
    let read = scenario::read(&args.scenario.scenario, &settings, &data, screen)?;
    begin::foresee(&read.plans, screen)?;
    let name = scenario::name(&args.scenario.scenario);
    args.out.as_deref().map_or(Ok(()), RunFolder::check_free)?;
    let device = open(args.means.device.unwrap_or(DeviceChoice::Cpu))?;
    let note = RunNote {
        data: absolute(args.scenario.data.data.as_deref())?,
        provenance: Some(Provenance::of(&read.text, &read.plans)?),
        ..note(&name, &read.plans, device.to_string(), workers(&args.means)?, &data)
    };
    let trainers = Arc::new(Trainers::new(device, data));
    begin::read_data(&trainers, &read.plans)?;
    begin::try_out(&trainers, &read.plans)?;
    if args.dry_run {
        drop(preparing);
        return check::show(&read, &trainers, args.scenario.json, screen);
    }
    begin::warn_of_inputs(&trainers, &read.plans, screen)?;
    let threads = Threads::start(note.workers, &trainers)?;
    let (scenario, out) = (&args.scenario.scenario, args.out.as_deref());
    let new = NewRun { scenario, text: &read.text, out, note: &note };
    let folder = new.folder(&trainers, screen)?;
    let (plans, analyses) = (shared(read.plans), read.scenario.analysis);
    let json = args.scenario.json;
    let job = Job { folder, plans, analyses, trainers, json, again: None };
    drop(preparing);
    job.execute(note, threads, screen)
}

/// `fedlayer resume`.
pub(crate) fn resume(args: &ResumeArgs, screen: &Screen) -> Result<(), Failure> {
    let preparing = signals::while_preparing(screen);
    let (option, damage) = (args.data.data.as_deref(), Damage::of(args.previous));
    let Reopened { folder, before, inputs, data, read } =
        Reopened::open(&args.run, option, &[], damage, screen)?;
    let choice = match args.means.device {
        Some(choice) => choice,
        None => before.device.parse().map_err(|error| Failure::Device(format!("{error}")))?,
    };
    let device = open(choice)?;
    let note = RunNote {
        data: before.data.clone(),
        provenance: Some(before.provenance_or(&read.text, &read.plans)?),
        ..note(&before.scenario, &read.plans, device.to_string(), workers(&args.means)?, &data)
    };
    if note.device != before.device {
        screen.talk(&format!(
            "warning: the run began on `{}` and goes on on `{}`: its last bits will differ",
            before.device, note.device
        ));
    }
    let trainers = Arc::new(Trainers::new(device, data));
    begin::warn_of_inputs(&trainers, &read.plans, screen)?;
    let threads = Threads::start(note.workers, &trainers)?;
    let (plans, analyses) = (shared(read.plans), read.scenario.analysis);
    let again = Some(Again { before, inputs, damage });
    let job = Job { folder, plans, analyses, trainers, json: args.json, again };
    drop(preparing);
    job.execute(note, threads, screen)
}

pub(crate) fn open(choice: DeviceChoice) -> Result<Device, Failure> {
    choice.open().map_err(|error| Failure::Device(error.to_string()))
}

pub(crate) fn workers(means: &Means) -> Result<usize, Failure> {
    match means.workers {
        Some(workers) => Ok(workers.into()),
        None => Ok(available_parallelism()?.get()),
    }
}

/// What is noted of a run before it begins.
pub(crate) fn note(
    name: &str,
    plans: &[Plan],
    device: String,
    workers: usize,
    data: &Data,
) -> RunNote {
    let seeds: BTreeSet<u64> = plans.iter().map(|plan| plan.seed).collect();
    RunNote {
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

/// Plans as everybody holds them.
pub(crate) fn shared(plans: Vec<Plan>) -> Vec<Arc<Plan>> {
    plans.into_iter().map(Arc::new).collect()
}

/// Threads of this process.
struct Threads {
    /// Until they are given away: they end with their last task.
    pool: Option<Arc<WorkerPool>>,
}

impl Threads {
    /// Starts them.
    fn start(workers: usize, trainers: &Arc<Trainers>) -> Result<Self, Failure> {
        let pool = WorkerPool::start(workers, trainers.clone())?;
        Ok(Self { pool: Some(Arc::new(pool)) })
    }
}

impl Workplace for Threads {
    type Link = WorkerPool;

    async fn open(&mut self, _word: &Shutdown) -> Result<Option<Arc<WorkerPool>>, Failure> {
        Ok(self.pool.take())
    }
}
