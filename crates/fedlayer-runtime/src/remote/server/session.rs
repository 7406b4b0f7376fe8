//! [`WorkerSession`]: a worker's session, from its `Hello` to its end.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};
use tonic::{Status, Streaming};

use super::{
    super::protocol::{
        limits::{FAREWELL_TIMEOUT, HELLO_TIMEOUT, SLOTS_PER_WORKER},
        message::{CoordinatorNote, Hello, RunIdentity, SessionId, Welcome, WorkerNote},
    },
    hub::{Hub, RunEnd, random_id},
    metrics::Reason,
    notice::CoordinatorNotice,
};

/// A worker's session.
pub(super) struct WorkerSession {
    hub: Arc<Hub>,
    notes: Streaming<WorkerNote>,
    sender: mpsc::Sender<Result<CoordinatorNote, Status>>,
    /// The worker's address; once it has said hello, its name and address.
    worker: String,
}

/// How a worker left.
enum Departure {
    /// The worker said that it leaves, and why.
    Left(String),
    /// The worker was lost without a goodbye, for this reason.
    Lost(String),
    /// The run has ended.
    RunEnded,
}

impl WorkerSession {
    pub(super) fn new(
        hub: Arc<Hub>,
        notes: Streaming<WorkerNote>,
        sender: mpsc::Sender<Result<CoordinatorNote, Status>>,
        address: String,
    ) -> Self {
        Self { hub, notes, sender, worker: address }
    }

    /// Serves the worker until it leaves, is refused, or the run ends.
    pub(super) async fn run(mut self) {
        if let Err(status) = self.attend().await {
            // A worker that is gone cannot be told.
            let _gone = self.sender.send(Err(status)).await;
        }
    }

    async fn attend(&mut self) -> Result<(), Status> {
        let hello = self.receive_hello().await?;
        self.check_program(&hello)?;
        let random = |error| Status::internal(format!("no random numbers: {error}"));
        let session = SessionId(random_id().map_err(random)?);
        self.welcome(session).await?;
        let Some(identity) = self.receive_identity().await? else { return Ok(()) };
        self.check_identity(identity)?;
        let (workers, slots) = self.hub.join(session, hello.slots);
        let worker = self.worker.clone();
        (self.hub.notify)(CoordinatorNotice::Joined { worker: worker.clone(), workers, slots });
        self.compare_processor(&hello);
        let mut guard = SessionGuard { hub: self.hub.clone(), session, worker, is_over: false };
        let departure = match self.send(CoordinatorNote::Accepted).await {
            Ok(()) => self.serve(session).await,
            Err(status) => Departure::Lost(status.message().to_owned()),
        };
        guard.end(departure);
        Ok(())
    }

    /// Waits for the worker's description of itself.
    async fn receive_hello(&mut self) -> Result<Hello, Status> {
        let first = timeout(HELLO_TIMEOUT, self.notes.message()).await;
        match first.map_err(|_| Status::deadline_exceeded("no `Hello` in time"))?? {
            Some(WorkerNote::Hello(hello)) => {
                // The name is for messages only.
                self.worker = format!("`{}` at {}", short(&hello.name), self.worker);
                Ok(hello)
            }
            _ => {
                Err(self.refuse(Reason::Malformed, "a session must begin with `Hello`".to_owned()))
            }
        }
    }

    /// Sends the scenario.
    async fn welcome(&self, session: SessionId) -> Result<(), Status> {
        let offer = &self.hub.offer;
        self.send(CoordinatorNote::Welcome(Welcome {
            run: self.hub.run,
            session,
            grace: self.hub.grace.as_millis() as u64,
            name: offer.name.clone(),
            scenario: offer.scenario.clone(),
        }))
        .await
    }

    /// Waits until the worker has read the scenario. Returns `None` if it leaves because it cannot.
    async fn receive_identity(&mut self) -> Result<Option<RunIdentity>, Status> {
        loop {
            match self.receive().await? {
                WorkerNote::Ready(identity) => return Ok(Some(identity)),
                WorkerNote::Beat { .. } => self.send(CoordinatorNote::Beat).await?,
                WorkerNote::Leave { why } => {
                    // The worker shows the other lines to its own user.
                    let why = why.lines().next().unwrap_or_default().to_owned();
                    let worker = self.worker.clone();
                    (self.hub.notify)(CoordinatorNotice::Refused { worker, why });
                    return Ok(None);
                }
                WorkerNote::Hello(_) => {
                    return Err(self.refuse(Reason::Malformed, "found a second `Hello`".to_owned()));
                }
            }
        }
    }

    /// Answers heartbeats until the worker leaves or the run ends.
    async fn serve(&mut self, session: SessionId) -> Departure {
        let mut end = self.hub.end.subscribe();
        loop {
            let ended = *end.borrow();
            let note = tokio::select! {
                biased;
                () = async { if ended.is_none() { let _sent = end.changed().await; } } => {
                    let Some(ended) = *end.borrow() else { continue };
                    self.say_goodbye(ended).await;
                    return Departure::RunEnded;
                }
                note = self.receive() => note,
            };
            match note {
                Ok(WorkerNote::Beat { held }) => {
                    let requeued = self.hub.ledger().beat(session, &held);
                    self.hub.requeued(&requeued);
                    if let Err(status) = self.send(CoordinatorNote::Beat).await {
                        return Departure::Lost(status.message().to_owned());
                    }
                }
                Ok(WorkerNote::Leave { why }) => return Departure::Left(why),
                Ok(WorkerNote::Hello(_) | WorkerNote::Ready(_)) => {
                    self.hub.metrics.refused(Reason::Malformed);
                    return Departure::Lost("it sent a second `Hello` or `Ready`".to_owned());
                }
                Err(status) => return Departure::Lost(status.message().to_owned()),
            }
        }
    }

    /// Tells the worker that the run has ended, and waits until it closes its side.
    async fn say_goodbye(&mut self, end: RunEnd) {
        let note = match end {
            RunEnd::Finished => CoordinatorNote::Finished,
            RunEnd::Stopped => CoordinatorNote::Stopped,
        };
        // A worker that is gone cannot be told.
        let _gone = self.send(note).await;
        let closed = async { while let Ok(Some(_)) = self.notes.message().await {} };
        let _timed_out = timeout(FAREWELL_TIMEOUT, closed).await;
    }

    /// Waits for the worker's next note, at most the grace.
    async fn receive(&mut self) -> Result<WorkerNote, Status> {
        let grace = self.hub.grace;
        match timeout(grace, self.notes.message()).await {
            Ok(Ok(Some(note))) => Ok(note),
            Ok(Ok(None)) => Err(Status::cancelled("the connection was closed")),
            Ok(Err(status)) => {
                Err(Status::cancelled(format!("the connection broke: {}", status.message())))
            }
            Err(_) => Err(Status::deadline_exceeded(format!("silent for {} s", seconds(grace)))),
        }
    }

    /// Sends a note, which the worker must take within the grace.
    async fn send(&self, note: CoordinatorNote) -> Result<(), Status> {
        let grace = self.hub.grace;
        match timeout(grace, self.sender.send(Ok(note))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::cancelled("the connection was closed")),
            Err(_) => {
                Err(Status::deadline_exceeded(format!("it did not read for {} s", seconds(grace))))
            }
        }
    }

    /// Counts a refusal, tells the user, and returns the error for the worker.
    fn refuse(&self, reason: Reason, why: String) -> Status {
        self.hub.metrics.refused(reason);
        let worker = self.worker.clone();
        (self.hub.notify)(CoordinatorNotice::Refused { worker, why: why.clone() });
        Status::failed_precondition(why)
    }

    /// Checks that the worker's program, device and slots fit the run.
    fn check_program(&self, hello: &Hello) -> Result<(), Status> {
        let offer = &self.hub.offer;
        if hello.version != offer.version {
            let why = format!(
                "version: the worker is fedlayer {}, the coordinator {}; use the same program for both",
                short(&hello.version),
                offer.version
            );
            return Err(self.refuse(Reason::Version, why));
        }
        if hello.device != offer.device {
            let why = format!(
                "device: the worker trains on `{}`, this run on `{}`; give both the same `--device`",
                short(&hello.device),
                offer.device
            );
            return Err(self.refuse(Reason::Device, why));
        }
        if hello.slots == 0 || hello.slots > SLOTS_PER_WORKER {
            let why = format!("slots: found {}; 1 to {SLOTS_PER_WORKER} are allowed", hello.slots);
            return Err(self.refuse(Reason::Malformed, why));
        }
        Ok(())
    }

    /// Checks that the worker has the run's layers, plans and data.
    fn check_identity(&self, found: RunIdentity) -> Result<(), Status> {
        let expected = self.hub.offer.identity;
        for (what, found, expected, help) in [
            (
                "layout",
                found.layout,
                expected.layout,
                "the files that the scenario names for its model differ",
            ),
            ("scenario", found.plans, expected.plans, "build both programs from the same sources"),
            (
                "data",
                found.data,
                expected.data,
                "the data folders differ: give both the same `--data`",
            ),
        ] {
            if found != expected {
                let why =
                    format!("{what}: the worker has {found}, the coordinator {expected}; {help}");
                return Err(self.refuse(Reason::Identity, why));
            }
        }
        Ok(())
    }

    /// Warns if the worker's processor differs from the first worker's: the last bits of results
    /// depend on its instructions.
    fn compare_processor(&self, hello: &Hello) {
        let mut first = self.hub.first_processor.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first.get_or_insert_with(|| hello.processor.clone());
        if *first != hello.processor {
            (self.hub.notify)(CoordinatorNotice::Processors {
                worker: self.worker.clone(),
                found: short(&hello.processor),
                first: first.clone(),
            });
        }
    }
}

/// Shortens a text from a peer to 64 characters, without control characters.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// Removes a worker from the hub when its session ends, even by a panic.
struct SessionGuard {
    hub: Arc<Hub>,
    session: SessionId,
    worker: String,
    is_over: bool,
}

impl SessionGuard {
    /// Removes the worker and tells the user why it left.
    fn end(&mut self, departure: Departure) {
        self.is_over = true;
        let (jobs, workers) = self.hub.remove(self.session);
        let why = match departure {
            Departure::RunEnded => return,
            Departure::Left(why) => short(&why),
            Departure::Lost(why) => {
                self.hub.metrics.lost();
                format!("lost, {why}")
            }
        };
        let worker = self.worker.clone();
        (self.hub.notify)(CoordinatorNotice::Left { worker, why, jobs, workers });
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // After the end of the run nobody waits for the worker: it does not count as lost.
        let has_ended = self.hub.end.borrow().is_some();
        self.end(match has_ended {
            true => Departure::RunEnded,
            false => Departure::Lost("its session broke".to_owned()),
        });
    }
}
