//! [`Hub`]: the link to workers in other processes. Tasks become jobs, workers pull them, replies wake whoever asked.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fedlayer_core::{Plan, Split};
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::spawn_blocking,
};

use super::{
    expected::Expected,
    ledger::Ledger,
    limits::{PROBES, SCENARIO_BYTES},
    message::{JobHead, JobId, RunId, RunIdentity, SessionId, Source, Unwanted},
    metrics::Metrics,
    translate::{Names, head},
};
use crate::{Link, LinkError, Reply, WorkerTask};

/// What a coordinator hands to its workers, and what it asks of them.
pub struct RunOffer {
    /// What the scenario is called in messages.
    pub name: String,
    /// The scenario's text.
    pub scenario: String,
    /// The plans that a worker makes of it, in order.
    pub plans: Vec<Arc<Plan>>,
    /// What a worker must agree on.
    pub identity: RunIdentity,
    /// What workers must train on: `cpu` or `cuda`.
    pub device: String,
    /// The version of the program.
    pub version: String,
    /// How many examples a split of a plan has, so that an evaluation is known to be whole.
    pub examples: SplitLengths,
}

/// How many examples a split of a plan has.
pub type SplitLengths = Box<dyn Fn(&Plan, Split) -> usize + Send + Sync>;

impl fmt::Debug for RunOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOffer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Something about the workers that a person may want to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorNotice {
    /// A worker joined. How many there are then, and their slots.
    Joined {
        /// What it calls itself, and where it is.
        worker: String,
        /// Workers.
        workers: usize,
        /// Their slots.
        slots: usize,
    },
    /// A worker went and said so, or was lost.
    Left {
        /// What it calls itself, and where it is.
        worker: String,
        /// Why.
        why: String,
        /// Jobs that are given out again because of it.
        jobs: usize,
        /// Workers that are left.
        workers: usize,
    },
    /// A worker or a message was refused.
    Refused {
        /// What it calls itself, and where it is.
        worker: String,
        /// Why, with both sides' values.
        why: String,
    },
    /// Jobs take longer than the deadline, and are given out again.
    Overdue {
        /// How many.
        jobs: usize,
    },
    /// A worker's processor differs from the first worker's.
    Processors {
        /// The worker.
        worker: String,
        /// What its processor has.
        found: String,
        /// What the first worker's has.
        first: String,
    },
}

impl fmt::Display for CoordinatorNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { worker, workers, slots } => {
                write!(f, "worker {worker} joined (workers: {workers}, slots: {slots})")
            }
            Self::Left { worker, why, jobs, workers } => {
                write!(
                    f,
                    "worker {worker} left: {why} (jobs given out again: {jobs}, workers left: {workers})"
                )
            }
            Self::Refused { worker, why } => write!(f, "refused {worker}: {why}"),
            Self::Overdue { jobs } => {
                write!(f, "jobs past the deadline that are given to another worker as well: {jobs}")
            }
            Self::Processors { worker, found, first } => write!(
                f,
                "worker {worker} has another processor (`{found}`; the first worker has `{first}`): last bits may differ"
            ),
        }
    }
}

/// The workers of other processes. Clones of the [`Arc`] around it are the link and the service.
pub struct Hub {
    pub(crate) briefing: RunOffer,
    pub(crate) run: RunId,
    pub(crate) grace: Duration,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) notice: Box<dyn Fn(CoordinatorNotice) + Send + Sync>,
    names: Arc<Names>,
    ledger: Mutex<Ledger<Job>>,
    /// One permit for each job that waits.
    waiting: Semaphore,
    /// Workers that are there.
    present: watch::Sender<usize>,
    pub(crate) end: watch::Sender<Option<RunEnd>>,
    pub(crate) first_processor: Mutex<Option<String>>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("briefing", &self.briefing).finish_non_exhaustive()
    }
}

/// How a coordinator ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every plan is finished: workers may go.
    Finished,
    /// It may come back: workers wait for it.
    Stopped,
}

/// What belongs to an open job.
pub(crate) struct Job {
    pub(crate) offer: Arc<Offer>,
    reply: oneshot::Sender<Result<Reply, LinkError>>,
}

/// A job as it is handed out.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) head: JobHead,
    pub(crate) sources: Vec<Source>,
    pub(crate) expected: Expected,
}

impl Hub {
    /// For a run. `notice` is called with what a person may want to read, from any thread; `grace` is how long a worker may be silent.
    ///
    /// # Errors
    /// When the scenario's text is too long to be handed out, or the system gives no random numbers.
    pub fn new(
        briefing: RunOffer,
        grace: Duration,
        metrics: Arc<Metrics>,
        notice: impl Fn(CoordinatorNotice) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let bytes = briefing.scenario.len();
        if bytes > SCENARIO_BYTES {
            return Err(format!(
                "the scenario has {bytes} bytes; a coordinator hands out at most {SCENARIO_BYTES}"
            ));
        }
        Ok(Self {
            briefing,
            run: RunId(random()?),
            grace,
            metrics,
            notice: Box::new(notice),
            names: Arc::default(),
            ledger: Mutex::default(),
            waiting: Semaphore::new(0),
            present: watch::Sender::new(0),
            end: watch::Sender::new(None),
            first_processor: Mutex::default(),
        })
    }

    /// Waits until so many workers are there.
    pub async fn wait_for_workers(&self, workers: usize) {
        let mut present = self.present.subscribe();
        // The sender lives as long as this does.
        let _there = present.wait_for(|present| *present >= workers).await;
    }

    /// How many workers are there, and their slots.
    pub fn present(&self) -> (usize, usize) {
        self.ledger().present()
    }

    /// Tells the workers that it is over, and waits a little until they have heard it.
    pub async fn farewell(&self, end: RunEnd) {
        self.end.send_replace(Some(end));
        let mut present = self.present.subscribe();
        let gone = present.wait_for(|present| *present == 0);
        let _late = tokio::time::timeout(super::limits::FAREWELL, gone).await;
    }

    /// Gives jobs that take longer than `deadline` out again, for ever.
    pub async fn reissue_overdue(&self, deadline: Duration) {
        let mut tick = tokio::time::interval((deadline / 4).max(Duration::from_millis(10)));
        loop {
            tick.tick().await;
            let again = self.ledger().overdue(Instant::now(), deadline);
            if !again.is_empty() {
                (self.notice)(CoordinatorNotice::Overdue { jobs: again.len() });
                self.requeued(&again);
            }
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger<Job>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs wait again.
    pub(crate) fn requeued(&self, jobs: &[JobId]) {
        self.metrics.retried(jobs.len());
        self.waiting.add_permits(jobs.len());
    }

    /// Waits for a job and gives it to a worker; a wait that is dropped takes nothing away.
    pub(crate) async fn give(&self, session: SessionId) -> Option<Arc<Offer>> {
        loop {
            self.waiting.acquire().await.ok()?.forget();
            let mut ledger = self.ledger();
            if !ledger.knows(session) {
                self.waiting.add_permits(1);
                return None;
            }
            // The job of this permit may have been cancelled meanwhile.
            if let Some((_, job)) = ledger.give(session, Instant::now()) {
                return Some(job.offer.clone());
            }
        }
    }

    pub(crate) fn join(&self, session: SessionId, slots: u32) -> (usize, usize) {
        let mut ledger = self.ledger();
        ledger.join(session, slots);
        let present = ledger.present();
        drop(ledger);
        self.present.send_replace(present.0);
        present
    }

    /// Ends a session; returns how many of its jobs wait again, and how many workers are left.
    pub(crate) fn lose(&self, session: SessionId) -> (usize, usize) {
        let mut ledger = self.ledger();
        let again = ledger.lose(session);
        let left = ledger.present().0;
        drop(ledger);
        self.requeued(&again);
        self.present.send_replace(left);
        (again.len(), left)
    }

    /// Takes the reply to a job. Whoever asked may have gone meanwhile.
    pub(crate) fn finish(
        &self,
        job: JobId,
        reply: Result<Reply, LinkError>,
    ) -> Result<(), Unwanted> {
        let job = self.ledger().finish(job)?;
        job.reply.send(reply).map_err(|_| Unwanted::Late)
    }

    /// The counts, brought up to date.
    pub(crate) fn counts(&self) -> String {
        let ledger = self.ledger();
        self.metrics.present(ledger.present(), ledger.load());
        drop(ledger);
        self.metrics.text()
    }
}

impl Link for Hub {
    fn slots(&self) -> usize {
        self.present().1.max(1)
    }

    fn max_probes(&self) -> usize {
        PROBES
    }

    async fn call(&self, task: WorkerTask) -> Result<Reply, LinkError> {
        let same = |plan: &Arc<Plan>| Arc::ptr_eq(plan, &task.plan);
        let Some(plan) = self.briefing.plans.iter().position(same) else {
            return Err(LinkError::Refused("the plan is none of the scenario's".to_owned()));
        };
        let number = self.ledger().number();
        let expected = Expected::of(&task, &self.briefing.examples);
        let names = self.names.clone();
        // Naming a large model's values takes a while.
        let named = spawn_blocking(move || head(&task, plan as u32, number, &names));
        let (head, sources) = named.await.map_err(|error| LinkError::Broken(error.to_string()))?;
        let offer = Offer { head, sources, expected };
        let (reply, answer) = oneshot::channel();
        self.ledger().open(number, Job { offer: Arc::new(offer), reply });
        let _open = Cancel { hub: self, number };
        self.waiting.add_permits(1);
        answer.await.map_err(|_| LinkError::Gone)?
    }
}

/// Nobody waits for a job whose call was dropped.
struct Cancel<'a> {
    hub: &'a Hub,
    number: JobId,
}

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        self.hub.ledger().cancel(self.number);
    }
}

/// Random bytes of the system: names that nobody can guess. No result depends on them.
pub(crate) fn random() -> Result<[u8; 16], String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random numbers: {error}"))?;
    Ok(bytes)
}
