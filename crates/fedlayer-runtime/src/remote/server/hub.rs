//! [`Hub`]: the link to workers in other processes. It turns tasks into jobs, which workers pull.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fedlayer_core::Plan;
use thiserror::Error;
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::spawn_blocking,
    time::{interval, timeout},
};

use super::{
    super::protocol::{
        digest::DigestCache,
        limits::{FAREWELL_TIMEOUT, PROBES_PER_JOB, SCENARIO_BYTES, directions_per_job},
        message::{JobHead, JobId, ReplyRejection, RunId, SessionId, ValueSource},
        translate::job_head,
        validate_reply::ExpectedReply,
    },
    ledger::Ledger,
    metrics::Metrics,
    notice::CoordinatorNotice,
    offer::RunOffer,
};
use crate::{Link, LinkError, Reply, WorkerTask};

/// The workers of other processes. The run uses it as its link, and the service gives its jobs to
/// workers.
pub struct Hub {
    pub(super) offer: RunOffer,
    pub(super) run: RunId,
    /// How long a worker may be silent before it counts as lost.
    pub(super) grace: Duration,
    pub(super) metrics: Arc<Metrics>,
    pub(super) notify: Box<dyn Fn(CoordinatorNotice) + Send + Sync>,
    digests: Arc<DigestCache>,
    ledger: Mutex<Ledger<OpenJob>>,
    /// One permit for each queued job.
    queued: Semaphore,
    /// The number of workers.
    workers: watch::Sender<usize>,
    pub(super) end: watch::Sender<Option<RunEnd>>,
    pub(super) first_processor: Mutex<Option<String>>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("offer", &self.offer).finish_non_exhaustive()
    }
}

/// How a coordinator ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// All plans are finished: workers end too.
    Finished,
    /// The coordinator may be restarted: workers wait for it.
    Stopped,
}

/// Why there can be no hub.
#[derive(Debug, Error)]
pub enum HubError {
    /// The scenario is too long to be sent to workers.
    #[error("the scenario has {bytes} bytes; a coordinator sends at most {}", SCENARIO_BYTES)]
    ScenarioTooLong {
        /// The length of the scenario's text.
        bytes: usize,
    },
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// A job that is not finished.
pub(super) struct OpenJob {
    pub(super) offer: Arc<JobOffer>,
    reply: oneshot::Sender<Result<Reply, LinkError>>,
}

/// A job as a worker gets it.
#[derive(Debug)]
pub(super) struct JobOffer {
    pub(super) head: JobHead,
    pub(super) sources: Vec<ValueSource>,
    pub(super) expected: ExpectedReply,
}

impl Hub {
    /// Makes the hub of a run.
    ///
    /// A worker that is silent for longer than `grace` counts as lost. `notify` may be called from
    /// any thread.
    ///
    /// # Errors
    /// When the scenario's text is too long, or the system gives no random numbers.
    pub fn new(
        offer: RunOffer,
        grace: Duration,
        metrics: Arc<Metrics>,
        notify: impl Fn(CoordinatorNotice) + Send + Sync + 'static,
    ) -> Result<Self, HubError> {
        let bytes = offer.scenario.len();
        if bytes > SCENARIO_BYTES {
            return Err(HubError::ScenarioTooLong { bytes });
        }
        Ok(Self {
            offer,
            run: RunId(random_id()?),
            grace,
            metrics,
            notify: Box::new(notify),
            digests: Arc::default(),
            ledger: Mutex::default(),
            queued: Semaphore::new(0),
            workers: watch::Sender::new(0),
            end: watch::Sender::new(None),
            first_processor: Mutex::default(),
        })
    }

    /// Waits until at least `workers` workers have joined.
    pub async fn wait_for_workers(&self, workers: usize) {
        let mut present = self.workers.subscribe();
        // It cannot fail: `self` holds the sender.
        let _joined = present.wait_for(|present| *present >= workers).await;
    }

    /// Returns the number of workers and the number of their slots.
    pub fn present(&self) -> (usize, usize) {
        self.ledger().present()
    }

    /// Tells the workers that the run has ended, and waits until they have left, at most
    /// [`FAREWELL_TIMEOUT`].
    pub async fn farewell(&self, end: RunEnd) {
        self.end.send_replace(Some(end));
        let mut present = self.workers.subscribe();
        let all_left = present.wait_for(|present| *present == 0);
        let _timed_out = timeout(FAREWELL_TIMEOUT, all_left).await;
    }

    /// Gives jobs that take longer than `deadline` to another worker as well. Never returns.
    pub async fn reissue_overdue(&self, deadline: Duration) {
        let mut tick = interval((deadline / 4).max(Duration::from_millis(10)));
        loop {
            tick.tick().await;
            let overdue = self.ledger().overdue(Instant::now(), deadline);
            if !overdue.is_empty() {
                (self.notify)(CoordinatorNotice::Overdue { jobs: overdue.len() });
                self.requeued(&overdue);
            }
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger<OpenJob>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts jobs that the ledger has queued again, and wakes workers for them.
    pub(super) fn requeued(&self, jobs: &[JobId]) {
        self.metrics.retried(jobs.len());
        self.queued.add_permits(jobs.len());
    }

    /// Waits for a queued job and gives it to a worker. Returns `None` if the session is over.
    ///
    /// Dropping the future loses no job.
    pub(super) async fn give(&self, session: SessionId) -> Option<Arc<JobOffer>> {
        loop {
            self.queued.acquire().await.ok()?.forget();
            let mut ledger = self.ledger();
            if !ledger.knows(session) {
                self.queued.add_permits(1);
                return None;
            }
            // A job that was cancelled leaves its permit behind.
            if let Some((_, job)) = ledger.give(session, Instant::now()) {
                return Some(job.offer.clone());
            }
        }
    }

    /// Adds a worker. Returns the number of workers and of their slots.
    pub(super) fn join(&self, session: SessionId, slots: u32) -> (usize, usize) {
        let mut ledger = self.ledger();
        ledger.join(session, slots);
        let present = ledger.present();
        drop(ledger);
        self.workers.send_replace(present.0);
        present
    }

    /// Removes a worker. Returns how many of its jobs are queued again, and how many workers
    /// remain.
    pub(super) fn remove(&self, session: SessionId) -> (usize, usize) {
        let mut ledger = self.ledger();
        let requeued = ledger.remove(session);
        let remaining = ledger.present().0;
        drop(ledger);
        self.requeued(&requeued);
        self.workers.send_replace(remaining);
        (requeued.len(), remaining)
    }

    /// Finishes a job with its reply.
    ///
    /// # Errors
    /// When nobody waits for the reply.
    pub(super) fn finish(
        &self,
        job: JobId,
        reply: Result<Reply, LinkError>,
    ) -> Result<(), ReplyRejection> {
        let job = self.ledger().finish(job)?;
        job.reply.send(reply).map_err(|_| ReplyRejection::Late)?;
        self.metrics.done(job.offer.head.work.kind());
        Ok(())
    }

    /// Brings the metrics up to date and returns them as text.
    pub(crate) fn metrics_text(&self) -> String {
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
        PROBES_PER_JOB
    }

    fn max_directions(&self, parameters: usize) -> usize {
        directions_per_job(parameters)
    }

    async fn call(&self, task: WorkerTask) -> Result<Reply, LinkError> {
        let same = |plan: &Arc<Plan>| Arc::ptr_eq(plan, &task.plan);
        let Some(plan) = self.offer.plans.iter().position(same) else {
            return Err(LinkError::Refused("the plan is none of the scenario's".to_owned()));
        };
        let job = self.ledger().next_job();
        let expected = ExpectedReply::of(&task, &self.offer.examples);
        let digests = self.digests.clone();
        // Hashing a large model takes too long for an async thread.
        let translated = spawn_blocking(move || job_head(&task, plan as u32, job, &digests));
        let (head, sources) =
            translated.await.map_err(|error| LinkError::Broken(error.to_string()))?;
        check_lengths(&sources, &self.offer.plans[plan])?;
        let offer = Arc::new(JobOffer { head, sources, expected });
        let (reply, answer) = oneshot::channel();
        self.ledger().open(job, OpenJob { offer, reply });
        let _open = CancelOnDrop { hub: self, job };
        self.queued.add_permits(1);
        answer.await.map_err(|_| LinkError::Gone)?
    }
}

/// Checks that models and directions have the plan's length: no worker reads another one.
fn check_lengths(sources: &[ValueSource], plan: &Plan) -> Result<(), LinkError> {
    let expected = plan.layout.value_count();
    let mut lengths = sources.iter().map(|source| source.numbers().len());
    match lengths.find(|&found| found != expected) {
        None => Ok(()),
        Some(found) => Err(LinkError::Refused(format!(
            "found a model or a direction of {found} values; the plan's model has {expected}"
        ))),
    }
}

/// Cancels a job when its call is dropped, because nobody waits for the reply any more.
struct CancelOnDrop<'a> {
    hub: &'a Hub,
    job: JobId,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.hub.ledger().cancel(self.job);
    }
}

/// Draws an id that nobody can guess from the system's random numbers. No result depends on it.
pub(super) fn random_id() -> Result<[u8; 16], getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
