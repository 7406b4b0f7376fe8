//! [`ScenarioRun`]: a scenario in its run folder, from its first round to the table and the
//! analyses.
//!
//! * `preflight`: everything that can fail before the run folder is made.
//! * `begin`: the run folder and the note of a new run.
//! * `backend`: the workers of a run, as threads of this process; `remote_workers`: as other
//!   processes.
//! * `queue`: the plans, as many at once as keep the workers busy.
//! * `outcome`: how the rounds ended, and why.
//! * `after_rounds`: the analyses, made by the same workers.
//! * `ending`: what is noted of a run that ended.

mod after_rounds;
mod backend;
mod begin;
mod ending;
mod outcome;
pub(crate) mod preflight;
mod queue;
mod remote_workers;

use std::{sync::Arc, time::Instant};

use fedlayer_core::{Plan, record::Summary, spec::AnalysisSpec};
use fedlayer_runtime::{Shutdown, remote::Metrics, shutdown};
use tokio::{runtime::Runtime, task::JoinSet};

use self::{
    after_rounds::RemainingWorkers,
    backend::WorkerBackend,
    outcome::RoundsOutcome,
    queue::{PendingPlan, RoundObservers, run_all},
};
pub(crate) use self::{
    backend::LocalThreads,
    begin::{NewRun, begin_note},
    remote_workers::{RemoteOptions, RemoteWorkers},
};
use crate::{
    classes, cost,
    exit::Failure,
    process::{
        runtime,
        signals::{self, EndAtOnce},
    },
    progress::{PlanStart, RunProgress},
    reopen::Damage,
    run_folder::{
        RunFolder,
        inputs_note::InputsNote,
        note::{RunNote, RunState},
    },
    screen::Screen,
    table,
    trainers::Trainers,
};

/// A scenario in its run folder.
pub(crate) struct ScenarioRun {
    pub(crate) folder: RunFolder,
    pub(crate) plans: Vec<Arc<Plan>>,
    /// The measurements that follow the last round.
    pub(crate) analyses: Vec<AnalysisSpec>,
    pub(crate) trainers: Arc<Trainers>,
    /// Whether the table is printed as JSON.
    pub(crate) json: bool,
    /// The earlier part of the run; `None` for a new one.
    pub(crate) resumed: Option<ResumedRun>,
}

/// The earlier part of a run that goes on.
pub(crate) struct ResumedRun {
    /// The last note on the run.
    pub(crate) before: RunNote,
    /// The run's input files, where they were found this time.
    pub(crate) inputs: Option<InputsNote>,
    /// How damaged files are treated.
    pub(crate) damage: Damage,
}

/// Plans that are ready to be trained.
struct PreparedPlans {
    pending: Vec<PendingPlan>,
    observers: RoundObservers,
    /// Whether the run was finished before, with all its rounds.
    is_complete: bool,
    /// Ends the program at ctrl-c until the rounds react to it.
    preparing: EndAtOnce,
}

/// The end of the rounds of all plans.
struct TrainedPlans<B: WorkerBackend> {
    rounds: RoundsOutcome,
    /// The workers, which stay if there are analyses to make.
    link: Option<Arc<B::Link>>,
}

impl ScenarioRun {
    /// Runs every plan to its end, writes the summary, prints the table and makes the analyses.
    pub(crate) fn execute(
        &self,
        note: RunNote,
        backend: impl WorkerBackend,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let runtime = self.start_runtime(screen)?;
        let done = self.execute_on(&runtime, note, backend, screen);
        // A worker in the middle of a long training does not keep the program from ending.
        runtime.shutdown_background();
        done
    }

    fn execute_on<B: WorkerBackend>(
        &self,
        runtime: &Runtime,
        mut note: RunNote,
        mut backend: B,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let prepared = self.prepare(&backend, screen)?;
        let was_complete = prepared.is_complete;
        let TrainedPlans { rounds, link } =
            self.train(runtime, prepared, &mut backend, &note, screen)?;
        note.training_seconds = began.elapsed().as_secs_f64();
        let reported = self.report_where_due(&rounds, &note, screen);
        let analysed = match link {
            Some(link) => {
                let workers = RemainingWorkers { backend: &backend, link, runtime };
                self.analyse_where_due(&rounds.finished, &reported, &workers, screen)
            }
            None => Ok(()),
        };
        note.state = rounds.state(&analysed);
        note.seconds = began.elapsed().as_secs_f64();
        note.analysis_seconds = note.seconds - note.training_seconds;
        let noted = self.note_end(&rounds, note, was_complete, screen);
        // The first failure is the news: a full disk, for example, also takes the summary.
        rounds.ended.and(noted).and(reported).and(analysed)
    }

    /// Starts the runtime that the run works on.
    fn start_runtime(&self, screen: &Screen) -> Result<Runtime, Failure> {
        let runtime = runtime::start().inspect_err(|_| self.folder.discard())?;
        screen.talk(&format!("run folder: {}", self.folder.path().display()));
        Ok(runtime)
    }

    /// Finds the round from which each plan goes on, and sets the progress of all plans up.
    fn prepare(
        &self,
        backend: &impl WorkerBackend,
        screen: &Screen,
    ) -> Result<PreparedPlans, Failure> {
        let preparing = signals::while_preparing(screen);
        let queued = self.queue(screen, backend.metrics());
        let (pending, observers) = queued.inspect_err(|_| self.folder.discard())?;
        let is_complete = self.is_complete(&pending);
        Ok(PreparedPlans { pending, observers, is_complete, preparing })
    }

    /// Trains all plans.
    ///
    /// # Errors
    /// When no plan could begin.
    fn train<B: WorkerBackend>(
        &self,
        runtime: &Runtime,
        prepared: PreparedPlans,
        backend: &mut B,
        note: &RunNote,
        screen: &Screen,
    ) -> Result<TrainedPlans<B>, Failure> {
        let progress = prepared.observers.progress.clone();
        let trained = runtime.block_on(self.train_all(prepared, backend, note, screen));
        progress.close();
        trained.inspect_err(|failure| self.note_not_begun(failure, note))
    }

    /// Opens the backend, and runs every plan there. The workers stay if analyses are to be made.
    async fn train_all<B: WorkerBackend>(
        &self,
        prepared: PreparedPlans,
        backend: &mut B,
        note: &RunNote,
        screen: &Screen,
    ) -> Result<TrainedPlans<B>, Failure> {
        let PreparedPlans { pending, observers, is_complete, preparing } = prepared;
        let (stop, _watch) = stop_at_signal(screen.clone());
        drop(preparing);
        let Some(link) = backend.open(&stop).await? else {
            return Err(Failure::Interrupted(backend.resume_hint(self.folder.path())));
        };
        // A run that is resumed is not changed before here, where all that fails early has passed.
        if !is_complete {
            self.folder.remove_summary()?;
            self.folder.write_note(note)?;
        }
        let inputs = self.resumed.as_ref().and_then(|resumed| resumed.inputs.as_ref());
        inputs.map_or(Ok(()), |inputs| self.folder.write_inputs(inputs))?;
        classes::record(&self.plans, &self.trainers, &self.folder, screen)?;
        let ends = run_all(pending, &link, &observers, &stop).await;
        let rounds = RoundsOutcome::of(ends, &self.folder, backend)
            .of_new_run(|| self.folder.is_new() && !self.has_rounds());
        if rounds.leave_models() && !self.analyses.is_empty() {
            return Ok(TrainedPlans { rounds, link: Some(link) });
        }
        B::release(link, rounds.end()).await;
        Ok(TrainedPlans { rounds, link: None })
    }

    /// Returns whether the run was finished before, with all its rounds.
    fn is_complete(&self, pending: &[PendingPlan]) -> bool {
        let was_finished = |resumed: &ResumedRun| resumed.before.state == RunState::Finished;
        self.resumed.as_ref().is_some_and(was_finished)
            && pending.iter().all(PendingPlan::is_complete)
    }

    /// Queues all plans, and begins to observe them.
    fn queue(
        &self,
        screen: &Screen,
        metrics: Option<Arc<Metrics>>,
    ) -> Result<(Vec<PendingPlan>, RoundObservers), Failure> {
        let damage = self.resumed.as_ref().map_or(Damage::Refused, |resumed| resumed.damage);
        let queue = |plan| PendingPlan::new(plan, &self.folder, damage, &self.trainers);
        let pending: Vec<PendingPlan> = self.plans.iter().map(queue).collect::<Result<_, _>>()?;
        let costs = cost::of_rounds(&self.plans, &self.trainers).map_err(Failure::Data)?;
        let start = |(pending, cost): (&PendingPlan, _)| PlanStart {
            plan: pending.plan.clone(),
            committed: pending.from.unwrap_or(0),
            has_ended: pending.is_complete(),
            cost,
        };
        let starts: Vec<PlanStart> = pending.iter().zip(costs).map(start).collect();
        let done: u64 = starts.iter().map(|start| u64::from(start.committed)).sum();
        let rounds: u64 = self.plans.iter().map(|plan| u64::from(plan.rounds)).sum();
        if done > 0 {
            screen.talk(&format!("going on after {done} of {rounds} rounds"));
        }
        Ok((pending, RoundObservers { progress: RunProgress::new(screen, starts), metrics }))
    }

    /// Writes the summary and prints the table, unless the user ended the run or no round is there.
    fn report_where_due(
        &self,
        rounds: &RoundsOutcome,
        note: &RunNote,
        screen: &Screen,
    ) -> Result<(), Failure> {
        if rounds.has_table(|| self.has_rounds()) { self.report(note, screen) } else { Ok(()) }
    }

    /// Writes `summary.json` and, for a sweep, `sweep.csv`; prints the table.
    fn report(&self, note: &RunNote, screen: &Screen) -> Result<(), Failure> {
        let rows: Result<Vec<_>, Failure> =
            self.plans.iter().map(|plan| self.folder.plan(plan).summary(plan)).collect();
        let summary = Summary { scenario: note.scenario.clone(), rows: rows? };
        self.folder.write_summary(&summary)?;
        if let Some(sheet) = table::sheet(&summary) {
            self.folder.write_sweep(&sheet)?;
        }
        let locals = table::locals_of(&self.plans);
        Ok(screen.data(&table::render(&summary, &locals, self.json)?)?)
    }
}

/// Stops the rounds at the first ctrl-c (or SIGTERM, or SIGHUP), and the program at the second,
/// until the returned task is dropped.
fn stop_at_signal(screen: Screen) -> (Shutdown, JoinSet<()>) {
    let (stopper, stop) = shutdown();
    let mut watch = JoinSet::new();
    watch.spawn(async move {
        signals::end().await;
        screen.talk("interrupted: the round in training is abandoned");
        stopper.stop();
        signals::end_again().await;
        signal_hook::low_level::exit(130);
    });
    (stop, watch)
}
