//! [`run_plan`]: the coordinator. It performs what the state machine asks for and tells it what happened; it decides nothing itself.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use fedlayer_core::{
    Action, AverageError, ClientId, CohortUpdates, Event, Failure, Federation, LayerSchedule,
    Machine, MissingCause, Params, Phase, Plan, Ticket, TrainJob, Update, spec::OptimizerMemory,
    stacks,
};
use thiserror::Error;
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{Instrument, debug, info_span, warn};

use crate::{
    CommittedRound, Journal, Link, LinkError, Reply, Shutdown, Work, WorkerTask,
    measure::{Measured, measure},
};

/// Where a run begins: at the start, or after the rounds that a checkpoint holds.
#[derive(Debug, Clone)]
pub struct ResumePoint {
    /// Rounds that are committed.
    pub committed: u32,
    /// The models of all clients after them.
    pub federation: Arc<Federation>,
}

/// Why a run ended before its last round.
#[derive(Debug, Error)]
pub enum RunError {
    /// Too few clients reported.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// A worker could not do what everything else depends on.
    #[error("a worker could not do its part: {0}")]
    Link(#[from] LinkError),
    /// The models could not be averaged.
    #[error(transparent)]
    Average(#[from] AverageError),
    /// A committed round could not be written.
    #[error("{0}")]
    Journal(String),
    /// The strategy's layers are not the model's: the plan was not validated.
    #[error("the strategy does not fit the model: {0}")]
    Strategy(String),
    /// The caller ended the run; the round in training is abandoned.
    #[error("interrupted in round {round}")]
    Interrupted {
        /// The round that was abandoned.
        round: u32,
    },
    /// A helper thread broke.
    #[error("a part of the round broke: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// Runs a plan to its last round, from the start or from where a checkpoint left it.
///
/// `examples` says how many training examples a client has. Every result depends on the plan alone: workers may be many or few,
/// fast or slow.
///
/// # Errors
/// See [`RunError`]; what was committed before stays in the journal.
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
        let schedule =
            LayerSchedule::new(&plan.strategy.average, &plan.layout).map_err(RunError::Strategy)?;
        let mut coordinator = Coordinator {
            plan,
            examples,
            link,
            journal: Some(journal),
            schedule,
            round: from.as_ref().map_or(0, |origin| origin.committed),
            committed: from.as_ref().map_or(0, |origin| origin.committed),
            federation: from.map(|origin| origin.federation),
            starts: BTreeMap::new(),
            training: JoinSet::new(),
            deadline: None,
            measured: None,
            began: Instant::now(),
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

/// What one client of a stack came to.
type Report = (Ticket, Result<Box<Update>, String>);

struct Coordinator<L, J, E> {
    plan: Arc<Plan>,
    examples: E,
    link: Arc<L>,
    /// Absent while a commit is under way.
    journal: Option<J>,
    schedule: LayerSchedule,
    /// After the last committed round; absent until the initial parameters are drawn.
    federation: Option<Arc<Federation>>,
    /// Committed rounds.
    committed: u32,
    /// The round that was begun last.
    round: u32,
    /// The model that each client of the round started from.
    starts: BTreeMap<ClientId, Arc<Params>>,
    /// The stacks in training.
    training: JoinSet<Vec<Report>>,
    deadline: Option<Deadline>,
    measured: Option<Measured>,
    /// When the round was begun.
    began: Instant,
}

/// When an attempt is over.
#[derive(Clone, Copy)]
struct Deadline {
    at: tokio::time::Instant,
    round: u32,
    attempt: u32,
}

impl<L: Link, J: Journal, E: Fn(ClientId) -> usize> Coordinator<L, J, E> {
    /// Events in, actions out, until the machine waits for nothing any more.
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

    /// Lets the journal keep what is committed, before the run is ended early. A commit under way finishes by itself.
    async fn persist(&mut self) -> Result<(), RunError> {
        if let (Some(mut journal), Some(federation)) = (self.journal.take(), &self.federation) {
            let (committed, federation) = (self.committed, federation.clone());
            let kept = spawn_blocking(move || journal.persist(committed, &federation)).await?;
            kept.map_err(RunError::Journal)?;
        }
        Ok(())
    }

    /// Waits for a stack to come back or for the deadline.
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

    /// Does what the machine asks for; returns what happened at once.
    async fn perform(&mut self, action: Action) -> Result<Option<Event>, RunError> {
        match action {
            Action::Train { round, attempt, clients } => {
                self.train(round, attempt, &clients).await?;
                Ok(None)
            }
            Action::StartDeadline { round, attempt } => {
                let seconds = self.plan.clients.deadline;
                self.deadline = seconds.map(|seconds| Deadline {
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
                Ok(Some(Event::Probed { round }))
            }
            Action::Commit { round } => {
                self.commit().instrument(info_span!("round", round)).await?;
                Ok(None)
            }
        }
    }

    /// Sends the clients to the workers, stack by stack.
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
        // What is left of an attempt that was given up: the pool skips stacks that nobody waits for.
        self.training = JoinSet::new();
        self.starts.clear();
        let keeps = self.plan.local.optimizer_state == OptimizerMemory::Keep;
        for stack in stacks(clients, self.plan.layout.value_count(), &self.examples) {
            let mut jobs = Vec::new();
            for client in stack {
                let params = federation.model(client);
                self.starts.insert(client, params.clone());
                jobs.push(TrainJob {
                    client,
                    round,
                    params,
                    optimizer: federation.optimizer(client).filter(|_| keeps),
                    seed: self
                        .plan
                        .root_seed()
                        .child("client")
                        .index(client.0.into())
                        .index(round.into()),
                });
            }
            let (link, plan) = (self.link.clone(), self.plan.clone());
            let span = info_span!("round", round, attempt);
            self.training.spawn(train_stack(link, plan, attempt, jobs).instrument(span));
        }
        Ok(())
    }

    /// The models of all clients; the initial ones are drawn when they are first asked for.
    async fn federation(&mut self) -> Result<Arc<Federation>, RunError> {
        if let Some(federation) = &self.federation {
            return Ok(federation.clone());
        }
        let seed = self.plan.root_seed().child("initial parameters");
        let task = WorkerTask { plan: self.plan.clone(), work: Work::Initial(seed) };
        let Reply::Initial(params) = self.link.call(task).await? else {
            return Err(LinkError::Mismatch { found: 0, expected: 1 }.into());
        };
        let federation = Arc::new(Federation::new(Arc::new(params)));
        self.federation = Some(federation.clone());
        Ok(federation)
    }

    /// Measures, averages and evaluates; what came out waits for its commit.
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
        let mut measured =
            measure(&self.link, &self.plan, &self.schedule, federation, starts, gathered).await?;
        measured.timings.train = train;
        self.measured = Some(measured);
        Ok(())
    }

    /// Writes the round down, on a thread that may block.
    async fn commit(&mut self) -> Result<(), RunError> {
        let (Some(measured), Some(mut journal)) = (self.measured.take(), self.journal.take())
        else {
            return Err(RunError::Journal(
                "a round was to be committed that is not measured".into(),
            ));
        };
        debug!("committing");
        let federation = measured.federation.clone();
        let (journal, written) = spawn_blocking(move || {
            let Measured { record, barriers, federation, timings } = &measured;
            let timings = *timings;
            let written = journal.commit(&CommittedRound { record, barriers, federation, timings });
            (journal, written)
        })
        .await?;
        self.journal = Some(journal);
        written.map_err(RunError::Journal)?;
        self.federation = Some(federation);
        self.committed += 1;
        debug!("committed");
        Ok(())
    }
}

/// Trains one stack; a worker that breaks fails the clients of its stack, and nobody else.
async fn train_stack<L: Link>(
    link: Arc<L>,
    plan: Arc<Plan>,
    attempt: u32,
    jobs: Vec<TrainJob>,
) -> Vec<Report> {
    let ticket = |job: &TrainJob| Ticket { round: job.round, attempt, client: job.client };
    let tickets: Vec<Ticket> = jobs.iter().map(ticket).collect();
    let results = match link.call(WorkerTask { plan, work: Work::Train(jobs) }).await {
        Ok(Reply::Trained(results)) if results.len() == tickets.len() => results,
        Ok(_) => vec![Err("the worker returned something else".to_owned()); tickets.len()],
        Err(error) => vec![Err(error.to_string()); tickets.len()],
    };
    tickets.into_iter().zip(results.into_iter().map(|result| result.map(Box::new))).collect()
}
