//! [`in_turn`]: the plans of a run over the same workers, as many at once as keep them busy.
//!
//! A plan holds its data, its model and its files only while it has its turn: a sweep may have thousands of them.

use std::sync::Arc;

use fedlayer_core::{ClientId, FederatedData, Federation, Plan, stacks};
use fedlayer_runtime::{
    CommittedRound, Journal, JournalError, Link, ResumePoint, RunError, Shutdown, remote::Metrics,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    checkpoint::{Checkpoint, PlanHash},
    estimate::Parts,
    exit::Failure,
    files::FolderLock,
    journal::FileJournal,
    plan_folder::PlanFolder,
    progress::RunProgress,
    reopen::Damage,
    run_folder::RunFolder,
    trainers::Trainers,
    verify,
};

/// A plan that waits for its turn.
pub(crate) struct Waiting {
    pub(crate) plan: Arc<Plan>,
    pub(crate) folder: PlanFolder,
    /// The round whose checkpoint it goes on from; nothing at the start.
    pub(crate) from: Option<u32>,
    /// The lock on the run folder.
    pub(crate) lock: Arc<FolderLock>,
    pub(crate) trainers: Arc<Trainers>,
}

/// What a plan came to.
pub(crate) type PlanEnd = (Arc<Plan>, Result<(), RunError>);

/// Where committed rounds are shown and counted.
#[derive(Clone)]
pub(crate) struct Progress {
    pub(crate) shown: RunProgress,
    pub(crate) counts: Option<Arc<Metrics>>,
}

/// A plan with everything that it needs to go on.
struct Begun {
    data: Arc<FederatedData>,
    from: Option<ResumePoint>,
    journal: FileJournal,
}

impl Waiting {
    /// A plan of a run folder. What is damaged in it was refused before, or is computed anew: then it goes on from the last checkpoint that is
    /// whole and whose records are.
    ///
    /// # Errors
    /// When a file cannot be read, or the checkpoint is not one of the plan's model.
    pub(crate) fn of(
        plan: &Arc<Plan>,
        folder: &RunFolder,
        damage: Damage,
        trainers: &Arc<Trainers>,
    ) -> Result<Self, Failure> {
        let own = folder.plan(plan);
        let from = match damage {
            Damage::Refused => own.kept_rounds()?.last().copied(),
            Damage::ComputedAnew => verify::last_whole(&own, &PlanHash::of(plan)?)?,
        };
        let waiting = Self {
            plan: plan.clone(),
            folder: own,
            from,
            lock: folder.lock().clone(),
            trainers: trainers.clone(),
        };
        // What is wrong is found before any plan begins.
        waiting.checkpoint().map(|_| waiting)
    }

    /// Reads where the plan goes on, and opens its files.
    fn begin(&self) -> Result<Begun, Failure> {
        let checkpoint = self.checkpoint()?;
        let journal = self.folder.journal(&self.plan, checkpoint.as_ref(), self.lock.clone())?;
        let from = checkpoint.map(|checkpoint| ResumePoint {
            committed: checkpoint.round,
            federation: checkpoint.federation,
        });
        Ok(Begun { data: self.trainers.data(&self.plan).map_err(Failure::Data)?, from, journal })
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>, Failure> {
        self.from.map(|round| self.folder.checkpoint(round, &self.plan)).transpose()
    }
}

/// Runs all plans, as many at once as keep the workers busy; their ends are in the plans' order.
pub(crate) async fn in_turn<L: Link>(
    plans: Vec<Waiting>,
    link: &Arc<L>,
    progress: &Progress,
    word: &Shutdown,
) -> Vec<PlanEnd> {
    let all: Vec<&Plan> = plans.iter().map(|waiting| &*waiting.plan).collect();
    let at_once = plans_at_once(&all, link.slots());
    progress.shown.side_by_side(at_once);
    let at_once = Arc::new(Semaphore::new(at_once));
    let running: Vec<_> = plans
        .into_iter()
        .enumerate()
        .map(|(index, waiting)| {
            let plan = waiting.plan.clone();
            let (link, progress) = (link.clone(), progress.clone());
            let (mut word, at_once) = (word.clone(), at_once.clone());
            let turn = tokio::spawn(async move {
                // The semaphore is never closed; were it, the plan would only start earlier.
                let _permit = tokio::select! {
                    biased;
                    () = word.wait() => return Err(RunError::Interrupted { round: 0 }),
                    permit = at_once.acquire() => permit,
                };
                let shown = progress.shown.clone();
                let end = run(index, waiting, link, progress, word).await;
                match &end {
                    Ok(()) => shown.ended(index, None),
                    Err(RunError::Interrupted { .. }) => {}
                    Err(error) => shown.ended(index, Some(&error.to_string())),
                }
                end
            });
            (plan, turn)
        })
        .collect();
    let mut ends = Vec::new();
    for (plan, turn) in running {
        let end = turn.await.unwrap_or_else(|broken| Err(RunError::Broken(broken)));
        ends.push((plan, end));
    }
    ends
}

/// Runs a plan whose turn it is; `index` is its place among all plans.
async fn run<L: Link>(
    index: usize,
    waiting: Waiting,
    link: Arc<L>,
    progress: Progress,
    word: Shutdown,
) -> Result<(), RunError> {
    let plan = waiting.plan.clone();
    let begun = spawn_blocking(move || waiting.begin()).await?;
    // It was looked at before; what is wrong now happened since.
    let begun = begun.map_err(|failure| RunError::Journal(JournalError::new(failure)))?;
    let Begun { data, from, journal } = begun;
    let journal = Reporting { journal, index, progress };
    let examples = move |client| data.train_examples(client);
    fedlayer_runtime::run_plan(plan, examples, link, journal, from, word).await
}

/// A round of few stacks leaves workers idle; another plan's round fills them. Where a deadline runs, a plan has the workers to itself.
fn plans_at_once(plans: &[&Plan], workers: usize) -> usize {
    if plans.iter().any(|plan| plan.clients.deadline.is_some()) {
        return 1;
    }
    let stacks_of = |plan: &&Plan| {
        let clients: Vec<ClientId> = (0..plan.clients.cohort()).map(ClientId).collect();
        stacks(&clients, plan.layout.parameters(), |_| 1).len()
    };
    let fewest = plans.iter().map(stacks_of).min().unwrap_or(1).max(1);
    workers.div_ceil(fewest) + 1
}

/// Writes a round down, then shows it.
struct Reporting {
    journal: FileJournal,
    /// The plan's place among all plans.
    index: usize,
    progress: Progress,
}

impl Journal for Reporting {
    fn commit(&mut self, committed: &CommittedRound<'_>) -> Result<(), JournalError> {
        self.journal.commit(committed)?;
        if let Some(counts) = &self.progress.counts {
            counts.committed(committed);
        }
        let spent = committed.timings;
        let seconds = Parts {
            train: (spent.train + spent.average).as_secs_f64(),
            barriers: spent.barriers.as_secs_f64(),
            evaluate: spent.evaluate.as_secs_f64(),
        };
        self.progress.shown.committed(self.index, committed.record, seconds);
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
