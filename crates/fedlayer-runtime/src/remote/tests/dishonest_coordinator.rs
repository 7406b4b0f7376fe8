//! A dishonest coordinator: a worker fetches nothing that no job needs, reads no more values than
//! it expects, and goes on with an honest job.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{Stream, StreamExt, iter, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::{
    super::{
        client::{WorkerError, WorkerNotice, WorkerOutcome, run_worker},
        protocol::{
            digest::digest,
            generated::workers_server::{Workers, WorkersServer},
            limits,
            message::{
                CoordinatorNote, Fetch, JobHead, JobId, JobOutcome, MixHead, OptimizerHead, Piece,
                PointHead, ProbeHead, Pull, Pulled, Receipt, ReplyHead, ReplyPart, RunId,
                SessionId, SplitHead, TrainHead, ValueSource, Welcome, WorkHead, WorkerNote,
            },
            pieces::pieces,
        },
    },
    fixture::{config, prepared},
};
use crate::shutdown;

/// The answer to a worker's request for values.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// This many values, all the same.
    Values(usize, f32),
    /// These values.
    Listed(&'static [f32]),
    /// Whole pieces without an end.
    Endless,
    /// Bytes that are not a whole number of values.
    Odd,
}

/// A coordinator of one worker that gives it prepared jobs.
#[derive(Default)]
struct Liar {
    jobs: Mutex<VecDeque<(JobHead, Answer)>>,
    /// The answer to the request for the last job's values.
    answer: Mutex<Option<Answer>>,
    sender: Mutex<Option<mpsc::Sender<Result<CoordinatorNote, Status>>>>,
    /// The indices of each request for values.
    fetches: Mutex<Vec<Vec<u32>>>,
    /// The number of pieces sent by [`Answer::Endless`].
    pieces: Arc<AtomicUsize>,
    /// The heads of the worker's replies.
    pushed: Mutex<Vec<ReplyHead>>,
    /// The number of sessions to close before the worker is accepted.
    closed_sessions: Mutex<usize>,
}

impl Liar {
    /// Returns whether the current session must be closed.
    fn closes_session(&self) -> bool {
        let mut left = self.closed_sessions.lock().unwrap();
        let closes = *left > 0;
        *left = left.saturating_sub(1);
        closes
    }
}

struct LiarService(Arc<Liar>);

#[tonic::async_trait]
impl Workers for LiarService {
    type AttendStream = ReceiverStream<Result<CoordinatorNote, Status>>;
    type FetchStream = Pin<Box<dyn Stream<Item = Result<Piece, Status>> + Send>>;

    async fn attend(
        &self,
        request: Request<Streaming<WorkerNote>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let (sender, receiver) = mpsc::channel(8);
        let welcome = Welcome {
            run: RunId([1; 16]),
            session: SessionId([2; 16]),
            grace: 60_000,
            name: "scenario".into(),
            scenario: "its text".into(),
        };
        sender.send(Ok(CoordinatorNote::Welcome(welcome))).await.unwrap();
        *self.0.sender.lock().unwrap() = Some(sender.clone());
        let mut notes = request.into_inner();
        let liar = self.0.clone();
        tokio::spawn(async move {
            while let Ok(Some(note)) = notes.message().await {
                if matches!(note, WorkerNote::Ready(_)) {
                    if liar.closes_session() {
                        liar.sender.lock().unwrap().take();
                        return;
                    }
                    sender.send(Ok(CoordinatorNote::Accepted)).await.unwrap();
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn pull(&self, _: Request<Pull>) -> Result<Response<Pulled>, Status> {
        let next = self.0.jobs.lock().unwrap().pop_front();
        if let Some((head, answer)) = next {
            *self.0.answer.lock().unwrap() = Some(answer);
            return Ok(Response::new(Pulled::Job(Box::new(head))));
        }
        let sender = self.0.sender.lock().unwrap().clone().unwrap();
        sender.send(Ok(CoordinatorNote::Finished)).await.unwrap();
        std::future::pending().await
    }

    async fn fetch(&self, request: Request<Fetch>) -> Result<Response<Self::FetchStream>, Status> {
        self.0.fetches.lock().unwrap().push(request.into_inner().blobs);
        let values = |count: usize, value: f32| {
            Piece::Outgoing(ValueSource::Values(vec![value; count].into()), 0..count)
        };
        let answer = self.0.answer.lock().unwrap().take().unwrap();
        Ok(Response::new(match answer {
            Answer::Values(count, value) => Box::pin(iter([Ok(values(count, value))])),
            Answer::Listed(values) => {
                let values = ValueSource::Values(values.into());
                Box::pin(iter(pieces(vec![values]).map(Ok)))
            }
            Answer::Odd => Box::pin(iter([Ok(Piece::Incoming(vec![0; 5].into()))])),
            Answer::Endless => {
                let (piece, sent) = (values(limits::PIECE_BYTES / 4, 0.0), self.0.pieces.clone());
                Box::pin(iter(std::iter::repeat(piece)).map(move |piece| {
                    sent.fetch_add(1, Ordering::Relaxed);
                    Ok(piece)
                }))
            }
        }))
    }

    async fn push(
        &self,
        request: Request<Streaming<ReplyPart>>,
    ) -> Result<Response<Receipt>, Status> {
        let mut parts = request.into_inner();
        while let Some(part) = parts.message().await? {
            if let ReplyPart::Head(head) = part {
                self.0.pushed.lock().unwrap().push(*head);
            }
        }
        Ok(Response::new(Receipt::Taken))
    }
}

/// The training of one client from the blob `params`.
fn client(client: u32, params: u32) -> TrainHead {
    TrainHead { client, round: 2, params, optimizer: None, seed: [7; 32] }
}

fn train(clients: Vec<TrainHead>) -> WorkHead {
    WorkHead::Train(clients)
}

fn with_slots(slots: Vec<u32>) -> TrainHead {
    TrainHead { optimizer: Some(OptimizerHead { steps: 1, slots }), ..client(3, 0) }
}

fn probe(point: PointHead, split: SplitHead) -> ProbeHead {
    ProbeHead { point, split }
}

/// A job with blobs of three zeros each.
fn job(work: WorkHead, blobs: usize) -> JobHead {
    JobHead { job: JobId(1), plan: 0, work, blobs: vec![digest(&[0.0; 3]); blobs] }
}

/// Derivatives of the model in blob 0 of 2 along these blobs.
fn differentiate(split: SplitHead, along: Vec<u32>) -> JobHead {
    let probe = probe(PointHead::Model(0), split);
    job(WorkHead::Differentiate { probe, along }, 2)
}

const ZEROS: Answer = Answer::Values(3, 0.0);

/// A correct job of the plan.
fn honest_job() -> JobHead {
    job(train(vec![client(3, 0)]), 1)
}

/// Jobs that the plan does not contain, each with a part of the worker's error.
fn impossible_jobs() -> [(&'static str, JobHead); 15] {
    let mix = MixHead { base: 0, other: 0, layers: vec![9], weight: 0.5 };
    let test = |count| vec![probe(PointHead::Model(0), SplitHead::Test); count];
    let mixed = vec![probe(PointHead::Mix(mix), SplitHead::Test)];
    let of_absent = |split| vec![probe(PointHead::Model(0), split)];
    let (test_of, validation_of) = (SplitHead::ClientTest(6), SplitHead::ClientValidation(6));
    [
        ("found plan 9; the scenario has 1", JobHead { plan: 9, ..job(train(vec![]), 0) }),
        ("found layer 9; the model has 3", job(WorkHead::Evaluate(mixed), 1)),
        ("found blob 7 of 1", job(train(vec![client(3, 7)]), 1)),
        ("found 90000 blobs; 1 are used", job(train(vec![client(3, 0)]), 90_000)),
        ("found client 6; the scenario has 6", job(train(vec![client(6, 0)]), 1)),
        ("found client 6; the scenario has 6", job(WorkHead::Evaluate(of_absent(test_of)), 1)),
        (
            "found client 6; the scenario has 6",
            job(WorkHead::Evaluate(of_absent(validation_of)), 1),
        ),
        ("found 7 clients; at most 6 are allowed", job(train(vec![client(3, 0); 7]), 1)),
        (
            "found 4 optimizer slots; at most 3 are allowed",
            job(train(vec![with_slots(vec![0; 4])]), 1),
        ),
        ("found 1025 probes; at most 1024 are allowed", job(WorkHead::Evaluate(test(1025)), 1)),
        (
            "found 65 directions; at most 64 are allowed",
            differentiate(SplitHead::Test, vec![1; 65]),
        ),
        ("found blob 2 of 2", differentiate(SplitHead::Test, vec![1, 2])),
        ("found 2 blobs; 1 are used", differentiate(SplitHead::Test, vec![])),
        ("found 2 blobs; 1 are used", differentiate(SplitHead::Test, vec![0, 0])),
        ("found client 6; the scenario has 6", differentiate(SplitHead::ClientTest(6), vec![1])),
    ]
}

/// Answers that are not the values of the job, each with a part of the worker's error.
const WRONG_ANSWERS: [(&str, Answer); 5] = [
    ("values more than expected", Answer::Endless),
    ("are damaged", Answer::Values(3, 1.0)),
    ("the stream ended after 2 of 3 values", Answer::Values(2, 0.0)),
    ("found a piece of 5 bytes; values have 4 bytes each", Answer::Odd),
    // The transport's own message: it refuses the length prefix.
    ("too large", Answer::Values(limits::MESSAGE_BYTES / 4 + 1, 0.0)),
];

/// Serves a liar and returns its address.
async fn serve(liar: Arc<Liar>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let service = WorkersServer::new(LiarService(liar));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    address
}

/// Runs a worker. Returns its end and the reasons for which it waited for another session.
async fn work_for(coordinator: String) -> (Result<WorkerOutcome, WorkerError>, Vec<String>) {
    let notices = Mutex::new(Vec::new());
    let prepare = |_: &str, _: &str| Ok(prepared());
    let notify = |notice| notices.lock().unwrap().push(notice);
    let end = run_worker(&config(coordinator), Arc::new(prepare), shutdown().1, notify).await;
    let why = |notice| match notice {
        WorkerNotice::Waiting { why, .. } => Some(why),
        WorkerNotice::Joined { .. } => None,
    };
    (end, notices.into_inner().unwrap().into_iter().filter_map(why).collect())
}

#[tokio::test]
async fn a_dishonest_coordinator_makes_a_worker_neither_fetch_nor_allocate() {
    let impossible = impossible_jobs();
    let errors: Vec<&str> = impossible
        .iter()
        .map(|(error, _)| *error)
        .chain(WRONG_ANSWERS.iter().map(|(error, _)| *error))
        .collect();
    let impossible = impossible.into_iter().map(|(_, job)| (job, ZEROS));
    let unanswered = WRONG_ANSWERS.into_iter().map(|(_, answer)| (honest_job(), answer));
    let jobs = impossible.chain(unanswered).chain([(honest_job(), ZEROS)]).collect();
    let liar = Arc::new(Liar { jobs: Mutex::new(jobs), ..Liar::default() });
    let (end, whys) = work_for(serve(liar.clone()).await).await;
    assert_eq!(end.unwrap(), WorkerOutcome::Finished);
    assert_eq!(whys.len(), errors.len(), "{whys:#?}");
    for (why, error) in whys.iter().zip(errors) {
        assert!(why.contains(error), "`{why}` does not say `{error}`");
    }
    // Values were requested for the possible jobs only.
    assert_eq!(liar.fetches.lock().unwrap().len(), WRONG_ANSWERS.len() + 1);
    // No more pieces were sent than fit into the windows of HTTP/2 and the buffers.
    assert!(liar.pieces.load(Ordering::Relaxed) <= 16, "{:?}", liar.pieces);
    let pushed = liar.pushed.lock().unwrap();
    assert_eq!(pushed.len(), 1, "only the honest job was done");
    assert!(matches!(&pushed[0].outcome, JobOutcome::Trained(results) if results[0].is_ok()));
}

#[tokio::test]
async fn a_worker_fetches_a_model_once_and_the_directions_of_each_job() {
    let (model, direction) = (digest(&[0.0; 3]), digest(&[1.0; 3]));
    let job =
        JobHead { blobs: vec![model, direction], ..differentiate(SplitHead::Test, vec![1, 1]) };
    let both = Answer::Listed(&[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    let jobs = [(job.clone(), both), (job, Answer::Listed(&[1.0; 3]))].into();
    let liar = Arc::new(Liar { jobs: Mutex::new(jobs), ..Liar::default() });
    let (end, whys) = work_for(serve(liar.clone()).await).await;
    assert_eq!((end.unwrap(), whys.len()), (WorkerOutcome::Finished, 0));
    assert_eq!(*liar.fetches.lock().unwrap(), [vec![0, 1], vec![1]]);
    let pushed = liar.pushed.lock().unwrap();
    let is_right =
        |head: &ReplyHead| matches!(head.outcome, JobOutcome::Differentiated { products: 2, .. });
    assert!(pushed.len() == 2 && pushed.iter().all(is_right), "{pushed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_reconnects_after_a_session_that_ends_before_it_is_accepted() {
    let liar = Liar { closed_sessions: Mutex::new(2), ..Liar::default() };
    let (end, whys) = work_for(serve(Arc::new(liar)).await).await;
    assert_eq!(end.unwrap(), WorkerOutcome::Finished);
    assert_eq!(whys, ["it closed the session"], "the user is told once");
}
