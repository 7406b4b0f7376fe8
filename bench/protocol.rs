//! The worker protocol, compared with a plain tonic stream of the same pieces and with threads of
//! one process; and the memory of a coordinator with 200 workers: `cargo xtask bench`.
//!
//! The trainer only changes one value, so that all of the time is spent on the protocol.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends where something is wrong")]
#![allow(clippy::disallowed_methods, reason = "it reads its own memory's size")]

mod ratio;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes};
use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, DataFacts, Split},
    model::{Layout, Params, Point},
    spec::{
        Average, CheckpointSpec, ClientsSpec, DataSet, DataSpec, EvaluateSpec, LocalSpec,
        ModelSpec, Optimizer, Rule, Sgd, Statistics, StrategySpec, Toy, Weighting,
    },
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Trainer, TrainerError, Update},
};
use fedlayer_runtime::{
    CommittedRound, Journal, JournalError, Link, LocalPool, Reply, TrainerFactory, Work,
    WorkerTask,
    remote::{
        BoundPort, ConnectionLimits, Digest, Hub, Metrics, PreparedScenario, RunEnd, RunIdentity,
        RunOffer, Security, WorkerConfig, limits, run_worker, serve,
    },
    run_plan, shutdown,
};
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_stream::{Stream, StreamExt, iter};
use tonic::{
    Request, Response, Status, Streaming,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Server},
};

/// The number of parameters of ResNet-18 for ten classes.
const RESNET_18: usize = 11_173_962;

/// The number of parameters of a small perceptron.
const SMALL: usize = 2_410;

/// The number of runs of each side.
const TURNS: usize = 9;

const WORKERS: usize = 200;
const CLIENTS: u32 = 1_000;
const ROUNDS: u32 = 100;

/// The environment variable with the coordinator's address, for the process that runs all workers.
const ONLY_WORKERS: &str = "FEDLAYER_BENCH_WORKERS";

fn main() {
    let runtime = Runtime::new().unwrap();
    if let Ok(address) = std::env::var(ONLY_WORKERS) {
        let plan = plan(SMALL, CLIENTS);
        return runtime.block_on(async { join_all(attend(&address, &plan, WORKERS)).await });
    }
    println!("a job of one client, down and up, over loopback (medians)\n");
    stream(&runtime);
    small(&runtime);
    memory(&runtime);
}

/// Compares the transfer of a large model with a plain stream.
fn stream(runtime: &Runtime) {
    let cluster = runtime.block_on(BenchCluster::open(RESNET_18));
    let bytes: Bytes = vec![1; 4 * RESNET_18].into();
    let plain = runtime.block_on(plain_client(bytes.clone()));
    // Each run needs a model that is in no cache: one for the warm-up and one per run.
    let mut models = (0..=TURNS).map(|turn| model(&cluster.plan, turn as f32)).collect::<Vec<_>>();
    let measured = ratio::compare(
        TURNS,
        || runtime.block_on(cluster.job(models.pop().unwrap())),
        || runtime.block_on(there_and_back(plain.clone(), bytes.clone())),
    );
    let rate = |time: Duration| 8e-6 * RESNET_18 as f64 / time.as_secs_f64();
    println!(
        "ResNet-18 ({:.1} MB each way): ours {:.0} MB/s, plain tonic stream {:.0} MB/s, ours ÷ plain {:.2}",
        4e-6 * RESNET_18 as f64,
        rate(measured.first),
        rate(measured.second),
        1.0 / measured.ratio
    );
}

/// Compares jobs with a small model with those of a thread.
fn small(runtime: &Runtime) {
    const JOBS: usize = 200;
    let cluster = runtime.block_on(BenchCluster::open(SMALL));
    let pool = Arc::new(LocalPool::start(1, Arc::new(Echo::of(SMALL))).unwrap());
    let plan = cluster.plan.clone();
    let mut turn = 0.0;
    let measured = ratio::compare(
        TURNS,
        || {
            for _ in 0..JOBS {
                turn += 1.0;
                runtime.block_on(cluster.job(model(&plan, turn)));
            }
        },
        || {
            for _ in 0..JOBS {
                runtime.block_on(pool.call(job(&plan, model(&plan, 1.0)))).unwrap();
            }
        },
    );
    let each = |time: Duration| 1e3 * time.as_secs_f64() / JOBS as f64;
    println!(
        "small model ({SMALL} parameters), a client alone in its job: {:.3} ms over the protocol, {:.3} ms in one process: {:.3} ms of protocol",
        each(measured.first),
        each(measured.second),
        each(measured.first) - each(measured.second)
    );
}

/// Measures the memory of a coordinator and of many workers over many rounds.
fn memory(runtime: &Runtime) {
    let sizes = runtime.block_on(async {
        let cluster = BenchCluster::coordinator(SMALL, CLIENTS).await;
        let mut workers = std::process::Command::new(std::env::current_exe().unwrap())
            .env(ONLY_WORKERS, &cluster.address)
            .spawn()
            .unwrap();
        cluster.hub.wait_for_workers(WORKERS).await;
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let journal = MemoryJournal { workers: workers.id(), sizes: sizes.clone() };
        let (_stopper, word) = shutdown();
        run_plan(cluster.plan.clone(), |_| 1, cluster.hub.clone(), journal, None, word)
            .await
            .unwrap();
        let counts = cluster.metrics.text();
        assert!(!counts.contains("refusals_total{"), "{counts}");
        cluster.hub.farewell(RunEnd::Finished).await;
        assert!(workers.wait().unwrap().success());
        Arc::try_unwrap(sizes).unwrap().into_inner().unwrap()
    });
    println!("{WORKERS} workers, {CLIENTS} clients a round: no refusal; resident memory in MB");
    println!("{:>12} {:>12} {:>20}", "after round", "coordinator", "the process of all");
    for round in [10, 50, ROUNDS as usize] {
        let (coordinator, workers) = sizes[round - 1];
        println!("{round:>12} {coordinator:>12.1} {workers:>20.1}");
    }
}

/// A coordinator and its workers.
struct BenchCluster {
    hub: Arc<Hub>,
    plan: Arc<Plan>,
    metrics: Arc<Metrics>,
    address: String,
}

const DIGEST: Digest = Digest([0; 32]);
const IDENTITY: RunIdentity = RunIdentity { layout: DIGEST, plans: DIGEST, data: DIGEST };

impl BenchCluster {
    /// Starts a coordinator and one worker in this process.
    async fn open(parameters: usize) -> Self {
        let cluster = Self::coordinator(parameters, 1).await;
        attend(&cluster.address, &cluster.plan, 1);
        cluster.hub.wait_for_workers(1).await;
        cluster
    }

    /// Starts a coordinator without workers.
    async fn coordinator(parameters: usize, clients: u32) -> Self {
        let plan = plan(parameters, clients);
        let offer = RunOffer {
            name: "bench".into(),
            scenario: String::new(),
            plans: vec![plan.clone()],
            identity: IDENTITY,
            device: "cpu".into(),
            version: "bench".into(),
            examples: Box::new(|_, _| 1),
        };
        let metrics = Arc::new(Metrics::new());
        let hub = Arc::new(Hub::new(offer, limits::GRACE, metrics.clone(), |_| {}).unwrap());
        let port = BoundPort::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = port.address().unwrap().to_string();
        tokio::spawn(serve(port, hub.clone(), Security::default(), ConnectionLimits::within(4096)));
        Self { hub, plan, metrics, address }
    }

    /// Does a job of one client that starts from this model.
    async fn job(&self, model: Params) {
        let expected = model.values()[1] + 0.5;
        let Reply::Trained(results) = self.hub.call(job(&self.plan, model)).await.unwrap() else {
            panic!("not trained")
        };
        assert_eq!(results[0].as_ref().unwrap().params.values()[1], expected);
    }
}

/// Starts workers in this process. They end with the run.
fn attend(address: &str, plan: &Arc<Plan>, workers: usize) -> Vec<JoinHandle<()>> {
    let one = |number: usize| {
        let config = WorkerConfig {
            coordinator: address.to_owned(),
            security: Security::default(),
            name: number.to_string(),
            version: "bench".into(),
            slots: 1,
            device: "cpu".into(),
            processor: String::new(),
            patience: limits::PATIENCE,
        };
        let plan = plan.clone();
        let prepare = move |_: &str, _: &str| {
            let factory = Arc::new(Echo::of(plan.layout.value_count()));
            Ok(PreparedScenario { plans: vec![plan.clone()], identity: IDENTITY, factory })
        };
        tokio::spawn(async move {
            let (_stopper, word) = shutdown();
            run_worker(&config, Arc::new(prepare), word, |_| {}).await.unwrap();
        })
    };
    (0..workers).map(one).collect()
}

async fn join_all(workers: Vec<JoinHandle<()>>) {
    for worker in workers {
        worker.await.unwrap();
    }
}

/// Makes a model of ones with one other value. Writing it all makes its memory resident.
fn model(plan: &Plan, value: f32) -> Params {
    let mut values = vec![1.0; plan.layout.value_count()];
    values[1] = value;
    Params::new(plan.layout.clone(), values).unwrap()
}

fn job(plan: &Arc<Plan>, model: Params) -> WorkerTask {
    let params = Arc::new(model);
    let (client, seed) = (ClientId(0), Seed::new(1));
    let job = TrainJob { client, round: 1, params, optimizer: None, seed };
    WorkerTask { plan: plan.clone(), work: Work::Train(vec![job]) }
}

fn plan(parameters: usize, clients: u32) -> Arc<Plan> {
    let model = ModelSpec::Toy(Toy { curvature: vec![1.0] });
    let facts = DataFacts { shape: vec![1], classes: 2, targets: 1, pool: 1, test: 1 };
    assert!(model.layout(&facts).is_ok());
    Arc::new(Plan {
        seed: 1,
        rounds: ROUNDS,
        data: DataSpec::new(DataSet::Digits),
        clients: ClientsSpec {
            count: clients,
            per_round: None,
            dropout: 0.0,
            min_clients: 1,
            deadline: None,
            attempts: 1,
        },
        layout: Echo::layout(parameters),
        model,
        initial: None,
        local: LocalSpec::new(1, 1, Optimizer::Sgd(Sgd::new(0.1))),
        barriers: None,
        evaluate: EvaluateSpec::default(),
        checkpoints: CheckpointSpec::default(),
        variant: None,
        strategy: StrategySpec {
            name: "all".into(),
            average: Average::Always(Rule::All),
            weights: Weighting::Examples,
            statistics: Statistics::default(),
            local: None,
        },
    })
}

/// A trainer that returns the parameters with one value changed.
#[derive(Clone)]
struct Echo(Arc<Layout>);

impl Echo {
    fn layout(parameters: usize) -> Arc<Layout> {
        Arc::new(Layout::new([("w", vec![parameters])]).unwrap())
    }

    fn of(parameters: usize) -> Self {
        Self(Self::layout(parameters))
    }
}

impl TrainerFactory for Echo {
    fn trainer(&self, _: &Plan) -> Result<Box<dyn Trainer>, TrainerError> {
        Ok(Box::new(self.clone()))
    }
}

impl Trainer for Echo {
    fn layout(&self) -> &Arc<Layout> {
        &self.0
    }

    fn initial(&mut self, _: Seed) -> Result<Params, TrainerError> {
        Ok(Params::zeros(self.0.clone()))
    }

    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        let one = |job: &TrainJob| {
            let mut params = (*job.params).clone();
            params.values_mut()[1] += 0.5;
            let (client, params) = (job.client, Arc::new(params));
            Ok(Update { client, params, optimizer: None, examples: 1, steps: 1, loss: 0.0 })
        };
        jobs.iter().map(one).collect()
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        Ok(probes.iter().map(|_| Evaluation { losses: vec![0.0], correct: None }).collect())
    }

    fn differentiate(
        &mut self,
        _point: &Point,
        _split: Split,
        _along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        Err(TrainerError("an echo gives no derivatives".to_owned()))
    }
}

/// A journal that records the resident memory of both processes after each round, in MB.
struct MemoryJournal {
    workers: u32,
    sizes: Arc<Mutex<Vec<(f64, f64)>>>,
}

impl Journal for MemoryJournal {
    fn commit(&mut self, _: &CommittedRound<'_>) -> Result<(), JournalError> {
        let size = |process: String| {
            let text = std::fs::read_to_string(format!("/proc/{process}/statm"));
            let text = text.map_err(JournalError::new)?;
            let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
            pages.map(|pages| 4096e-6 * pages).ok_or_else(|| JournalError::new("no size"))
        };
        let both = (size("self".to_owned())?, size(self.workers.to_string())?);
        self.sizes.lock().unwrap().push(both);
        Ok(())
    }
}

/// The service of two plain streams that the build script generates.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/bench.Plain.rs"));
}

/// A codec that leaves bytes as they are.
#[derive(Debug, Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

type PlainClient = generated::plain_client::PlainClient<Channel>;

struct Plain(Bytes);

/// Cuts a model's bytes into pieces.
fn cut(bytes: Bytes) -> impl Stream<Item = Bytes> + Send {
    let count = bytes.len();
    let starts = (0..count).step_by(limits::PIECE_BYTES);
    iter(starts.map(move |from| bytes.slice(from..(from + limits::PIECE_BYTES).min(count))))
}

#[tonic::async_trait]
impl generated::plain_server::Plain for Plain {
    type DownStream = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

    async fn down(&self, _: Request<Bytes>) -> Result<Response<Self::DownStream>, Status> {
        Ok(Response::new(Box::pin(cut(self.0.clone()).map(Ok))))
    }

    async fn up(&self, request: Request<Streaming<Bytes>>) -> Result<Response<Bytes>, Status> {
        collect(request.into_inner()).await?;
        Ok(Response::new(Bytes::new()))
    }
}

/// Collects the bytes of a stream.
async fn collect(mut pieces: Streaming<Bytes>) -> Result<Vec<u8>, Status> {
    let mut all = Vec::with_capacity(4 * RESNET_18);
    while let Some(piece) = pieces.message().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// Serves plain streams with the protocol's windows, and returns a client.
async fn plain_client(bytes: Bytes) -> PlainClient {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = generated::plain_server::PlainServer::new(Plain(bytes))
        .max_decoding_message_size(limits::MESSAGE_BYTES);
    let server = Server::builder()
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .add_service(service);
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .tcp_nodelay(true);
    PlainClient::new(channel.connect().await.unwrap())
        .max_decoding_message_size(limits::MESSAGE_BYTES)
}

async fn there_and_back(mut client: PlainClient, bytes: Bytes) {
    let down = client.down(Bytes::new()).await.unwrap().into_inner();
    assert_eq!(collect(down).await.unwrap().len(), bytes.len());
    client.up(cut(bytes)).await.unwrap();
}
