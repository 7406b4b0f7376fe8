//! A coordinator's port and a peer that does not keep to the protocol: what it is told, what is counted, and that nothing changes.

mod form;
mod lying;
mod messages;
mod slow;
mod strangers;

use std::{sync::Arc, time::Duration};

use fedlayer_core::{
    ClientId, DataFacts, Params, Plan, Seed, TrainJob,
    spec::{
        Average, CheckpointSpec, ClientsSpec, DataSet, DataSpec, EvaluateSpec, LocalSpec,
        ModelSpec, Optimizer, Rule, Sgd, Statistics, StrategySpec, Toy, Weighting,
    },
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming, transport::Channel};

use super::{
    crowd::ConnectionLimits,
    hub::{Hub, RunOffer},
    limits,
    message::{
        CoordinatorNote, Digest, Fetch, Hello, JobHead, JobId, Outcome, Piece, Pull, Pulled,
        Receipt, ReplyHead, ReplyPart, RunId, RunIdentity, SessionId, Source, Unwanted, UpdateHead,
        WorkerNote,
    },
    metrics::Metrics,
    security::{BearerToken, Security},
    serve::{BoundPort, VERSION_HEADER, serve},
    wire::workers_client::WorkersClient,
};
use crate::{Link, LinkError, Reply, Work, WorkerTask};

const TOKEN: &str = "0123456789abcdef";

/// A toy plan of a model with three values.
fn plan() -> Arc<Plan> {
    let model = ModelSpec::Toy(Toy { curvature: vec![1.0, 0.5, 2.0] });
    let facts = DataFacts { shape: vec![3], classes: 2, targets: 1, pool: 30, test: 8 };
    Arc::new(Plan {
        seed: 7,
        rounds: 5,
        data: DataSpec::new(DataSet::Digits),
        clients: ClientsSpec {
            count: 6,
            per_round: None,
            dropout: 0.0,
            min_clients: 1,
            deadline: None,
            attempts: 2,
        },
        layout: Arc::new(model.layout(&facts).unwrap()),
        model,
        initial: None,
        local: LocalSpec::new(2, 2, Optimizer::Sgd(Sgd::new(0.1))),
        barriers: None,
        evaluate: EvaluateSpec::default(),
        checkpoints: CheckpointSpec::default(),
        variant: None,
        strategy: StrategySpec {
            name: "strategy".into(),
            average: Average::Always(Rule::All),
            weights: Weighting::Examples,
            statistics: Statistics::default(),
        },
    })
}

fn identity() -> RunIdentity {
    let digest = |number| Digest([number; 32]);
    RunIdentity { layout: digest(1), plans: digest(2), data: digest(3) }
}

fn hello() -> Hello {
    Hello {
        version: "1".into(),
        name: "worker".into(),
        slots: 1,
        device: "cpu".into(),
        processor: "any".into(),
    }
}

/// A coordinator's port.
struct Port {
    hub: Arc<Hub>,
    plan: Arc<Plan>,
    address: String,
    _serving: JoinHandle<()>,
}

async fn port() -> Port {
    let plan = plan();
    let briefing = RunOffer {
        name: "scenario".into(),
        scenario: "its text".into(),
        plans: vec![plan.clone()],
        identity: identity(),
        device: "cpu".into(),
        version: "1".into(),
        examples: Box::new(|_, _| 8),
    };
    let grace = Duration::from_secs(5);
    let hub = Arc::new(Hub::new(briefing, grace, Arc::new(Metrics::new()), |_| {}).unwrap());
    let listening = BoundPort::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("http://{}", listening.address().unwrap());
    let security = Security { token: BearerToken::new(TOKEN), ..Security::default() };
    let served = serve(listening, hub.clone(), security, ConnectionLimits::within(1024));
    Port { hub, plan, address, _serving: tokio::spawn(async move { served.await.unwrap() }) }
}

/// Puts headers of one's choice into a request.
fn with<T>(message: T, version: &'static str, token: &'static str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(VERSION_HEADER, version.parse().unwrap());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

fn right<T>(message: T) -> Request<T> {
    with(message, "1", TOKEN)
}

/// A peer with a session.
struct Peer {
    client: WorkersClient<Channel>,
    session: SessionId,
    run: RunId,
    notes: Streaming<CoordinatorNote>,
    tell: mpsc::Sender<WorkerNote>,
}

impl Port {
    async fn client(&self) -> WorkersClient<Channel> {
        WorkersClient::connect(self.address.clone()).await.unwrap()
    }

    /// Attends with some first words.
    async fn attend(&self, hello: Hello, identity: RunIdentity) -> Result<Peer, Status> {
        let mut client = self.client().await;
        let (tell, told) = mpsc::channel(8);
        tell.send(WorkerNote::Hello(hello)).await.unwrap();
        let mut notes = client.attend(right(ReceiverStream::new(told))).await?.into_inner();
        let Some(CoordinatorNote::Welcome(welcome)) = notes.message().await? else {
            panic!("no welcome")
        };
        tell.send(WorkerNote::Ready(identity)).await.unwrap();
        let accepted = notes.message().await?;
        assert_eq!(accepted, Some(CoordinatorNote::Accepted));
        Ok(Peer { client, session: welcome.session, run: welcome.run, notes, tell })
    }

    /// Asks for the training of client 3 in round 2.
    fn train(&self) -> JoinHandle<Result<Reply, LinkError>> {
        let (hub, plan) = (self.hub.clone(), self.plan.clone());
        let job = TrainJob {
            client: ClientId(3),
            round: 2,
            params: Arc::new(Params::zeros(plan.layout.clone())),
            optimizer: None,
            seed: Seed::new(1),
        };
        tokio::spawn(
            async move { hub.call(WorkerTask { plan, work: Work::Train(vec![job]) }).await },
        )
    }

    fn counted(&self, reason: &str) -> bool {
        self.hub.counts().contains(&format!("fedlayer_refusals_total{{reason=\"{reason}\"}}"))
    }
}

impl Peer {
    async fn pull(&mut self) -> JobHead {
        let session = self.session;
        match self.client.pull(right(Pull { session })).await.unwrap().into_inner() {
            Pulled::Job(head) => *head,
            Pulled::Nothing => panic!("no job"),
        }
    }

    fn head(&self, job: JobId, outcome: Outcome) -> ReplyPart {
        let (run, session) = (self.run, self.session);
        ReplyPart::Head(Box::new(ReplyHead { run, session, job, outcome }))
    }

    async fn push(&mut self, parts: Vec<ReplyPart>) -> Result<Receipt, Status> {
        let pushed = self.client.push(right(tokio_stream::iter(parts))).await;
        pushed.map(tonic::Response::into_inner)
    }
}

/// What a peer answers to a job.
type Answer = Box<dyn Fn(&Peer, JobId) -> Vec<ReplyPart>>;

fn update(client: u32, round: u32) -> Outcome {
    let optimizer = None;
    Outcome::Trained(vec![Ok(UpdateHead {
        client,
        round,
        examples: 4,
        steps: 2,
        loss: 0.5,
        optimizer,
    })])
}

fn values(count: usize) -> ReplyPart {
    ReplyPart::Piece(Piece::Ours(Source::Values(vec![0.5; count].into()), 0..count))
}

#[tokio::test]
async fn another_version_token_program_device_or_identity_is_refused_with_both_values() {
    let port = port().await;
    let mut client = port.client().await;
    let pull = Pull { session: SessionId([0; 16]) };
    let refused = client.pull(with(pull.clone(), "2", TOKEN)).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "protocol: the worker speaks version 2, the coordinator version 1; use the same program for both"
    );
    let refused = client.pull(with(pull.clone(), "1", "another-token-1234")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // With the token, but without a session.
    assert_eq!(client.pull(right(pull)).await.unwrap_err().code(), Code::Unauthenticated);
    let fetch = Fetch { session: SessionId([0; 16]), job: JobId(1), blobs: vec![0] };
    assert_eq!(client.fetch(right(fetch)).await.unwrap_err().code(), Code::Aborted);
    for (hello, identity, words) in [
        (
            Hello { version: "2".into(), ..hello() },
            identity(),
            "the worker is fedlayer 2, the coordinator 1",
        ),
        (
            Hello { device: "cuda".into(), ..hello() },
            identity(),
            "trains on `cuda`, this run on `cpu`",
        ),
        (Hello { slots: 0, ..hello() }, identity(), "slots: found 0; 1 to 1024 are allowed"),
        (
            hello(),
            RunIdentity { layout: Digest([9; 32]), ..identity() },
            "layout: the worker has 090909090909, the coordinator 010101010101",
        ),
        (
            hello(),
            RunIdentity { plans: Digest([9; 32]), ..identity() },
            "scenario: the worker has 0909",
        ),
        (hello(), RunIdentity { data: Digest([9; 32]), ..identity() }, "data: the worker has 0909"),
    ] {
        let Err(refused) = port.attend(hello, identity).await else { panic!("let in: {words}") };
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains(words), "{}", refused.message());
    }
    assert_eq!(port.hub.present(), (0, 0));
    assert!(["Version", "Token", "Device", "Identity"].iter().all(|reason| port.counted(reason)));
}

#[tokio::test]
async fn a_reply_that_does_not_fit_its_job_is_refused_and_the_job_is_given_out_again() {
    let port = port().await;
    let mut peer = port.attend(hello(), identity()).await.unwrap();
    let asked = port.train();
    let wrong: Vec<(&str, Answer)> = vec![
        (
            "an update of client 2 for round 2; client 3",
            Box::new(|p, job| vec![p.head(job, update(2, 2)), values(3)]),
        ),
        (
            "an update of client 3 for round 1; client 3",
            Box::new(|p, job| vec![p.head(job, update(3, 1)), values(3)]),
        ),
        (
            "found 0 results; 1 were asked for",
            Box::new(|p, job| vec![p.head(job, Outcome::Trained(vec![]))]),
        ),
        (
            "an answer of another kind",
            Box::new(|p, job| vec![p.head(job, Outcome::Initial), values(3)]),
        ),
        (
            "ended after 2 of 3 values",
            Box::new(|p, job| vec![p.head(job, update(3, 2)), values(2)]),
        ),
        (
            "1 values more than were announced",
            Box::new(|p, job| vec![p.head(job, update(3, 2)), values(4)]),
        ),
        (
            "a second head",
            Box::new(|p, job| vec![p.head(job, update(3, 2)), p.head(job, update(3, 2))]),
        ),
        (
            "found 9 optimizer slots; at most 3",
            Box::new(|p, job| {
                let Outcome::Trained(mut results) = update(3, 2) else {
                    unreachable!("it is an update")
                };
                results[0].as_mut().unwrap().optimizer = Some((1, 9));
                vec![p.head(job, Outcome::Trained(results)), values(30)]
            }),
        ),
    ];
    for (words, parts) in wrong {
        let job = peer.pull().await.job;
        let parts = parts(&peer, job);
        let refused = peer.push(parts).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(words), "{}", refused.message());
    }
    assert!(port.counted("Malformed"));
    // The same job, whole at last.
    let job = peer.pull().await.job;
    let parts = vec![peer.head(job, update(3, 2)), values(3)];
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Taken);
    let Reply::Trained(results) = asked.await.unwrap().unwrap() else { panic!("not trained") };
    assert_eq!(results[0].as_ref().unwrap().params.values(), [0.5; 3]);
}

#[tokio::test]
async fn a_repeated_a_late_an_unknown_and_a_foreign_reply_change_nothing() {
    let port = port().await;
    let mut peer = port.attend(hello(), identity()).await.unwrap();
    let asked = port.train();
    let job = peer.pull().await.job;
    let whole = |peer: &Peer, job| vec![peer.head(job, update(3, 2)), values(3)];
    let parts = whole(&peer, job);
    assert_eq!(peer.push(parts.clone()).await.unwrap(), Receipt::Taken);
    asked.await.unwrap().unwrap();
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Refused(Unwanted::Repeated));
    let parts = whole(&peer, JobId(99));
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Refused(Unwanted::Unknown));
    // A round that was given up: nobody waits any more.
    let given_up = port.train();
    let job = peer.pull().await.job;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    let parts = whole(&peer, job);
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Refused(Unwanted::Late));
    peer.run = RunId([0; 16]);
    let parts = whole(&peer, job);
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Refused(Unwanted::OtherRun));
    assert!(port.counted("Repeated") && port.counted("Late"));
}

/// What a peer says of values is judged by the round, as in one process: a NaN costs its client the round, and nobody else anything.
#[tokio::test]
async fn a_nan_an_infinite_loss_and_no_examples_cross_as_they_are_and_do_not_pass_the_check() {
    let port = port().await;
    let mut peer = port.attend(hello(), identity()).await.unwrap();
    for (value, loss, examples, words) in [
        (f32::NAN, 0.5, 4, "holds NaN"),
        (f32::INFINITY, 0.5, 4, "holds inf"),
        (0.5, f64::NAN, 4, "the training loss is NaN"),
        (0.5, 0.5, 0, "found 0 training examples"),
    ] {
        let asked = port.train();
        let job = peer.pull().await.job;
        let head = UpdateHead { client: 3, round: 2, examples, steps: 2, loss, optimizer: None };
        let values = Piece::Ours(Source::Values(vec![value; 3].into()), 0..3);
        let parts =
            vec![peer.head(job, Outcome::Trained(vec![Ok(head)])), ReplyPart::Piece(values)];
        assert_eq!(peer.push(parts).await.unwrap(), Receipt::Taken);
        let Reply::Trained(results) = asked.await.unwrap().unwrap() else { panic!("not trained") };
        let refused =
            results[0].as_ref().unwrap().check(&port.plan.layout).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

#[tokio::test]
async fn an_oversized_message_is_refused_by_its_length() {
    let port = port().await;
    let mut peer = port.attend(hello(), identity()).await.unwrap();
    let _asked = port.train();
    let job = peer.pull().await.job;
    let parts = vec![peer.head(job, update(3, 2)), values(limits::MESSAGE_BYTES / 4 + 1)];
    let refused = peer.push(parts).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    assert!(port.counted("Malformed"));
}

#[tokio::test]
async fn a_worker_that_goes_hands_its_jobs_back_and_its_session_is_over() {
    let port = port().await;
    let mut first = port.attend(hello(), identity()).await.unwrap();
    let mut second = port.attend(hello(), identity()).await.unwrap();
    let asked = port.train();
    let job = first.pull().await;
    first.tell.send(WorkerNote::Leave { why: "enough".into() }).await.unwrap();
    assert!(first.notes.message().await.is_ok_and(|note| note.is_none()));
    let again = second.pull().await;
    assert_eq!(again.job, job.job);
    let late = vec![first.head(job.job, update(3, 2)), values(3)];
    assert_eq!(first.push(late).await.unwrap_err().code(), Code::Unauthenticated);
    let parts = vec![second.head(again.job, update(3, 2)), values(3)];
    assert_eq!(second.push(parts).await.unwrap(), Receipt::Taken);
    asked.await.unwrap().unwrap();
}

#[test]
fn the_page_on_the_protocol_has_every_limit_and_timeout_with_its_default() {
    let page = include_str!("../../../../docs/protocol.md");
    let source = include_str!("limits.rs");
    let names: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next())
        .collect();
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    let kib = |bytes: usize| format!("{} KiB", bytes >> 10);
    let seconds = |time: Duration| format!("{} s", time.as_secs());
    let (first, last) = limits::RETRY;
    let defaults = [
        ("PROTOCOL", limits::PROTOCOL.to_string()),
        ("MESSAGE_BYTES", mib(limits::MESSAGE_BYTES)),
        ("PIECE_BYTES", mib(limits::PIECE_BYTES)),
        ("SCENARIO_BYTES", mib(limits::SCENARIO_BYTES)),
        ("PROBES", limits::PROBES.to_string()),
        ("OPTIMIZER_SLOTS", limits::OPTIMIZER_SLOTS.to_string()),
        ("STREAM_WINDOW", mib(limits::STREAM_WINDOW as usize)),
        ("CONNECTION_WINDOW", mib(limits::CONNECTION_WINDOW as usize)),
        ("STREAMS", limits::STREAMS.to_string()),
        ("CONNECTIONS", limits::CONNECTIONS.to_string()),
        ("FILES", limits::FILES.to_string()),
        ("STRANGERS", limits::STRANGERS.to_string()),
        ("FIRST_BYTES", kib(limits::FIRST_BYTES)),
        ("QUESTIONS", limits::QUESTIONS.to_string()),
        ("HEADER_BYTES", kib(limits::HEADER_BYTES as usize)),
        ("SLOTS", limits::SLOTS.to_string()),
        ("KEPT_BYTES", mib(limits::KEPT_BYTES)),
        ("ADMISSION", seconds(limits::ADMISSION)),
        ("HELLO", seconds(limits::HELLO)),
        ("PIECE", seconds(limits::PIECE)),
        ("PULL", seconds(limits::PULL)),
        ("DRAIN", seconds(limits::DRAIN)),
        ("RETRY", format!("{} to {}", first.as_secs_f64(), seconds(last))),
        ("CONNECT", seconds(limits::CONNECT)),
        ("GRACE", seconds(limits::GRACE)),
        ("PATIENCE", seconds(limits::PATIENCE)),
        ("FAREWELL", seconds(limits::FAREWELL)),
    ];
    assert_eq!(names, defaults.each_ref().map(|(name, _)| *name));
    for (name, default) in defaults {
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| `{name}` | ")));
        let row = row.unwrap_or_else(|| panic!("docs/protocol.md has no row for `{name}`"));
        let found = row.split(" |").next().unwrap().replace(',', "");
        assert_eq!(found, default, "the row of `{name}` in docs/protocol.md");
    }
}
