//! [`WorkersService`]: the coordinator's answers to the four calls of the protocol.

use std::sync::Arc;

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Code, Request, Response, Status, Streaming};

use super::{
    super::protocol::{
        generated::workers_server::Workers,
        limits::{PIECE_TIMEOUT, PULL_TIMEOUT},
        message::{
            CoordinatorNote, Fetch, JobId, Piece, Pull, Pulled, Receipt, ReplyHead, ReplyPart,
            ReplyRejection, SessionId, WorkerNote,
        },
        numbers::WireNumber,
        pieces::{Assembly, pieces},
        validate_reply::{ReplyLengths, ReplyValues},
    },
    connection::ConnectionHandle,
    hub::{Hub, JobOffer},
    metrics::Reason,
    session::WorkerSession,
};

/// The service `fedlayer.v1.Workers`.
pub(super) struct WorkersService(pub(super) Arc<Hub>);

type Notes = ReceiverStream<Result<CoordinatorNote, Status>>;

#[tonic::async_trait]
impl Workers for WorkersService {
    type AttendStream = Notes;
    type FetchStream = std::pin::Pin<Box<dyn Stream<Item = Result<Piece, Status>> + Send>>;

    async fn attend(
        &self,
        request: Request<Streaming<WorkerNote>>,
    ) -> Result<Response<Notes>, Status> {
        let connection = request.extensions().get::<ConnectionHandle>();
        let address = connection
            .map_or("an unknown address".to_owned(), |connection| connection.address().to_string());
        let (sender, receiver) = mpsc::channel(8);
        let session = WorkerSession::new(self.0.clone(), request.into_inner(), sender, address);
        tokio::spawn(session.run());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn pull(&self, request: Request<Pull>) -> Result<Response<Pulled>, Status> {
        let session = request.into_inner().session;
        self.check_session(session)?;
        Ok(Response::new(match timeout(PULL_TIMEOUT, self.0.give(session)).await {
            Ok(Some(offer)) => Pulled::Job(Box::new(offer.head.clone())),
            Ok(None) => return Err(no_session()),
            Err(_) => Pulled::Nothing,
        }))
    }

    async fn fetch(&self, request: Request<Fetch>) -> Result<Response<Self::FetchStream>, Status> {
        let Fetch { session, job, blobs } = request.into_inner();
        let offer = self.0.ledger().held(session, job).map(|job| job.offer.clone());
        let offer = offer.ok_or_else(|| Status::aborted("the worker no longer holds the job"))?;
        if blobs.len() > offer.sources.len() {
            return Err(self.malformed(format!(
                "found {} blobs; the job has {}",
                blobs.len(),
                offer.sources.len()
            )));
        }
        let source = |&blob: &u32| {
            offer.sources.get(blob as usize).cloned().ok_or_else(|| {
                self.malformed(format!("found blob {blob} of {}", offer.sources.len()))
            })
        };
        let sources = blobs.iter().map(source).collect::<Result<Vec<_>, _>>()?;
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces(sources).map(Ok)))))
    }

    async fn push(
        &self,
        request: Request<Streaming<ReplyPart>>,
    ) -> Result<Response<Receipt>, Status> {
        let mut parts = request.into_inner();
        let Some(ReplyPart::Head(head)) = self.next_part(&mut parts).await? else {
            return Err(self.malformed("a reply must begin with its head".to_owned()));
        };
        self.check_session(head.session)?;
        if head.run != self.0.run {
            return Ok(self.rejected(ReplyRejection::OtherRun));
        }
        let offer = match self.0.ledger().wanted(head.job) {
            Ok(open) => open.offer.clone(),
            Err(rejection) => return Ok(self.rejected(rejection)),
        };
        let values = self.receive_values(&head, &offer, &mut parts).await?;
        let ReplyHead { job, outcome, .. } = *head;
        Ok(match self.0.finish(job, offer.expected.reply(outcome, values)) {
            Ok(()) => Response::new(Receipt::Taken),
            Err(rejection) => self.rejected(rejection),
        })
    }
}

fn no_session() -> Status {
    Status::unauthenticated("unknown session: open a new one with `Attend`")
}

impl WorkersService {
    fn check_session(&self, session: SessionId) -> Result<(), Status> {
        if self.0.ledger().knows(session) { Ok(()) } else { Err(no_session()) }
    }

    /// Receives the values of a reply, in the lengths that its job implies.
    async fn receive_values(
        &self,
        head: &ReplyHead,
        offer: &JobOffer,
        parts: &mut Streaming<ReplyPart>,
    ) -> Result<ReplyValues, Status> {
        let lengths = offer.expected.lengths(&head.outcome);
        match lengths.map_err(|error| self.misfit(head.session, head.job, &error.0))? {
            ReplyLengths::F32(lengths) => {
                let values = self.receive_parts(head, lengths, parts).await?;
                Ok(ReplyValues::F32(values.into_iter()))
            }
            ReplyLengths::F64(lengths) => {
                let values = self.receive_parts(head, lengths, parts).await?;
                Ok(ReplyValues::F64(values.into_iter()))
            }
        }
    }

    /// Receives parts of known lengths, which must be all of the reply.
    async fn receive_parts<T: WireNumber>(
        &self,
        head: &ReplyHead,
        lengths: Vec<usize>,
        parts: &mut Streaming<ReplyPart>,
    ) -> Result<Vec<Vec<T>>, Status> {
        let misfit = |why: &str| self.misfit(head.session, head.job, why);
        let mut assembly = Assembly::new(lengths);
        while let Some(part) = self.next_part(parts).await? {
            let ReplyPart::Piece(piece) = part else {
                return Err(misfit("found a second head in one reply"));
            };
            assembly.append(&piece, |_, _| {}).map_err(|error| misfit(&error.0))?;
        }
        assembly.finish().map_err(|error| misfit(&error.0))
    }

    /// Waits for the next part of a reply, at most [`PIECE_TIMEOUT`].
    async fn next_part(
        &self,
        parts: &mut Streaming<ReplyPart>,
    ) -> Result<Option<ReplyPart>, Status> {
        match timeout(PIECE_TIMEOUT, parts.message()).await {
            Ok(part) => part.inspect_err(|status| {
                if matches!(status.code(), Code::InvalidArgument | Code::OutOfRange) {
                    self.0.metrics.refused(Reason::Malformed);
                }
            }),
            Err(_) => {
                self.0.metrics.refused(Reason::Slow);
                Err(Status::deadline_exceeded(format!(
                    "a piece took longer than {} s",
                    PIECE_TIMEOUT.as_secs()
                )))
            }
        }
    }

    /// Counts a malformed message and returns its error.
    fn malformed(&self, why: String) -> Status {
        self.0.metrics.refused(Reason::Malformed);
        Status::invalid_argument(why)
    }

    /// Gives a job to another worker, because the reply does not fit it, and returns the error.
    fn misfit(&self, session: SessionId, job: JobId, why: &str) -> Status {
        let requeued = self.0.ledger().hand_back(session, job);
        self.0.requeued(&requeued);
        self.malformed(format!("the reply to job {}: {why}", job.0))
    }

    /// Counts a well-formed reply that is not taken, and returns the answer to it.
    fn rejected(&self, rejection: ReplyRejection) -> Response<Receipt> {
        let reason = match rejection {
            ReplyRejection::Repeated => Reason::Repeated,
            ReplyRejection::OtherRun | ReplyRejection::Late | ReplyRejection::Unknown => {
                Reason::Late
            }
        };
        self.0.metrics.refused(reason);
        Response::new(Receipt::Refused(rejection))
    }
}
