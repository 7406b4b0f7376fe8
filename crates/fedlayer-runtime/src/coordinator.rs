//! [`run_plan`]: the coordinator. It performs the actions of the round's state machine and reports
//! events to it; it decides nothing itself.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use fedlayer_core::{
    Plan,
    data::ClientId,
    model::Params,
    round::{
        Action, CohortUpdates, Event, Evidence, Federation, LayerSchedule, Machine, MissingCause,
        Phase, Selection, Ticket, stacks,
    },
    spec::OptimizerMemory,
    trainer::{TrainJob, Update},
};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{Instrument, debug, info_span, warn};

use crate::{
    CommittedRound, Journal, Link, RunError, Shutdown, link_calls,
    measure::{MeasuredRound, measure},
};

/// The state of a run after its last committed round, for example from a checkpoint.
#[derive(Debug, Clone)]
pub struct ResumePoint {
    /// The number of committed rounds.
    pub committed: u32,
    /// The models of all clients after these rounds.
    pub federation: Arc<Federation>,
    /// The best of these rounds by validation, if the plan selects one.
    pub selection: Option<Selection>,
}

impl ResumePoint {
    /// Returns whether the run has ended: after its last round, or because its best round no longer
    /// improved.
    pub fn is_end(&self, plan: &Plan) -> bool {
        self.committed >= plan.rounds || self.selection.as_ref().is_some_and(Selection::is_over)
    }
}

/// Runs a plan to its last round, from the first round or from a resume point.
///
/// `examples` returns the number of a client's training examples. Every result depends on the plan
/// alone, not on the number or the speed of the workers.
///
/// # Errors
/// See [`RunError`]. Rounds that were committed before stay in the journal.
pub async fn run_plan<L: Link, J: Journal>(
    plan: Arc<Plan>,
    examples: impl Fn(ClientId) -> usize + Send,
    link: Arc<L>,
    journal: J,
    from: Option<ResumePoint>,
    mut shutdown: Shutdown,
) -> Result<(), RunError> {
    let span = info_span!("run", strategy = plan.title(), seed = plan.seed);
    let work = async {
        if from.as_ref().is_some_and(|point| point.is_end(&plan)) {
            return Ok(());
        }
        let schedule =
            LayerSchedule::new(&plan.strategy.average, &plan.layout).map_err(RunError::Strategy)?;
        let mut coordinator = Coordinator {
            examples,
            link,
            journal: Some(journal),
            schedule,
            round: from.as_ref().map_or(0, |point| point.committed),
            committed: from.as_ref().map_or(0, |point| point.committed),
            selection: match &from {
                Some(point) => point.selection.clone(),
                None => Selection::of(&plan),
            },
            federation: from.map(|point| point.federation),
            starts: BTreeMap::new(),
            training: JoinSet::new(),
            deadline: None,
            measured: None,
            is_best: false,
            began: Instant::now(),
            plan,
        };
        tokio::select! {
            biased;
            () = shutdown.wait() => {}
            done = coordinator.drive() => return done,
        }
        coordinator.persist().await?;
        Err(RunError::Interrupted { round: coordinator.round })
    };
    work.instrument(span).await
}

/// The result of one client of a stack.
type ClientReport = (Ticket, Result<Box<Update>, String>);

struct Coordinator<L, J, E> {
    plan: Arc<Plan>,
    examples: E,
    link: Arc<L>,
    /// `None` while a round is written.
    journal: Option<J>,
    schedule: LayerSchedule,
    /// The models after the last committed round; `None` until the initial parameters are drawn.
    federation: Option<Arc<Federation>>,
    /// The best round so far, if the plan selects one.
    selection: Option<Selection>,
    /// The number of committed rounds.
    committed: u32,
    /// The current round.
    round: u32,
    /// The model that each client of the round starts from.
    starts: BTreeMap<ClientId, Arc<Params>>,
    /// The stacks in training.
    training: JoinSet<Vec<ClientReport>>,
    deadline: Option<AttemptDeadline>,
    measured: Option<MeasuredRound>,
    /// Whether the measured round is the best so far.
    is_best: bool,
    /// When the current round began.
    began: Instant,
}

/// The deadline of an attempt at a round.
#[derive(Clone, Copy)]
struct AttemptDeadline {
    at: tokio::time::Instant,
    round: u32,
    attempt: u32,
}

impl<L: Link, J: Journal, E: Fn(ClientId) -> usize> Coordinator<L, J, E> {
    /// Passes events to the state machine and performs its actions, until it has finished or
    /// failed.
    async fn drive(&mut self) -> Result<(), RunError> {
        let mut events = VecDeque::from([Event::Joined { committed: self.round }]);
        let mut machine = Machine::new(self.plan.clone());
        loop {
            let event = match events.pop_front() {
                Some(event) => event,
                None => {
                    events.extend(self.wait().await?);
                    continue;
                }
            };
            let (next, actions) = machine.handle(event);
            machine = next;
            for action in actions {
                events.extend(self.perform(action).await?);
            }
            match machine.phase() {
                Phase::Finished => return Ok(()),
                Phase::Failed(failure) => return Err(failure.clone().into()),
                Phase::Joining | Phase::Training(_) | Phase::Probing(_) => {}
            }
        }
    }

    /// Persists the committed rounds before the run is stopped. A round that is being written has
    /// its journal elsewhere, and is completed there.
    async fn persist(&mut self) -> Result<(), RunError> {
        if let (Some(mut journal), Some(federation)) = (self.journal.take(), &self.federation) {
            let (committed, federation) = (self.committed, federation.clone());
            spawn_blocking(move || journal.persist(committed, &federation)).await??;
        }
        Ok(())
    }

    /// Waits for the results of a stack or for the deadline.
    async fn wait(&mut self) -> Result<Vec<Event>, RunError> {
        let deadline = self.deadline;
        let over = async {
            match deadline {
                Some(deadline) => {
                    tokio::time::sleep_until(deadline.at).await;
                    (deadline.round, deadline.attempt)
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(reports) = self.training.join_next() => {
                let event = |(ticket, result)| Event::Reported { ticket, result };
                Ok(reports?.into_iter().map(event).collect())
            }
            (round, attempt) = over => {
                self.deadline = None;
                Ok(vec![Event::Deadline { round, attempt }])
            }
        }
    }

    /// Performs an action. Returns the event of an action that is over at once.
    async fn perform(&mut self, action: Action) -> Result<Option<Event>, RunError> {
        match action {
            Action::Train { round, attempt, clients } => {
                self.train(round, attempt, &clients).await?;
                Ok(None)
            }
            Action::StartDeadline { round, attempt } => {
                let seconds = self.plan.clients.deadline;
                self.deadline = seconds.map(|seconds| AttemptDeadline {
                    at: tokio::time::Instant::now() + Duration::from_secs_f64(seconds),
                    round,
                    attempt,
                });
                Ok(None)
            }
            Action::Refuse { ticket, refusal } => {
                let Ticket { round, attempt, client } = ticket;
                warn!(round, attempt, %client, "refused an update: {refusal}");
                Ok(None)
            }
            Action::Probe(gathered) => {
                let round = gathered.round;
                self.probe(gathered).instrument(info_span!("round", round)).await?;
                Ok(Some(Event::Probed { round, is_last: self.is_over() }))
            }
            Action::Commit { round } => {
                self.commit().instrument(info_span!("round", round)).await?;
                Ok(None)
            }
        }
    }

    /// Gives the clients to the workers, stack by stack.
    async fn train(
        &mut self,
        round: u32,
        attempt: u32,
        clients: &[ClientId],
    ) -> Result<(), RunError> {
        let federation = self.federation().await?;
        if attempt == 1 {
            self.began = Instant::now();
        } else {
            warn!(round, attempt, "too few clients reported; the round is tried again");
        }
        debug!(round, attempt, clients = clients.len(), "training");
        self.round = round;
        self.deadline = None;
        // Dropping the stacks of an earlier attempt cancels them.
        self.training = JoinSet::new();
        self.starts.clear();
        for stack in stacks(clients, self.plan.layout.value_count(), &self.examples) {
            let jobs: Vec<TrainJob> =
                stack.into_iter().map(|client| self.job(round, client, &federation)).collect();
            self.starts.extend(jobs.iter().map(|job| (job.client, job.params.clone())));
            let (link, plan) = (self.link.clone(), self.plan.clone());
            let span = info_span!("round", round, attempt);
            self.training.spawn(train_stack(link, plan, attempt, jobs).instrument(span));
        }
        Ok(())
    }

    /// Returns a client's training in a round.
    fn job(&self, round: u32, client: ClientId, federation: &Federation) -> TrainJob {
        let keeps = self.plan.local.optimizer_state == OptimizerMemory::Keep;
        let seed = self.plan.root_seed().child("client");
        TrainJob {
            client,
            round,
            params: federation.model(client),
            optimizer: federation.optimizer(client).filter(|_| keeps),
            seed: seed.index(client.0.into()).index(round.into()),
        }
    }

    /// Returns the models of all clients. The first call draws the initial ones.
    async fn federation(&mut self) -> Result<Arc<Federation>, RunError> {
        if let Some(federation) = &self.federation {
            return Ok(federation.clone());
        }
        let seed = self.plan.root_seed().child("initial parameters");
        let params = link_calls::initial(&self.link, &self.plan, seed).await?;
        let federation = Arc::new(Federation::new(Arc::new(params)));
        self.federation = Some(federation.clone());
        Ok(federation)
    }

    /// Measures, averages and evaluates the round, and keeps the result for its commit.
    async fn probe(&mut self, gathered: CohortUpdates) -> Result<(), RunError> {
        self.deadline = None;
        self.training = JoinSet::new();
        let train = self.began.elapsed();
        for (client, missing) in &gathered.missing {
            match missing {
                MissingCause::Dropped => debug!(%client, "goes on without the client: {missing}"),
                _ => warn!(%client, "goes on without the client: {missing}"),
            }
        }
        for update in &gathered.updates {
            debug!(client = %update.client, loss = update.loss, examples = update.examples, "trained");
        }
        let federation = self.federation().await?;
        let starts = std::mem::take(&mut self.starts);
        let choose = |evidence: &Evidence<'_>| self.schedule.layers(evidence);
        let mut measured =
            measure(&self.link, &self.plan, choose, federation, starts, gathered).await?;
        measured.timings.train = train;
        let selection = self.selection.as_mut();
        self.is_best = selection.is_some_and(|selection| selection.observe(&measured.record));
        self.measured = Some(measured);
        Ok(())
    }

    /// Returns whether the run ends early, because its best round no longer improves.
    fn is_over(&self) -> bool {
        self.selection.as_ref().is_some_and(Selection::is_over)
    }

    /// Writes the measured round, on a thread that may block.
    async fn commit(&mut self) -> Result<(), RunError> {
        let (Some(measured), Some(mut journal)) = (self.measured.take(), self.journal.take())
        else {
            return Err(RunError::NotMeasured);
        };
        debug!("committing");
        let (is_best, is_last) =
            (self.is_best, self.is_over() || measured.record.round >= self.plan.rounds);
        let federation = measured.federation.clone();
        let (journal, written) = spawn_blocking(move || {
            let MeasuredRound { record, barriers, federation, timings } = &measured;
            let timings = *timings;
            let written = journal.commit(&CommittedRound {
                record,
                barriers,
                federation,
                is_best,
                is_last,
                timings,
            });
            (journal, written)
        })
        .await?;
        self.journal = Some(journal);
        written?;
        self.federation = Some(federation);
        self.committed += 1;
        debug!("committed");
        Ok(())
    }
}

/// Trains one stack. A worker that panics fails the clients of this stack only.
async fn train_stack<L: Link>(
    link: Arc<L>,
    plan: Arc<Plan>,
    attempt: u32,
    jobs: Vec<TrainJob>,
) -> Vec<ClientReport> {
    let ticket = |job: &TrainJob| Ticket { round: job.round, attempt, client: job.client };
    let tickets: Vec<Ticket> = jobs.iter().map(ticket).collect();
    let results = match link_calls::train(&link, &plan, jobs).await {
        Ok(results) => results,
        Err(error) => vec![Err(error.to_string()); tickets.len()],
    };
    tickets.into_iter().zip(results.into_iter().map(|result| result.map(Box::new))).collect()
}
