//! A coordinator of a toy plan, and a worker that sends any message a test wants.

use std::{sync::Arc, time::Duration};

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, Examples, FederatedData, Split},
    model::{Params, Point},
    trainer::{Probe, ToyTrainer, TrainJob, Trainer, TrainerError},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming, transport::Channel};

use super::super::{
    client::{PreparedScenario, WorkerConfig},
    protocol::{
        VERSION_HEADER,
        generated::workers_client::WorkersClient,
        message::{
            CoordinatorNote, Digest, Hello, JobHead, JobId, JobOutcome, Piece, Pull, Pulled,
            Receipt, ReplyHead, ReplyPart, RunId, RunIdentity, SessionId, UpdateHead, ValueSource,
            WorkerNote,
        },
    },
    security::{BearerToken, Security},
    server::{BoundPort, ConnectionLimits, Hub, Metrics, RunOffer, serve},
};
use crate::{Link, LinkError, Reply, TrainerFactory, Work, WorkerTask, toy_plan::toy_plan};

pub(super) const TOKEN: &str = "0123456789abcdef";

/// The version of the protocol, as a header has it.
pub(super) const VERSION: &str = "2";

/// The toy plan of all peers.
pub(super) fn plan() -> Arc<Plan> {
    Arc::new(toy_plan())
}

pub(super) fn identity() -> RunIdentity {
    let digest = |number| Digest([number; 32]);
    RunIdentity { layout: digest(1), plans: digest(2), data: digest(3) }
}

pub(super) fn hello() -> Hello {
    Hello {
        version: "1".into(),
        name: "worker".into(),
        slots: 1,
        device: "cpu".into(),
        processor: "any".into(),
    }
}

/// Toy trainers over thirty examples.
pub(super) struct Toys;

impl TrainerFactory for Toys {
    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, TrainerError> {
        Ok(Box::new(ToyTrainer::new(plan, data())?))
    }
}

/// The examples of [`Toys`].
pub(super) fn data() -> Arc<FederatedData> {
    let examples = |count: u32| {
        let values = (0..3 * count).map(|i| i as f32 / 9.0).collect();
        Arc::new(Examples::new(vec![3], 2, values, (0..count).map(|i| i % 2).collect()))
    };
    let clients = (0..6).map(|client| ((5 * client..5 * client + 4).collect(), vec![]));
    Arc::new(FederatedData::new(examples(30), examples(8), clients))
}

/// The scenario of [`Toys`], as a worker reads it.
pub(super) fn prepared() -> PreparedScenario {
    PreparedScenario { plans: vec![plan()], identity: identity(), factory: Arc::new(Toys) }
}

/// A worker with one slot that connects to `coordinator`, without a token.
pub(super) fn config(coordinator: String) -> WorkerConfig {
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

/// A coordinator that listens on a port.
pub(super) struct TestCoordinator {
    pub(super) hub: Arc<Hub>,
    pub(super) plan: Arc<Plan>,
    pub(super) address: String,
    pub(super) _serving: JoinHandle<()>,
}

/// Serves a coordinator of the toy plan on a free port.
pub(super) async fn coordinator() -> TestCoordinator {
    let plan = plan();
    let offer = RunOffer {
        name: "scenario".into(),
        scenario: "its text".into(),
        plans: vec![plan.clone()],
        identity: identity(),
        device: "cpu".into(),
        version: "1".into(),
        examples: Box::new(|_, _| 8),
    };
    let grace = Duration::from_secs(5);
    let hub = Arc::new(Hub::new(offer, grace, Arc::new(Metrics::new()), |_| {}).unwrap());
    let port = BoundPort::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("http://{}", port.address().unwrap());
    let security = Security { token: BearerToken::new(TOKEN), ..Security::default() };
    let served = serve(port, hub.clone(), security, ConnectionLimits::within(1024));
    TestCoordinator {
        hub,
        plan,
        address,
        _serving: tokio::spawn(async move { served.await.unwrap() }),
    }
}

/// Makes a request with these headers.
pub(super) fn request<T>(message: T, version: &'static str, token: &'static str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(VERSION_HEADER, version.parse().unwrap());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// Makes a request with the right version and token.
pub(super) fn authorized<T>(message: T) -> Request<T> {
    request(message, VERSION, TOKEN)
}

/// A worker with a session.
pub(super) struct Peer {
    pub(super) client: WorkersClient<Channel>,
    pub(super) session: SessionId,
    pub(super) run: RunId,
    pub(super) notes: Streaming<CoordinatorNote>,
    pub(super) sender: mpsc::Sender<WorkerNote>,
}

impl TestCoordinator {
    pub(super) async fn client(&self) -> WorkersClient<Channel> {
        WorkersClient::connect(self.address.clone()).await.unwrap()
    }

    /// Opens a session with these first notes.
    pub(super) async fn attend(&self, hello: Hello, identity: RunIdentity) -> Result<Peer, Status> {
        let mut client = self.client().await;
        let (sender, receiver) = mpsc::channel(8);
        sender.send(WorkerNote::Hello(hello)).await.unwrap();
        let mut notes =
            client.attend(authorized(ReceiverStream::new(receiver))).await?.into_inner();
        let Some(CoordinatorNote::Welcome(welcome)) = notes.message().await? else {
            panic!("no welcome")
        };
        sender.send(WorkerNote::Ready(identity)).await.unwrap();
        let accepted = notes.message().await?;
        assert_eq!(accepted, Some(CoordinatorNote::Accepted));
        Ok(Peer { client, session: welcome.session, run: welcome.run, notes, sender })
    }

    /// Asks the hub for the training of client 3 in round 2.
    pub(super) fn train(&self) -> JoinHandle<Result<Reply, LinkError>> {
        let job = TrainJob {
            client: ClientId(3),
            round: 2,
            params: self.zeros(),
            optimizer: None,
            seed: Seed::new(1),
        };
        self.call(Work::Train(vec![job]))
    }

    /// Asks the hub for the derivatives of the model of zeros.
    pub(super) fn differentiate(
        &self,
        along: Vec<Vec<f32>>,
    ) -> JoinHandle<Result<Reply, LinkError>> {
        let probe = Probe { point: Point::Model(self.zeros()), split: Split::Test };
        self.call(Work::Differentiate { probe, along: Arc::new(along) })
    }

    fn zeros(&self) -> Arc<Params> {
        Arc::new(Params::zeros(self.plan.layout.clone()))
    }

    fn call(&self, work: Work) -> JoinHandle<Result<Reply, LinkError>> {
        let (hub, plan) = (self.hub.clone(), self.plan.clone());
        tokio::spawn(async move { hub.call(WorkerTask { plan, work }).await })
    }

    /// Returns whether a refusal for `reason` was counted.
    pub(super) fn has_counted(&self, reason: &str) -> bool {
        self.hub.metrics_text().contains(&format!("fedlayer_refusals_total{{reason=\"{reason}\"}}"))
    }
}

impl Peer {
    pub(super) async fn pull(&mut self) -> JobHead {
        let session = self.session;
        match self.client.pull(authorized(Pull { session })).await.unwrap().into_inner() {
            Pulled::Job(head) => *head,
            Pulled::Nothing => panic!("no job"),
        }
    }

    pub(super) fn head(&self, job: JobId, outcome: JobOutcome) -> ReplyPart {
        let (run, session) = (self.run, self.session);
        ReplyPart::Head(Box::new(ReplyHead { run, session, job, outcome }))
    }

    pub(super) async fn push(&mut self, parts: Vec<ReplyPart>) -> Result<Receipt, Status> {
        let pushed = self.client.push(authorized(tokio_stream::iter(parts))).await;
        pushed.map(tonic::Response::into_inner)
    }
}

/// An update of a client without values.
pub(super) fn update(client: u32, round: u32) -> JobOutcome {
    let optimizer = None;
    JobOutcome::Trained(vec![Ok(UpdateHead {
        client,
        round,
        examples: 4,
        steps: 2,
        loss: 0.5,
        optimizer,
    })])
}

/// A piece of `count` values of 0.5.
pub(super) fn values(count: usize) -> ReplyPart {
    ReplyPart::Piece(Piece::Outgoing(ValueSource::Values(vec![0.5; count].into()), 0..count))
}
