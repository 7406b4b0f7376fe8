//! What a coordinator answers its workers: the four calls of the protocol.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::{
    connections::Caller,
    hub::{CoordinatorNotice, Hub, RunEnd, random},
    limits,
    message::{
        CoordinatorNote, Fetch, Hello, Piece, Pull, Pulled, Receipt, ReplyHead, ReplyPart,
        RunIdentity, SessionId, Unwanted, Welcome, WorkerNote,
    },
    metrics::Reason,
    pieces::{Assembly, pieces},
    wire::workers_server::Workers,
};

/// The service.
pub(crate) struct Desk(pub(crate) Arc<Hub>);

type Notes = ReceiverStream<Result<CoordinatorNote, Status>>;

#[tonic::async_trait]
impl Workers for Desk {
    type AttendStream = Notes;
    type FetchStream = std::pin::Pin<Box<dyn Stream<Item = Result<Piece, Status>> + Send>>;

    async fn attend(
        &self,
        request: Request<Streaming<WorkerNote>>,
    ) -> Result<Response<Notes>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let address = caller.map_or("an unknown address".to_owned(), |c| c.address().to_string());
        let (tell, told) = mpsc::channel(8);
        let session = Session { hub: self.0.clone(), notes: request.into_inner(), tell, address };
        tokio::spawn(session.run());
        Ok(Response::new(ReceiverStream::new(told)))
    }

    async fn pull(&self, request: Request<Pull>) -> Result<Response<Pulled>, Status> {
        let session = request.into_inner().session;
        self.known(session)?;
        Ok(Response::new(match timeout(limits::PULL, self.0.give(session)).await {
            Ok(Some(offer)) => Pulled::Job(Box::new(offer.head.clone())),
            Ok(None) => return Err(no_session()),
            Err(_) => Pulled::Nothing,
        }))
    }

    async fn fetch(&self, request: Request<Fetch>) -> Result<Response<Self::FetchStream>, Status> {
        let Fetch { session, job, blobs } = request.into_inner();
        let offer = self.0.ledger().held(session, job).map(|job| job.offer.clone());
        let offer =
            offer.ok_or_else(|| Status::aborted("the job is not this worker's any more"))?;
        if blobs.len() > offer.sources.len() {
            return Err(self.malformed(format!(
                "found {} blobs; the job has {}",
                blobs.len(),
                offer.sources.len()
            )));
        }
        let wanted = blobs.iter().map(|&blob| offer.sources.get(blob as usize).cloned());
        let wanted = wanted.collect::<Option<Vec<_>>>();
        let sources = wanted.ok_or_else(|| {
            self.malformed(format!("a blob past the job's {}", offer.sources.len()))
        })?;
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces(sources).map(Ok)))))
    }

    async fn push(
        &self,
        request: Request<Streaming<ReplyPart>>,
    ) -> Result<Response<Receipt>, Status> {
        let mut parts = request.into_inner();
        let head = match self.part(&mut parts).await? {
            Some(ReplyPart::Head(head)) => *head,
            _ => return Err(self.malformed("a reply that does not begin with its head".to_owned())),
        };
        let ReplyHead { run, session, job, outcome } = head;
        self.known(session)?;
        if run != self.0.run {
            return Ok(self.unwanted(Unwanted::OtherRun));
        }
        let offer = match self.0.ledger().wanted(job) {
            Ok(open) => open.offer.clone(),
            Err(unwanted) => return Ok(self.unwanted(unwanted)),
        };
        let lengths = offer.expected.lengths(&outcome);
        let mut assembly =
            Assembly::new(lengths.map_err(|error| self.wrong(session, job, &error.0))?);
        while let Some(part) = self.part(&mut parts).await? {
            let ReplyPart::Piece(piece) = part else {
                return Err(self.wrong(session, job, "a second head in one reply"));
            };
            assembly.take(&piece, |_, _| {}).map_err(|error| self.wrong(session, job, &error.0))?;
        }
        let values = assembly.finish().map_err(|error| self.wrong(session, job, &error.0))?;
        let reply = offer.expected.reply(outcome, values);
        Ok(match self.0.finish(job, reply) {
            Ok(()) => Response::new(Receipt::Taken),
            Err(unwanted) => self.unwanted(unwanted),
        })
    }
}

fn no_session() -> Status {
    Status::unauthenticated("the session is over or never was: attend anew")
}

impl Desk {
    fn known(&self, session: SessionId) -> Result<(), Status> {
        if self.0.ledger().knows(session) { Ok(()) } else { Err(no_session()) }
    }

    /// The next part of a reply; it may not take long.
    async fn part(&self, parts: &mut Streaming<ReplyPart>) -> Result<Option<ReplyPart>, Status> {
        match timeout(limits::PIECE, parts.message()).await {
            Ok(part) => part.inspect_err(|status| {
                if matches!(status.code(), tonic::Code::InvalidArgument | tonic::Code::OutOfRange) {
                    self.0.metrics.refused(Reason::Malformed);
                }
            }),
            Err(_) => {
                self.0.metrics.refused(Reason::Slow);
                Err(Status::deadline_exceeded(format!(
                    "a piece took longer than {} s",
                    limits::PIECE.as_secs()
                )))
            }
        }
    }

    fn malformed(&self, why: String) -> Status {
        self.0.metrics.refused(Reason::Malformed);
        Status::invalid_argument(why)
    }

    /// A reply that does not fit its job: the job goes to another worker.
    fn wrong(&self, session: SessionId, job: super::message::JobId, why: &str) -> Status {
        let again = self.0.ledger().hand_back(session, job);
        self.0.requeued(&again);
        self.malformed(format!("the reply to job {}: {why}", job.0))
    }

    fn unwanted(&self, unwanted: Unwanted) -> Response<Receipt> {
        let reason = match unwanted {
            Unwanted::Repeated => Reason::Repeated,
            Unwanted::OtherRun | Unwanted::Late | Unwanted::Unknown => Reason::Late,
        };
        self.0.metrics.refused(reason);
        Response::new(Receipt::Refused(unwanted))
    }
}

/// A worker's stay.
struct Session {
    hub: Arc<Hub>,
    notes: Streaming<WorkerNote>,
    tell: mpsc::Sender<Result<CoordinatorNote, Status>>,
    address: String,
}

/// How a stay ended.
enum Parting {
    /// It said so.
    Left(String),
    /// It did not.
    Lost(String),
    /// The coordinator ends.
    End,
}

impl Session {
    async fn run(mut self) {
        if let Err(status) = self.attend().await {
            // Gone already is refused as well.
            let _gone = self.tell.send(Err(status)).await;
        }
    }

    async fn attend(&mut self) -> Result<(), Status> {
        let first = timeout(limits::HELLO, self.notes.message()).await;
        let hello = match first.map_err(|_| Status::deadline_exceeded("no hello in time"))?? {
            Some(WorkerNote::Hello(hello)) => hello,
            _ => {
                return Err(
                    self.refuse(Reason::Malformed, "a session begins with a hello".to_owned())
                );
            }
        };
        // What it calls itself is for reading only.
        let name: String = hello.name.chars().filter(|c| !c.is_control()).take(64).collect();
        self.address = format!("`{name}` at {}", self.address);
        self.check(&hello)?;
        let session = SessionId(random().map_err(Status::internal)?);
        let briefing = &self.hub.briefing;
        self.say(CoordinatorNote::Welcome(Welcome {
            run: self.hub.run,
            session,
            grace: self.hub.grace.as_millis() as u64,
            name: briefing.name.clone(),
            scenario: briefing.scenario.clone(),
        }))
        .await?;
        let identity = loop {
            match self.hear().await? {
                WorkerNote::Ready(identity) => break identity,
                WorkerNote::Beat { .. } => self.say(CoordinatorNote::Beat).await?,
                WorkerNote::Leave { why } => {
                    // The worker shows the whole of it to its own user.
                    let why = why.lines().next().unwrap_or_default().to_owned();
                    (self.hub.notice)(CoordinatorNotice::Refused {
                        worker: self.address.clone(),
                        why,
                    });
                    return Ok(());
                }
                WorkerNote::Hello(_) => {
                    return Err(self.refuse(Reason::Malformed, "a second hello".to_owned()));
                }
            }
        };
        self.compare(identity)?;
        let (workers, slots) = self.hub.join(session, hello.slots);
        let worker = self.address.clone();
        (self.hub.notice)(CoordinatorNotice::Joined { worker: worker.clone(), workers, slots });
        self.processor(&hello);
        let mut member = Member { hub: self.hub.clone(), session, worker, over: false };
        let parting = match self.say(CoordinatorNote::Accepted).await {
            Ok(()) => self.stay(session).await,
            Err(status) => Parting::Lost(status.message().to_owned()),
        };
        member.part(parting);
        Ok(())
    }

    /// As long as the worker is there.
    async fn stay(&mut self, session: SessionId) -> Parting {
        let mut end = self.hub.end.subscribe();
        loop {
            let ended = *end.borrow();
            let note = tokio::select! {
                biased;
                () = async { if ended.is_none() { let _sent = end.changed().await; } } => {
                    let Some(ended) = *end.borrow() else { continue };
                    let note = match ended {
                        RunEnd::Finished => CoordinatorNote::Finished,
                        RunEnd::Stopped => CoordinatorNote::Stopped,
                    };
                    // A worker that is gone need not be told. One that heard it closes its side.
                    let _told = self.say(note).await;
                    let heard = async { while let Ok(Some(_)) = self.notes.message().await {} };
                    let _deaf = timeout(limits::FAREWELL, heard).await;
                    return Parting::End;
                }
                note = self.hear() => note,
            };
            match note {
                Ok(WorkerNote::Beat { held }) => {
                    let again = self.hub.ledger().beat(session, &held);
                    self.hub.requeued(&again);
                    if let Err(status) = self.say(CoordinatorNote::Beat).await {
                        return Parting::Lost(status.message().to_owned());
                    }
                }
                Ok(WorkerNote::Leave { why }) => return Parting::Left(why),
                Ok(WorkerNote::Hello(_) | WorkerNote::Ready(_)) => {
                    self.hub.metrics.refused(Reason::Malformed);
                    return Parting::Lost("it said hello twice".to_owned());
                }
                Err(status) => return Parting::Lost(status.message().to_owned()),
            }
        }
    }

    /// The worker's next note; silence for longer than the grace is an error.
    async fn hear(&mut self) -> Result<WorkerNote, Status> {
        let grace = self.hub.grace;
        match timeout(grace, self.notes.message()).await {
            Ok(Ok(Some(note))) => Ok(note),
            Ok(Ok(None)) => Err(Status::cancelled("the connection was closed")),
            Ok(Err(status)) => {
                Err(Status::cancelled(format!("the connection broke: {}", status.message())))
            }
            Err(_) => {
                Err(Status::deadline_exceeded(format!("not heard of for {} s", seconds(grace))))
            }
        }
    }

    /// Tells the worker something; it must take it within the grace.
    async fn say(&self, note: CoordinatorNote) -> Result<(), Status> {
        let grace = self.hub.grace;
        match timeout(grace, self.tell.send(Ok(note))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::cancelled("the connection was closed")),
            Err(_) => Err(Status::deadline_exceeded(format!(
                "it did not listen for {} s",
                seconds(grace)
            ))),
        }
    }

    fn refuse(&self, reason: Reason, why: String) -> Status {
        self.hub.metrics.refused(reason);
        (self.hub.notice)(CoordinatorNotice::Refused {
            worker: self.address.clone(),
            why: why.clone(),
        });
        Status::failed_precondition(why)
    }

    /// Whether the worker's program and device are the run's.
    fn check(&self, hello: &Hello) -> Result<(), Status> {
        let briefing = &self.hub.briefing;
        if hello.version != briefing.version {
            return Err(self.refuse(
                Reason::Version,
                format!(
                    "version: the worker is fedlayer {}, the coordinator {}; use the same program for both",
                    short(&hello.version),
                    briefing.version
                ),
            ));
        }
        if hello.device != briefing.device {
            return Err(self.refuse(
                Reason::Device,
                format!(
                    "device: the worker trains on `{}`, this run on `{}`; give both the same `--device`",
                    short(&hello.device),
                    briefing.device
                ),
            ));
        }
        if hello.slots == 0 || hello.slots > limits::SLOTS {
            let why = format!("slots: found {}; 1 to {} are allowed", hello.slots, limits::SLOTS);
            return Err(self.refuse(Reason::Malformed, why));
        }
        Ok(())
    }

    /// Whether the worker's layers, scenario and data are the run's.
    fn compare(&self, found: RunIdentity) -> Result<(), Status> {
        let expected = self.hub.briefing.identity;
        for (what, found, expected, help) in [
            (
                "layout",
                found.layout,
                expected.layout,
                "the files that the scenario names for its model differ",
            ),
            (
                "scenario",
                found.plans,
                expected.plans,
                "the same program must read it; build both from the same sources",
            ),
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

    /// Last bits follow the processor's instructions: say so, where two workers differ.
    fn processor(&self, hello: &Hello) {
        let mut first =
            self.hub.first_processor.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = first.get_or_insert_with(|| hello.processor.clone());
        if *first != hello.processor {
            (self.hub.notice)(CoordinatorNotice::Processors {
                worker: self.address.clone(),
                found: short(&hello.processor),
                first: first.clone(),
            });
        }
    }
}

/// What a peer says of itself, short enough for a line.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// A worker that joined. However its session ends, it is taken off the list.
struct Member {
    hub: Arc<Hub>,
    session: SessionId,
    worker: String,
    over: bool,
}

impl Member {
    fn part(&mut self, parting: Parting) {
        self.over = true;
        let (jobs, workers) = self.hub.lose(self.session);
        let why = match parting {
            Parting::End => return,
            Parting::Left(why) => short(&why),
            Parting::Lost(why) => {
                self.hub.metrics.lost();
                format!("lost, {why}")
            }
        };
        (self.hub.notice)(CoordinatorNotice::Left {
            worker: self.worker.clone(),
            why,
            jobs,
            workers,
        });
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.over {
            let has_ended = self.hub.end.borrow().is_some();
            // A worker that did not hear of the end in time is not lost: nobody waits for it any more.
            self.part(match has_ended {
                true => Parting::End,
                false => Parting::Lost("its session broke".to_owned()),
            });
        }
    }
}
