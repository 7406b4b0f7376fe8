//! [`run_all`]: the plans of a run over the same workers, as many at once as keep them busy.
//!
//! A plan holds its data, its model and its files only while it runs: a sweep may have thousands.

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    data::{ClientId, FederatedData},
    round::{Federation, Selection, stacks},
};
use fedlayer_runtime::{
    CommittedRound, Journal, JournalError, Link, ResumePoint, RunError, Shutdown, remote::Metrics,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    cost::PerPhase,
    exit::Failure,
    files::FolderLock,
    progress::RunProgress,
    reopen::Damage,
    run_folder::{
        RunFolder,
        best_model::{self, BestModel},
        checkpoint::{Checkpoint, CommittedRecords, PlanHash},
        journal::FileJournal,
        plan_folder::PlanFolder,
    },
    trainers::Trainers,
    verify,
};

/// A plan that waits until workers are free for it.
pub(super) struct PendingPlan {
    pub(super) plan: Arc<Plan>,
    folder: PlanFolder,
    /// The round after which it goes on, if it has a checkpoint.
    pub(super) from: Option<u32>,
    /// Whether its last round is committed.
    has_ended: bool,
    /// The lock on the run folder.
    lock: Arc<FolderLock>,
    trainers: Arc<Trainers>,
}

/// A plan with its data and its files open.
struct RunningPlan {
    data: Arc<FederatedData>,
    from: Option<ResumePoint>,
    journal: FileJournal,
}

/// A plan, and how its rounds ended.
pub(super) type PlanEnd = (Arc<Plan>, Result<(), RunError>);

/// The observers of committed rounds.
#[derive(Clone)]
pub(super) struct RoundObservers {
    pub(super) progress: RunProgress,
    pub(super) metrics: Option<Arc<Metrics>>,
}

impl PendingPlan {
    /// Takes a plan of a run folder. A damaged plan was refused before, or goes on from its last
    /// whole checkpoint with whole records.
    ///
    /// # Errors
    /// When a file cannot be read, or the checkpoint belongs to another model.
    pub(super) fn new(
        plan: &Arc<Plan>,
        folder: &RunFolder,
        damage: Damage,
        trainers: &Arc<Trainers>,
    ) -> Result<Self, Failure> {
        let own = folder.plan(plan);
        let hash = PlanHash::of(plan)?;
        let has_best =
            |records: &CommittedRecords| best_model::is_there(&own, plan, &hash, records);
        let from = match damage {
            Damage::Refused => own.kept_rounds()?.last().copied(),
            Damage::ComputedAnew => verify::last_whole(&own, &hash, has_best)?,
        };
        let pending = Self {
            plan: plan.clone(),
            folder: own,
            from,
            has_ended: false,
            lock: folder.lock().clone(),
            trainers: trainers.clone(),
        };
        // What cannot be read is found before any plan begins.
        let checkpoint = pending.checkpoint()?;
        let selection = pending.selection(checkpoint.as_ref())?;
        if let (Some(selection), Some(_)) = (&selection, &checkpoint) {
            BestModel::of(&pending.folder, hash, selection).check()?;
        }
        let point = checkpoint.map(|checkpoint| resume_point(checkpoint, selection));
        let has_ended = point.is_some_and(|point| point.is_end(plan));
        Ok(Self { has_ended, ..pending })
    }

    /// Returns whether all its rounds are committed: as many as the scenario has, or as many as its
    /// patience left.
    pub(super) fn is_complete(&self) -> bool {
        self.has_ended
    }

    /// Reads the checkpoint and the data, and opens the files.
    fn begin(&self) -> Result<RunningPlan, Failure> {
        let checkpoint = self.checkpoint()?;
        let selection = self.selection(checkpoint.as_ref())?;
        if let Some(selection) = &selection {
            let best = BestModel::of(&self.folder, PlanHash::of(&self.plan)?, selection);
            best.restore(|| self.lock.check())?;
        }
        let journal =
            FileJournal::open(&self.folder, &self.plan, checkpoint.as_ref(), self.lock.clone())?;
        let from = checkpoint.map(|checkpoint| resume_point(checkpoint, selection));
        let data = self.trainers.data(&self.plan).map_err(Failure::Data)?;
        Ok(RunningPlan { data, from, journal })
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>, Failure> {
        self.from.map(|round| self.folder.checkpoint(round, &self.plan)).transpose()
    }

    /// Selects the best of the committed rounds, if the plan asks for it.
    fn selection(&self, checkpoint: Option<&Checkpoint>) -> Result<Option<Selection>, Failure> {
        let records = checkpoint.map(|checkpoint| &checkpoint.records);
        best_model::selection(&self.folder, &self.plan, records)
    }
}

fn resume_point(checkpoint: Checkpoint, selection: Option<Selection>) -> ResumePoint {
    ResumePoint { committed: checkpoint.round, federation: checkpoint.federation, selection }
}

/// Runs all plans, as many at once as keep the workers busy. Returns their ends in the plans'
/// order.
pub(super) async fn run_all<L: Link>(
    plans: Vec<PendingPlan>,
    link: &Arc<L>,
    observers: &RoundObservers,
    stop: &Shutdown,
) -> Vec<PlanEnd> {
    let all: Vec<&Plan> = plans.iter().map(|pending| &*pending.plan).collect();
    let at_once = plans_at_once(&all, link.slots());
    observers.progress.side_by_side(at_once);
    let turns = Arc::new(Semaphore::new(at_once));
    let start = |(index, pending): (usize, PendingPlan)| {
        let plan = pending.plan.clone();
        let link = link.clone();
        let run = run_in_turn(index, pending, link, observers.clone(), turns.clone(), stop.clone());
        (plan, tokio::spawn(run))
    };
    let running: Vec<_> = plans.into_iter().enumerate().map(start).collect();
    let mut ends = Vec::new();
    for (plan, run) in running {
        let end = run.await.unwrap_or_else(|broken| Err(RunError::Broken(broken)));
        ends.push((plan, end));
    }
    ends
}

/// Waits for a plan's turn, runs it, and shows how it ended. `index` is its number among all plans.
async fn run_in_turn<L: Link>(
    index: usize,
    pending: PendingPlan,
    link: Arc<L>,
    observers: RoundObservers,
    turns: Arc<Semaphore>,
    mut stop: Shutdown,
) -> Result<(), RunError> {
    // The semaphore is never closed; if it were, the plan would only start earlier.
    let _permit = tokio::select! {
        biased;
        () = stop.wait() => return Err(RunError::Interrupted { round: 0 }),
        permit = turns.acquire() => permit,
    };
    let progress = observers.progress.clone();
    let end = run(index, pending, link, observers, stop).await;
    match &end {
        Ok(()) => progress.ended(index, None),
        Err(RunError::Interrupted { .. }) => {}
        Err(error) => progress.ended(index, Some(&error.to_string())),
    }
    end
}

/// Runs a plan to its last round.
async fn run<L: Link>(
    index: usize,
    pending: PendingPlan,
    link: Arc<L>,
    observers: RoundObservers,
    stop: Shutdown,
) -> Result<(), RunError> {
    let plan = pending.plan.clone();
    let running = spawn_blocking(move || pending.begin()).await?;
    // The plan was readable before the run began: an error now is one of its files.
    let running = running.map_err(|failure| RunError::Journal(JournalError::new(failure)))?;
    let RunningPlan { data, from, journal } = running;
    let journal = ObservedJournal { journal, index, observers };
    let examples = move |client| data.train_examples(client);
    fedlayer_runtime::run_plan(plan, examples, link, journal, from, stop).await
}

/// Returns the number of plans that run side by side. A round of few stacks leaves workers idle,
/// which the rounds of other plans fill. With a deadline, a plan has the workers to itself.
fn plans_at_once(plans: &[&Plan], workers: usize) -> usize {
    if plans.iter().any(|plan| plan.clients.deadline.is_some()) {
        return 1;
    }
    let stacks_of = |plan: &&Plan| {
        let clients: Vec<ClientId> = (0..plan.clients.cohort()).map(ClientId).collect();
        stacks(&clients, plan.layout.value_count(), |_| 1).len()
    };
    let fewest = plans.iter().map(stacks_of).min().unwrap_or(1).max(1);
    workers.div_ceil(fewest) + 1
}

/// A journal that writes a round down, then shows it to the observers.
struct ObservedJournal {
    journal: FileJournal,
    /// The number of the plan among all plans.
    index: usize,
    observers: RoundObservers,
}

impl Journal for ObservedJournal {
    fn commit(&mut self, committed: &CommittedRound<'_>) -> Result<(), JournalError> {
        self.journal.commit(committed)?;
        if let Some(metrics) = &self.observers.metrics {
            metrics.committed(committed);
        }
        let spent = committed.timings;
        let seconds = PerPhase {
            train: (spent.train + spent.average).as_secs_f64(),
            barriers: spent.barriers.as_secs_f64(),
            evaluate: spent.evaluate.as_secs_f64(),
        };
        self.observers.progress.committed(self.index, committed.record, seconds);
        Ok(())
    }

    fn persist(
        &mut self,
        committed: u32,
        federation: &Arc<Federation>,
    ) -> Result<(), JournalError> {
        self.journal.persist(committed, federation)
    }
}
