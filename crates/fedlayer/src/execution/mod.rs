//! [`ScenarioRun`]: a scenario in its run folder, from its first round to the table and the
//! analyses.
//!
//! * `preflight`: everything that can fail before the run folder is made.
//! * `begin`: the run folder and the note of a new run.
//! * `backend`: the worker threads that train the clients; `remote_workers`: workers of other
//!   processes.
//! * `queue`: the plans, as many at once as keep the workers busy.
//! * `outcome`: how the rounds ended, and why.
//! * `ending`: what is noted of a run that ended.

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
use tokio::runtime::Runtime;

pub(crate) use self::{
    backend::LocalThreads,
    begin::{NewRun, begin_note},
    remote_workers::{RemoteOptions, RemoteWorkers},
};
use self::{
    backend::WorkerBackend,
    outcome::RoundsOutcome,
    queue::{PendingPlan, RoundObservers, run_all},
};
use crate::{
    analyses::{self, AnalysisRunner},
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

impl ScenarioRun {
    /// Runs every plan to its end, writes the summary, prints the table and makes the analyses.
    pub(crate) fn execute(
        &self,
        mut note: RunNote,
        mut backend: impl WorkerBackend,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let runtime = self.start_runtime(screen)?;
        let prepared = self.prepare(&backend, screen)?;
        let was_complete = prepared.is_complete;
        let rounds = self.train(runtime, prepared, &mut backend, &note, screen)?;
        note.training_seconds = began.elapsed().as_secs_f64();
        let reported = self.report_where_due(&rounds, &note, screen);
        let analysed = self.analyse_where_due(&rounds, &reported, &note, screen);
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
    fn train(
        &self,
        runtime: Runtime,
        prepared: PreparedPlans,
        backend: &mut impl WorkerBackend,
        note: &RunNote,
        screen: &Screen,
    ) -> Result<RoundsOutcome, Failure> {
        let progress = prepared.observers.progress.clone();
        let trained = runtime.block_on(self.train_all(prepared, backend, note, screen));
        // A worker in the middle of a long training does not keep the program from ending.
        runtime.shutdown_background();
        progress.close();
        let outcome = trained.inspect_err(|failure| self.note_not_begun(failure, note))?;
        Ok(outcome.of_new_run(|| self.folder.is_new() && !self.has_rounds()))
    }

    /// Opens the backend, and runs every plan there.
    async fn train_all(
        &self,
        prepared: PreparedPlans,
        backend: &mut impl WorkerBackend,
        note: &RunNote,
        screen: &Screen,
    ) -> Result<RoundsOutcome, Failure> {
        let PreparedPlans { pending, observers, is_complete, preparing } = prepared;
        let stop = stop_at_signal(screen.clone());
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
        let outcome = RoundsOutcome::of(ends, &self.folder, backend);
        backend.close(outcome.end()).await;
        Ok(outcome)
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
        Ok(screen.data(&table::render(&summary, self.json)?)?)
    }

    /// Makes the analyses, if the rounds and the table left something to analyse.
    fn analyse_where_due(
        &self,
        rounds: &RoundsOutcome,
        reported: &Result<(), Failure>,
        note: &RunNote,
        screen: &Screen,
    ) -> Result<(), Failure> {
        if self.analyses.is_empty() || reported.is_err() || !rounds.leave_models() {
            return Ok(());
        }
        self.analyse(&rounds.finished, note, screen)
    }

    /// Makes the analyses of the finished plans; those that are there already are left alone.
    fn analyse(
        &self,
        finished: &[Arc<Plan>],
        note: &RunNote,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let _at_once = signals::end_at_once(
            screen,
            format!(
                "interrupted; every round and every finished analysis is kept\nhint: `fedlayer resume {}` makes the rest",
                self.folder.path().display()
            ),
        );
        let runner = AnalysisRunner { trainers: &self.trainers, workers: note.workers, screen };
        let (made, failed) =
            runner.after_rounds(&self.analyses, &self.plans, finished, &self.folder);
        analyses::show(&made, self.json, screen)?;
        // The program ends with the first failure; the others are said here.
        let mut failed = failed.into_iter();
        let first = failed.next();
        failed.for_each(|failure| screen.error(&failure.message()));
        first.map_or(Ok(()), Err)
    }
}

/// Stops the rounds at the first ctrl-c (or SIGTERM, or SIGHUP), and the program at the second.
fn stop_at_signal(screen: Screen) -> Shutdown {
    let (stopper, stop) = shutdown();
    tokio::spawn(async move {
        signals::end().await;
        screen.talk("interrupted: the round in training is abandoned");
        stopper.stop();
        signals::end_again().await;
        signal_hook::low_level::exit(130);
    });
    stop
}
