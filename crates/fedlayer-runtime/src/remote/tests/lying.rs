//! A coordinator that lies: a worker asks for nothing that no job needs, takes no more than was announced, and goes on with what is honest.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fedlayer_core::{Examples, FederatedData, Plan, ToyTrainer, Trainer};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{Stream, StreamExt, iter, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::{
    super::{
        limits,
        message::{
            CoordinatorNote, Fetch, JobHead, JobId, MixHead, OptimizerHead, Outcome, Piece,
            PointHead, ProbeHead, Pull, Pulled, Receipt, ReplyHead, ReplyPart, RunId, SessionId,
            Source, SplitHead, TrainHead, Welcome, WorkHead, WorkerNote,
        },
        security::Security,
        translate::digest,
        wire::workers_server::{Workers, WorkersServer},
        worker::{PreparedScenario, WorkerConfig, WorkerNotice, WorkerOutcome, run_worker},
    },
    identity, plan,
};
use crate::{TrainerFactory, shutdown};

/// What a question for values is answered with.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// So many, each the same.
    Values(usize, f32),
    /// Whole pieces, for ever.
    Endless,
    /// Bytes that are no row of values.
    Odd,
}

/// A coordinator of one worker.
struct Liar {
    jobs: Mutex<VecDeque<(JobHead, Answer)>>,
    /// The answer to the question for the last job's values.
    answer: Mutex<Option<Answer>>,
    tell: Mutex<Option<mpsc::Sender<Result<CoordinatorNote, Status>>>>,
    fetches: AtomicUsize,
    pieces: Arc<AtomicUsize>,
    pushed: Mutex<Vec<ReplyHead>>,
}

struct Desk(Arc<Liar>);

#[tonic::async_trait]
impl Workers for Desk {
    type AttendStream = ReceiverStream<Result<CoordinatorNote, Status>>;
    type FetchStream = Pin<Box<dyn Stream<Item = Result<Piece, Status>> + Send>>;

    async fn attend(
        &self,
        request: Request<Streaming<WorkerNote>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let (tell, told) = mpsc::channel(8);
        let welcome = Welcome {
            run: RunId([1; 16]),
            session: SessionId([2; 16]),
            grace: 60_000,
            name: "scenario".into(),
            scenario: "its text".into(),
        };
        tell.send(Ok(CoordinatorNote::Welcome(welcome))).await.unwrap();
        *self.0.tell.lock().unwrap() = Some(tell.clone());
        let mut notes = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(note)) = notes.message().await {
                if matches!(note, WorkerNote::Ready(_)) {
                    tell.send(Ok(CoordinatorNote::Accepted)).await.unwrap();
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(told)))
    }

    async fn pull(&self, _: Request<Pull>) -> Result<Response<Pulled>, Status> {
        let next = self.0.jobs.lock().unwrap().pop_front();
        if let Some((head, answer)) = next {
            *self.0.answer.lock().unwrap() = Some(answer);
            return Ok(Response::new(Pulled::Job(Box::new(head))));
        }
        let tell = self.0.tell.lock().unwrap().clone().unwrap();
        tell.send(Ok(CoordinatorNote::Finished)).await.unwrap();
        std::future::pending().await
    }

    async fn fetch(&self, _: Request<Fetch>) -> Result<Response<Self::FetchStream>, Status> {
        self.0.fetches.fetch_add(1, Ordering::Relaxed);
        let values = |count: usize, value: f32| {
            Piece::Ours(Source::Values(vec![value; count].into()), 0..count)
        };
        let answer = self.0.answer.lock().unwrap().take().unwrap();
        Ok(Response::new(match answer {
            Answer::Values(count, value) => Box::pin(iter([Ok(values(count, value))])),
            Answer::Odd => Box::pin(iter([Ok(Piece::Theirs(vec![0; 5].into()))])),
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

/// Toy trainers over thirty examples.
struct Toys;

impl TrainerFactory for Toys {
    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, String> {
        let examples = |count: u32| {
            let values = (0..3 * count).map(|i| i as f32 / 9.0).collect();
            Arc::new(Examples::new(vec![3], 2, values, (0..count).map(|i| i % 2).collect()))
        };
        let clients = (0..6).map(|client| ((5 * client..5 * client + 4).collect(), vec![]));
        let data = Arc::new(FederatedData::new(examples(30), examples(8), clients));
        Ok(Box::new(ToyTrainer::new(plan, data).map_err(|error| error.to_string())?))
    }
}

/// The training of one client from values that are the blob `params`.
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

/// A job whose blobs all have the name of three zeros.
fn job(work: WorkHead, blobs: usize) -> JobHead {
    JobHead { job: JobId(1), plan: 0, work, blobs: vec![digest(&[0.0; 3]); blobs] }
}

const ZEROS: Answer = Answer::Values(3, 0.0);

#[tokio::test]
async fn a_coordinator_that_lies_makes_a_worker_neither_fetch_nor_allocate() {
    let mix = MixHead { base: 0, other: 0, layers: vec![9], weight: 0.5 };
    let probes = |count| vec![probe(PointHead::Model(0), SplitHead::Test); count];
    // What no job of the plan would ask for: no question for values follows.
    let heads = [
        ("it is of plan 9; the scenario has 1", JobHead { plan: 9, ..job(train(vec![]), 0) }),
        (
            "it names layer 9; the model has 3",
            job(WorkHead::Evaluate(vec![probe(PointHead::Mix(mix), SplitHead::Test)]), 1),
        ),
        ("it names blob 7 of 1", job(train(vec![client(3, 7)]), 1)),
        ("it names 90000 blobs and needs 1", job(train(vec![client(3, 0)]), 90_000)),
        ("it names client 6; the scenario has 6", job(train(vec![client(6, 0)]), 1)),
        (
            "it names client 6; the scenario has 6",
            job(WorkHead::Evaluate(vec![probe(PointHead::Model(0), SplitHead::ClientTest(6))]), 1),
        ),
        ("found 7 clients; at most 6 are allowed", job(train(vec![client(3, 0); 7]), 1)),
        (
            "found 4 optimizer slots; at most 3 are allowed",
            job(train(vec![with_slots(vec![0; 4])]), 1),
        ),
        ("found 1025 probes; at most 1024 are allowed", job(WorkHead::Evaluate(probes(1025)), 1)),
    ];
    // Answers that are not what was asked for.
    let one = || job(train(vec![client(3, 0)]), 1);
    let answers = [
        ("values more than were announced", Answer::Endless),
        ("came damaged", Answer::Values(3, 1.0)),
        ("it ended after 2 of 3 values", Answer::Values(2, 0.0)),
        ("a piece of 5 bytes is no row of 4-byte values", Answer::Odd),
        // The reader's own words: it goes by the length prefix.
        ("too large", Answer::Values(limits::MESSAGE_BYTES / 4 + 1, 0.0)),
    ];
    let asked = answers.len();
    let words: Vec<&str> = heads
        .iter()
        .map(|(words, _)| *words)
        .chain(answers.iter().map(|(words, _)| *words))
        .collect();
    let jobs = heads.into_iter().map(|(_, head)| (head, ZEROS));
    let jobs = jobs.chain(answers.into_iter().map(|(_, answer)| (one(), answer)));
    let honest = (one(), ZEROS);
    let liar = Arc::new(Liar {
        jobs: Mutex::new(jobs.chain([honest]).collect()),
        answer: Mutex::default(),
        tell: Mutex::default(),
        fetches: AtomicUsize::new(0),
        pieces: Arc::default(),
        pushed: Mutex::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let coordinator = listener.local_addr().unwrap().to_string();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let service = WorkersServer::new(Desk(liar.clone()));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));

    let said = Mutex::new(Vec::new());
    let ended = run_worker(
        &post(coordinator),
        Arc::new(|_: &str, _: &str| {
            let (plans, factory) = (vec![plan()], Arc::new(Toys));
            Ok(PreparedScenario { plans, identity: identity(), factory })
        }),
        shutdown().1,
        |notice| said.lock().unwrap().push(notice),
    )
    .await;
    assert_eq!(ended.unwrap(), WorkerOutcome::Finished);
    let said = said.into_inner().unwrap();
    let whys: Vec<&str> = said
        .iter()
        .filter_map(|notice| match notice {
            WorkerNotice::Waiting { why, .. } => Some(why.as_str()),
            WorkerNotice::Joined { .. } => None,
        })
        .collect();
    assert_eq!(whys.len(), words.len(), "{whys:#?}");
    for (why, words) in whys.iter().zip(words) {
        assert!(why.contains(words), "`{why}` does not say `{words}`");
    }
    assert_eq!(liar.fetches.load(Ordering::Relaxed), asked + 1);
    // As many as fit into the windows of HTTP/2 and the buffers on the way.
    assert!(liar.pieces.load(Ordering::Relaxed) <= 16, "{:?}", liar.pieces);
    let pushed = liar.pushed.lock().unwrap();
    assert_eq!(pushed.len(), 1, "only the honest job was done");
    assert!(matches!(&pushed[0].outcome, Outcome::Trained(results) if results[0].is_ok()));
}

fn post(coordinator: String) -> WorkerConfig {
    WorkerConfig {
        coordinator,
        security: Security::default(),
        name: "worker".into(),
        version: "1".into(),
        slots: 1,
        device: "cpu".into(),
        processor: "any".into(),
        patience: Duration::from_secs(180),
    }
}
