//! `fedlayer run` and `fedlayer resume`: every plan of a scenario, several at once over the same workers.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    thread::available_parallelism,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use fedlayer_core::{Plan, Summary, spec::AnalysisSpec};
use fedlayer_runtime::{
    Link, RunError, Shutdown, WorkerPool,
    remote::{End, Metrics},
    shutdown,
};
use fedlayer_torch::{Device, DeviceChoice};

use crate::{
    analyses::{self, Laboratory},
    args::{Means, ResumeArgs, RunArgs},
    data::Data,
    exit::{Cause, Failure, run_reason},
    inputs::Inputs,
    run_folder::{RunFolder, RunNote, RunState},
    scenario,
    screen::Screen,
    signals, table,
    trainers::Trainers,
    turns::{PlanEnd, Progress, Waiting, in_turn},
};

/// `fedlayer run`.
pub(crate) fn run(args: &RunArgs, screen: &Screen) -> Result<(), Failure> {
    let data = Data::new(args.scenario.data.data.as_deref());
    let read = scenario::read(&args.scenario.scenario, &args.scenario.settings, &data, screen)?;
    let name = scenario::name(&args.scenario.scenario);
    let device = open(args.means.device.unwrap_or(DeviceChoice::Cpu))?;
    let note = RunNote {
        data: absolute(args.scenario.data.data.as_deref())?,
        inputs: read.plans.first().and_then(|plan| data.inputs(plan)),
        ..note(&name, &read.plans, device.to_string(), workers(&args.means)?)
    };
    let trainers = Arc::new(Trainers::new(device, data));
    // Only what can be run gets a folder: its data is read before.
    for plan in &read.plans {
        trainers.data(plan).map_err(Failure::Data)?;
    }
    warn_of_inputs(&read.plans, &trainers, screen)?;
    let folder = match &args.out {
        Some(path) => RunFolder::create(path.clone(), &read.text, &note)?,
        None => RunFolder::create_below(Path::new("runs"), &name, &read.text, &note)?,
    };
    let (plans, analyses) = (shared(read.plans), read.scenario.analysis);
    let json = args.scenario.json;
    let job = Job { folder, plans, analyses, trainers, json, previous: false };
    job.execute(note, Threads, screen)
}

/// Says once what is unusual about the inputs of the first plan's data.
fn warn_of_inputs(plans: &[Plan], trainers: &Trainers, screen: &Screen) -> Result<(), Failure> {
    let Some(first) = plans.first() else { return Ok(()) };
    let data = trainers.data(first).map_err(Failure::Data)?;
    for warning in Inputs::of(&data, &first.data, None).warnings() {
        screen.talk(&format!("warning: {warning}"));
    }
    Ok(())
}

/// `fedlayer resume`.
pub(crate) fn resume(args: &ResumeArgs, screen: &Screen) -> Result<(), Failure> {
    let folder = RunFolder::open(args.run.clone())?;
    let before = folder.note()?;
    let (path, text) = folder.scenario()?;
    let folder_of_data = match &args.data.data {
        Some(folder) => absolute(Some(folder))?,
        None => before.data,
    };
    let data = Data::new(folder_of_data.as_deref());
    let read = scenario::read_text(&path, &text, &[], &data, screen)?;
    let choice = match args.means.device {
        Some(choice) => choice,
        None => before.device.parse().map_err(|error| Failure::Device(format!("{error}")))?,
    };
    let device = open(choice)?;
    let note = RunNote {
        data: folder_of_data,
        inputs: before.inputs,
        ..note(&before.scenario, &read.plans, device.to_string(), workers(&args.means)?)
    };
    if note.device != before.device {
        screen.talk(&format!(
            "warning: the run began on `{}` and goes on on `{}`: its last bits will differ",
            before.device, note.device
        ));
    }
    let trainers = Arc::new(Trainers::new(device, data));
    let (plans, analyses) = (shared(read.plans), read.scenario.analysis);
    let (json, previous) = (args.json, args.previous);
    let job = Job { folder, plans, analyses, trainers, json, previous };
    job.execute(note, Threads, screen)
}

/// A folder as it is called from everywhere: a run may be resumed from somewhere else.
pub(crate) fn absolute(folder: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    Ok(folder.map(std::path::absolute).transpose()?)
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
pub(crate) fn note(name: &str, plans: &[Plan], device: String, workers: usize) -> RunNote {
    let seeds: BTreeSet<u64> = plans.iter().map(|plan| plan.seed).collect();
    RunNote {
        fedlayer: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: name.to_owned(),
        device,
        libtorch: fedlayer_torch::LIBTORCH_VERSION.to_owned(),
        data: None,
        inputs: None,
        workers,
        seeds: seeds.into_iter().collect(),
        state: RunState::Running,
        started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        seconds: 0.0,
    }
}

/// Plans as everybody holds them.
pub(crate) fn shared(plans: Vec<Plan>) -> Vec<Arc<Plan>> {
    plans.into_iter().map(Arc::new).collect()
}

/// A scenario in its run folder.
pub(crate) struct Job {
    pub(crate) folder: RunFolder,
    pub(crate) plans: Vec<Arc<Plan>>,
    /// What is measured once all rounds are over.
    pub(crate) analyses: Vec<AnalysisSpec>,
    pub(crate) trainers: Arc<Trainers>,
    pub(crate) json: bool,
    /// Whether a damaged checkpoint may be passed over for the one before.
    pub(crate) previous: bool,
}

/// Where the clients of a run train.
pub(crate) trait Workplace {
    /// The way to the workers.
    type Link: Link;

    /// Opens it; nothing where the user ends the run before there are workers.
    async fn open(
        &mut self,
        job: &Job,
        note: &RunNote,
        word: &Shutdown,
    ) -> Result<Option<Arc<Self::Link>>, Failure>;

    /// Counts a committed round, where somebody asks for it.
    fn counts(&self) -> Option<Arc<Metrics>> {
        None
    }

    /// How a run that was ended early goes on.
    fn hint(&self, folder: &Path) -> String {
        format!("go on with `fedlayer resume {}`", folder.display())
    }

    /// Every plan came to its end, or the user ended them.
    async fn close(&mut self, _end: End) {}
}

/// Threads of this process.
struct Threads;

impl Workplace for Threads {
    type Link = WorkerPool;

    async fn open(
        &mut self,
        job: &Job,
        note: &RunNote,
        _word: &Shutdown,
    ) -> Result<Option<Arc<WorkerPool>>, Failure> {
        Ok(Some(Arc::new(WorkerPool::start(note.workers, job.trainers.clone())?)))
    }
}

impl Job {
    /// Runs every plan to its end, writes the summary and prints the table.
    pub(crate) fn execute(
        &self,
        mut note: RunNote,
        mut place: impl Workplace,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        self.folder.remove_summary()?;
        self.folder.write_note(&note)?;
        screen.talk(&format!("run folder: {}", self.folder.path().display()));
        let (plans, progress) = self.waiting(screen, place.counts())?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let ended = runtime.block_on(async {
            let word = interruption(screen.clone());
            let Some(link) = place.open(self, &note, &word).await? else {
                let folder = self.folder.path();
                return Err(Failure::Interrupted(place.hint(folder)));
            };
            let ends = in_turn(plans, &link, &progress, &word).await;
            let ended = self.ended(ends, &place);
            let end = match &ended {
                // Somebody will go on with it.
                Err(Failure::Interrupted(_) | Failure::Run { cause: Cause::Files, .. }) => {
                    End::Stopped
                }
                _ => End::Finished,
            };
            place.close(end).await;
            ended
        });
        // A worker in the middle of a long training does not keep the program from ending.
        runtime.shutdown_background();
        progress.bar.clear();
        note.seconds = began.elapsed().as_secs_f64();
        let reported = match &ended {
            Err(Failure::Interrupted(_)) => Ok(()),
            _ => self.report(screen, &note),
        };
        let analysed = match (&ended, &reported) {
            (Ok(()), Ok(())) => self.analyse(&note, screen),
            _ => Ok(()),
        };
        note.state = match (&ended, &analysed) {
            (Ok(()), Ok(())) => RunState::Finished,
            (Err(Failure::Interrupted(_)), _) => RunState::Interrupted,
            _ => RunState::Failed,
        };
        note.seconds = began.elapsed().as_secs_f64();
        let noted = self.folder.write_note(&note);
        // What ended the run is the news; that a full disk takes the summary too is not.
        ended.and(noted).and(reported).and(analysed)
    }

    /// What the scenario wants measured on the models; what is there already is left alone.
    fn analyse(&self, note: &RunNote, screen: &Screen) -> Result<(), Failure> {
        if self.analyses.is_empty() {
            return Ok(());
        }
        let folder = self.folder.path();
        analyses::end_at_once(
            screen,
            format!(
                "interrupted; every round and every finished analysis is kept\nhint: `fedlayer resume {}` makes the rest",
                folder.display()
            ),
        );
        let laboratory = Laboratory { trainers: &self.trainers, workers: note.workers, screen };
        let made = laboratory.after_rounds(&self.analyses, &self.plans, &self.folder)?;
        analyses::show(&made, self.json, screen)
    }

    /// Every plan, waiting for its turn, and the progress of them all.
    fn waiting(
        &self,
        screen: &Screen,
        counts: Option<Arc<Metrics>>,
    ) -> Result<(Vec<Waiting>, Progress), Failure> {
        let of = |plan: &Arc<Plan>| Waiting {
            plan: plan.clone(),
            folder: self.folder.plan(plan),
            previous: self.previous,
            trainers: self.trainers.clone(),
        };
        let all: Vec<Waiting> = self.plans.iter().map(of).collect();
        let mut done = 0;
        for waiting in &all {
            done += waiting.look(screen)?;
        }
        let rounds = self.plans.iter().map(|plan| u64::from(plan.rounds)).sum();
        if done > 0 {
            screen.talk(&format!("going on after {done} of {rounds} committed rounds"));
        }
        let progress = Progress { bar: screen.progress(rounds, done), counts };
        Ok((all, progress))
    }

    /// What the ends of all plans come to.
    fn ended(&self, ends: Vec<PlanEnd>, place: &impl Workplace) -> Result<(), Failure> {
        let folder = self.folder.path();
        if ends.iter().any(|(_, end)| matches!(end, Err(RunError::Interrupted { .. }))) {
            return Err(Failure::Interrupted(place.hint(folder)));
        }
        let reason = |(plan, end): &PlanEnd| {
            let error = end.as_ref().err()?;
            Some(run_reason(&plan.title(), plan.seed, error))
        };
        let reasons: Vec<String> = ends.iter().filter_map(reason).collect();
        if reasons.is_empty() {
            return Ok(());
        }
        let unwritten = |(_, end): &PlanEnd| matches!(end, Err(RunError::Journal(_)));
        Err(Failure::Run {
            failed: reasons.len(),
            plans: ends.len(),
            reasons: reasons.join("\n"),
            folder: folder.to_owned(),
            cause: if ends.iter().any(unwritten) { Cause::Files } else { Cause::Training },
        })
    }

    /// Writes `summary.json`, of a sweep `sweep.csv` too, and prints the table.
    fn report(&self, screen: &Screen, note: &RunNote) -> Result<(), Failure> {
        let rows: Result<Vec<_>, Failure> =
            self.plans.iter().map(|plan| self.folder.plan(plan).summary(plan)).collect();
        let summary = Summary { scenario: note.scenario.clone(), rows: rows? };
        self.folder.write_summary(&summary)?;
        if let Some(sheet) = table::sheet(&summary) {
            self.folder.write_sweep(&sheet)?;
        }
        screen.data(&table::render(&summary, self.json)?)?;
        let (seconds, folder) = (note.seconds, self.folder.path().display());
        screen.talk(&format!("{seconds:.1} s; records in {folder}"));
        Ok(())
    }
}

/// The word is given at the first ctrl-c (or SIGTERM); at the second the program ends at once.
fn interruption(screen: Screen) -> Shutdown {
    let (stopper, word) = shutdown();
    tokio::spawn(async move {
        signals::end().await;
        screen.talk("interrupted: the round in training is abandoned");
        stopper.stop();
        signals::end().await;
        signal_hook::low_level::exit(130);
    });
    word
}
