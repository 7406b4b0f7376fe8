//! [`Session`]: one session with a coordinator.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Endpoint};

use super::{
    super::protocol::{
        limits::{DRAIN_TIMEOUT, FAREWELL_TIMEOUT, HELLO_TIMEOUT},
        message::{CoordinatorNote, Hello, RunIdentity, Welcome, WorkerNote},
    },
    blobs::BlobFetcher,
    config::WorkerConfig,
    connection::{CoordinatorClient, connect},
    error::SessionError,
    heartbeat::{HeldJobs, SessionHeartbeat},
    outcome::WorkerOutcome,
    prepared_run::PreparedRun,
    slot::Slot,
};
use crate::Shutdown;

/// A session with a coordinator, after its welcome.
pub(super) struct Session {
    coordinator: String,
    client: CoordinatorClient,
    welcome: Welcome,
    notes: Streaming<CoordinatorNote>,
    sender: mpsc::Sender<WorkerNote>,
    held: HeldJobs,
    _heartbeat: SessionHeartbeat,
}

/// The slots of a session, each a task.
type Slots = JoinSet<Result<(), SessionError>>;

impl Session {
    /// Connects to the coordinator, says hello and waits for its welcome.
    pub(super) async fn open(
        config: &WorkerConfig,
        endpoint: &Endpoint,
    ) -> Result<Self, SessionError> {
        let client = connect(config, endpoint).await?;
        let refused = |status: Status| SessionError::of_session(&config.coordinator, &status);
        let (sender, receiver) = mpsc::channel(8);
        // It cannot fail: the channel is empty and its receiver exists.
        let _queued = sender.try_send(WorkerNote::Hello(hello(config)));
        let attended = client.clone().attend(ReceiverStream::new(receiver)).await;
        let mut notes = attended.map_err(refused)?.into_inner();
        let first = receive_within(HELLO_TIMEOUT, &mut notes).await.map_err(refused)?;
        let Some(CoordinatorNote::Welcome(welcome)) = first else {
            return Err(SessionError::Transient("it did not send `Welcome`".to_owned()));
        };
        let held = HeldJobs::default();
        let grace = Duration::from_millis(welcome.grace);
        let _heartbeat = SessionHeartbeat::start(sender.clone(), held.clone(), grace / 5);
        let coordinator = config.coordinator.clone();
        Ok(Self { coordinator, client, welcome, notes, sender, held, _heartbeat })
    }

    /// Returns the coordinator's welcome, with the scenario.
    pub(super) fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Tells the coordinator what the worker has read, and waits until it is accepted.
    ///
    /// Returns `false` if the run is finished already.
    pub(super) async fn wait_until_accepted(
        &mut self,
        identity: RunIdentity,
    ) -> Result<bool, SessionError> {
        // If reading the scenario took too long, the coordinator has closed the session; the loop
        // below receives its reason.
        let _queued = self.sender.send(WorkerNote::Ready(identity)).await;
        loop {
            match self.receive().await? {
                Some(CoordinatorNote::Accepted) => return Ok(true),
                Some(CoordinatorNote::Finished) => return Ok(false),
                Some(CoordinatorNote::Stopped) => {
                    return Err(SessionError::Transient(
                        "it stopped, and may come back".to_owned(),
                    ));
                }
                Some(CoordinatorNote::Beat | CoordinatorNote::Welcome(_)) => {}
                None => return Err(SessionError::Transient("it closed the session".to_owned())),
            }
        }
    }

    /// Does jobs until the run is finished, the session breaks, or a shutdown is given.
    pub(super) async fn work(
        mut self,
        prepared: &PreparedRun,
        slots: u32,
        shutdown: &Shutdown,
    ) -> Result<WorkerOutcome, SessionError> {
        let mut shutdown = shutdown.clone();
        let (drain, draining) = watch::channel(false);
        // Dropping the slots ends them. The coordinator gives their jobs out again.
        let mut slots = self.start_slots(prepared, slots, &draining);
        loop {
            tokio::select! {
                biased;
                () = shutdown.wait() => {
                    drain.send_replace(true);
                    self.drain(slots).await;
                    return Ok(WorkerOutcome::Drained);
                }
                note = self.receive() => if let Some(end) = end_of_session(note?) {
                    return end;
                },
                Some(ended) = slots.join_next() => check_slot(ended)?,
            }
        }
    }

    fn start_slots(
        &self,
        prepared: &PreparedRun,
        count: u32,
        draining: &watch::Receiver<bool>,
    ) -> Slots {
        let fetching = Arc::default();
        let mut slots = JoinSet::new();
        for _ in 0..count {
            let slot = Slot {
                client: self.client.clone(),
                run: self.welcome.run,
                session: self.welcome.session,
                plans: prepared.plans.clone(),
                pool: prepared.pool.clone(),
                blobs: BlobFetcher {
                    client: self.client.clone(),
                    session: self.welcome.session,
                    cache: prepared.cache.clone(),
                    fetching: Arc::clone(&fetching),
                },
                held: self.held.clone(),
            };
            slots.spawn(slot.run(draining.clone()));
        }
        slots
    }

    /// Lets the slots finish their jobs within [`DRAIN_TIMEOUT`], then leaves.
    async fn drain(mut self, mut slots: Slots) {
        let finished = async { while slots.join_next().await.is_some() {} };
        let _timed_out = timeout(DRAIN_TIMEOUT, finished).await;
        slots.abort_all();
        self.leave("it was told to stop".to_owned()).await;
        drop(self.sender);
        // The coordinator closes the session when it has heard; its other notes no longer matter.
        let closed = async { while let Ok(Some(_)) = self.notes.message().await {} };
        let _timed_out = timeout(FAREWELL_TIMEOUT, closed).await;
    }

    /// Tells the coordinator that the worker leaves, and why.
    pub(super) async fn leave(&self, why: String) {
        // A coordinator that is gone need not be told.
        let _gone = self.sender.send(WorkerNote::Leave { why }).await;
    }

    /// Waits for the coordinator's next note, at most the grace. Returns `None` after the last one.
    async fn receive(&mut self) -> Result<Option<CoordinatorNote>, SessionError> {
        let grace = Duration::from_millis(self.welcome.grace);
        receive_within(grace, &mut self.notes)
            .await
            .map_err(|status| SessionError::of_session(&self.coordinator, &status))
    }
}

fn hello(config: &WorkerConfig) -> Hello {
    Hello {
        version: config.version.clone(),
        name: config.name.clone(),
        slots: config.slots,
        device: config.device.clone(),
        processor: config.processor.clone(),
    }
}

/// Waits for the next note, at most `time`. Returns `None` after the last one.
async fn receive_within(
    time: Duration,
    notes: &mut Streaming<CoordinatorNote>,
) -> Result<Option<CoordinatorNote>, Status> {
    match timeout(time, notes.message()).await {
        Ok(note) => note,
        Err(_) => Err(Status::deadline_exceeded(format!("silent for {} s", time.as_secs_f64()))),
    }
}

/// Returns how a note ends the session, or `None` if it does not.
fn end_of_session(note: Option<CoordinatorNote>) -> Option<Result<WorkerOutcome, SessionError>> {
    let transient = |why: &str| Some(Err(SessionError::Transient(why.to_owned())));
    match note {
        Some(CoordinatorNote::Finished) => Some(Ok(WorkerOutcome::Finished)),
        Some(CoordinatorNote::Stopped) => transient("it stopped, and may come back"),
        Some(CoordinatorNote::Welcome(_) | CoordinatorNote::Accepted | CoordinatorNote::Beat) => {
            None
        }
        None => transient("it closed the session"),
    }
}

/// Checks how a slot ended. A panic ends the session, so that all slots restart.
fn check_slot(ended: Result<Result<(), SessionError>, JoinError>) -> Result<(), SessionError> {
    ended.unwrap_or_else(|panic| Err(SessionError::Transient(panic.to_string())))
}
