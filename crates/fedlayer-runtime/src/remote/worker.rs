//! [`run_worker`]: a worker's life: it finds the coordinator, learns the scenario, pulls jobs, and finds the coordinator again when it is lost.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use fedlayer_core::Plan;
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    metadata::AsciiMetadataValue,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};
use tracing::debug;

use super::{
    cache::Cache,
    limits,
    message::{CoordinatorNote, Hello, RunId, RunIdentity, Welcome, WorkerNote},
    security::Security,
    serve::{VERSION_HEADER, words},
    slot::{Beats, Slot},
    wire::workers_client::WorkersClient,
};
use crate::{LocalPool, Shutdown, TrainerFactory};

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The coordinator, as `host:port`.
    pub coordinator: String,
    /// How the connection is secured.
    pub security: Security,
    /// What messages call the worker.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// Jobs at once.
    pub slots: u32,
    /// What it trains on: `cpu` or `cuda`.
    pub device: String,
    /// What its processor has that changes last bits.
    pub processor: String,
    /// How long it waits for a coordinator to come or to come back.
    pub patience: Duration,
}

/// What a worker makes of a scenario.
pub struct PreparedScenario {
    /// The scenario's plans, in order.
    pub plans: Vec<Arc<Plan>>,
    /// What both sides must agree on.
    pub identity: RunIdentity,
    /// Makes the trainers of the plans.
    pub factory: Arc<dyn TrainerFactory>,
}

impl fmt::Debug for PreparedScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// What a worker tells a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerNotice {
    /// It waits for a coordinator.
    Waiting {
        /// Where.
        coordinator: String,
        /// Why there is none yet.
        why: String,
        /// How long it waits.
        patience: Duration,
    },
    /// It is with a coordinator, and pulls jobs.
    Joined {
        /// Where.
        coordinator: String,
        /// The scenario.
        scenario: String,
    },
}

impl fmt::Display for WorkerNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { coordinator, why, patience } => {
                write!(
                    f,
                    "waiting for the coordinator at {coordinator} for up to {} s: {why}",
                    patience.as_secs_f64()
                )
            }
            Self::Joined { coordinator, scenario } => {
                write!(f, "joined the coordinator at {coordinator}: `{scenario}`")
            }
        }
    }
}

/// How a worker's life ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerOutcome {
    /// The run is finished.
    Finished,
    /// It was told to end; what it held is handed back.
    Drained,
}

/// Why a worker ended.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The address or the certificates cannot be used.
    #[error("{0}")]
    Setup(String),
    /// There was no coordinator for too long.
    #[error("no coordinator at {coordinator} for {} s: {why}", patience.as_secs_f64())]
    NoCoordinator {
        /// Where.
        coordinator: String,
        /// How long.
        patience: Duration,
        /// What was in the way last.
        why: String,
    },
    /// The coordinator does not want it.
    #[error("the coordinator at {coordinator} refused this worker: {why}")]
    Refused {
        /// Where.
        coordinator: String,
        /// Its words.
        why: String,
    },
    /// The scenario or its data cannot be had here.
    #[error("the coordinator's scenario cannot be run here: {0}")]
    Unprepared(String),
}

/// Works until the run is finished or `shutdown` says so.
///
/// `prepare` reads a scenario, given its name and text; it is called on a thread that may block, once for each coordinator's life.
///
/// # Errors
/// See [`WorkerError`]. A lost coordinator is none as long as it comes back in time.
pub async fn run_worker<P>(
    post: &WorkerConfig,
    prepare: Arc<P>,
    shutdown: Shutdown,
    notice: impl Fn(WorkerNotice) + Send + Sync,
) -> Result<WorkerOutcome, WorkerError>
where
    P: Fn(&str, &str) -> Result<PreparedScenario, String> + Send + Sync + 'static,
{
    let endpoint = endpoint(post)?;
    let mut home = None;
    let mut alone = Outage::new();
    loop {
        let mut word = shutdown.clone();
        let visit = visit(post, &endpoint, &prepare, &mut home, &shutdown, &notice, &mut alone);
        let why = tokio::select! {
            biased;
            end = visit => match end {
                Ok(retired) => return Ok(retired),
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(Trouble::Passing(_)) if shutdown.is_given() => return Ok(WorkerOutcome::Drained),
                Err(Trouble::Passing(why)) => why,
            },
            () = async { word.wait().await; sleep(limits::DRAIN + limits::FAREWELL).await } => return Ok(WorkerOutcome::Drained),
        };
        debug!("without a coordinator: {why}");
        if alone.since.elapsed() >= post.patience {
            let (coordinator, patience) = (post.coordinator.clone(), post.patience);
            return Err(WorkerError::NoCoordinator { coordinator, patience, why });
        }
        if !alone.told {
            alone.told = true;
            let (coordinator, patience) = (post.coordinator.clone(), post.patience);
            notice(WorkerNotice::Waiting { coordinator, why, patience });
        }
        tokio::select! {
            () = word.wait() => return Ok(WorkerOutcome::Drained),
            () = sleep(alone.pause) => {}
        }
        alone.pause = (2 * alone.pause).min(limits::RETRY.1);
    }
}

/// How long there was no coordinator.
struct Outage {
    since: Instant,
    pause: Duration,
    told: bool,
}

impl Outage {
    fn new() -> Self {
        Self { since: Instant::now(), pause: limits::RETRY.0, told: false }
    }
}

/// What keeps a worker from working.
pub(super) enum Trouble {
    /// It may pass.
    Passing(String),
    /// It will not.
    Fatal(WorkerError),
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        Self::Passing(said(&status))
    }
}

/// What a status says, with what was behind it.
fn said(status: &Status) -> String {
    let source = std::error::Error::source(status).map(words);
    match (status.message(), source) {
        ("", None) => status.code().to_string(),
        (message, None) => message.to_owned(),
        (_, Some(source)) => source,
    }
}

fn endpoint(post: &WorkerConfig) -> Result<Endpoint, WorkerError> {
    let scheme = if post.security.tls.is_some() { "https" } else { "http" };
    let wrong = |why: String| {
        WorkerError::Setup(format!("`{}` cannot be connected to: {why}", post.coordinator))
    };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{}", post.coordinator))
        .map_err(|error| wrong(words(&error)))?
        .connect_timeout(limits::CONNECT)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .http2_keep_alive_interval(limits::GRACE / 3)
        .keep_alive_timeout(limits::GRACE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    match &post.security.tls {
        None => Ok(endpoint),
        Some(tls) => endpoint.tls_config(tls.client()).map_err(|error| wrong(words(&error))),
    }
}

/// Asks a coordinator's health service whether it serves.
///
/// # Errors
/// Says what is in the way.
pub async fn check_health(coordinator: &str, security: Security) -> Result<(), String> {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    let post = WorkerConfig {
        coordinator: coordinator.to_owned(),
        security,
        name: String::new(),
        version: String::new(),
        slots: 1,
        device: String::new(),
        processor: String::new(),
        patience: limits::CONNECT,
    };
    let endpoint = endpoint(&post).map_err(|error| error.to_string())?;
    let channel = endpoint.connect().await.map_err(|error| words(&error))?;
    let mut client = HealthClient::new(channel);
    let question = client.check(HealthCheckRequest::default());
    let answer =
        timeout(limits::CONNECT, question).await.map_err(|_| "no answer in time".to_owned())?;
    let status = answer.map_err(|status| said(&status))?.into_inner().status();
    match status {
        ServingStatus::Serving => Ok(()),
        other => Err(format!("it says {}", other.as_str_name())),
    }
}

pub(super) type Client = WorkersClient<InterceptedService<Channel, Credentials>>;

/// Puts the token and the version into every request.
#[derive(Clone)]
pub(super) struct Credentials {
    token: Option<AsciiMetadataValue>,
}

impl tonic::service::Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let headers = request.metadata_mut();
        headers.insert(VERSION_HEADER, AsciiMetadataValue::from(u64::from(limits::PROTOCOL)));
        if let Some(token) = &self.token {
            headers.insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A scenario that was prepared, and the workers' threads for it; kept over a lost connection.
struct Home {
    run: RunId,
    plans: Vec<Arc<Plan>>,
    identity: RunIdentity,
    pool: Arc<LocalPool>,
    cache: Arc<Mutex<Cache>>,
}

/// One stay with a coordinator, from the connection to its end.
async fn visit<P>(
    post: &WorkerConfig,
    endpoint: &Endpoint,
    prepare: &Arc<P>,
    home: &mut Option<Home>,
    shutdown: &Shutdown,
    notice: &(impl Fn(WorkerNotice) + Send + Sync),
    alone: &mut Outage,
) -> Result<WorkerOutcome, Trouble>
where
    P: Fn(&str, &str) -> Result<PreparedScenario, String> + Send + Sync + 'static,
{
    let channel = endpoint.connect().await.map_err(|error| Trouble::Passing(words(&error)))?;
    let mut token = None;
    if let Some(secret) = &post.security.token {
        let mut header = AsciiMetadataValue::try_from(secret.header()).map_err(|_| {
            Trouble::Fatal(WorkerError::Setup("the token cannot stand in a header".to_owned()))
        })?;
        header.set_sensitive(true);
        token = Some(header);
    }
    let client = WorkersClient::with_interceptor(channel, Credentials { token })
        .max_decoding_message_size(limits::MESSAGE_BYTES)
        .max_encoding_message_size(limits::MESSAGE_BYTES);
    let refused = |status: Status| match status.code() {
        Code::Unauthenticated | Code::FailedPrecondition | Code::Unimplemented => {
            let (coordinator, why) = (post.coordinator.clone(), said(&status));
            Trouble::Fatal(WorkerError::Refused { coordinator, why })
        }
        _ => status.into(),
    };
    let (tell, told) = mpsc::channel(8);
    let hello = Hello {
        version: post.version.clone(),
        name: post.name.clone(),
        slots: post.slots,
        device: post.device.clone(),
        processor: post.processor.clone(),
    };
    // The channel has room, and its other end is in hand.
    let _queued = tell.try_send(WorkerNote::Hello(hello));
    let attended = client.clone().attend(ReceiverStream::new(told)).await;
    let mut notes = attended.map_err(refused)?.into_inner();
    let Some(CoordinatorNote::Welcome(welcome)) =
        hear(&mut notes, limits::HELLO).await.map_err(refused)?
    else {
        return Err(Trouble::Passing("it did not say welcome".to_owned()));
    };
    let grace = Duration::from_millis(welcome.grace);
    let held = Arc::new(Mutex::new(BTreeSet::new()));
    let _beats = Beats::start(tell.clone(), held.clone(), grace / 5);
    settle(post, &welcome, prepare, home, shutdown, &tell).await?;
    let Some(home) = home else { return Err(Trouble::Passing("it has no scenario".to_owned())) };
    // It may have forgotten us, if that took long; then the session is over already.
    let _queued = tell.send(WorkerNote::Ready(home.identity)).await;
    loop {
        match hear(&mut notes, grace).await.map_err(refused)? {
            Some(CoordinatorNote::Accepted) => break,
            Some(CoordinatorNote::Finished) => return Ok(WorkerOutcome::Finished),
            Some(CoordinatorNote::Stopped) => {
                return Err(Trouble::Passing("it stopped".to_owned()));
            }
            _ => {}
        }
    }
    *alone = Outage::new();
    let (coordinator, scenario) = (post.coordinator.clone(), welcome.name.clone());
    notice(WorkerNotice::Joined { coordinator, scenario });
    let (drain, draining) = watch::channel(false);
    let mut slots = JoinSet::new();
    let fetching = Arc::new(tokio::sync::Mutex::new(()));
    for _ in 0..post.slots {
        let slot = Slot {
            client: client.clone(),
            run: welcome.run,
            session: welcome.session,
            plans: home.plans.clone(),
            pool: home.pool.clone(),
            cache: home.cache.clone(),
            fetching: fetching.clone(),
            held: held.clone(),
        };
        slots.spawn(slot.run(draining.clone()));
    }
    let mut word = shutdown.clone();
    let result = loop {
        tokio::select! {
            biased;
            () = word.wait() => {
                drain.send_replace(true);
                let finished = async { while slots.join_next().await.is_some() {} };
                let _cut = timeout(limits::DRAIN, finished).await;
                slots.abort_all();
                let why = "it was told to end".to_owned();
                let _gone = tell.send(WorkerNote::Leave { why }).await;
                drop(tell);
                // It closes the session when it has heard; what it says until then is of no use.
                let _rest = timeout(limits::FAREWELL, async { while let Ok(Some(_)) = notes.message().await {} }).await;
                break Ok(WorkerOutcome::Drained);
            }
            note = hear(&mut notes, grace) => match note.map_err(refused)? {
                Some(CoordinatorNote::Finished) => break Ok(WorkerOutcome::Finished),
                Some(CoordinatorNote::Stopped) => break Err(Trouble::Passing("it stopped, and may come back".to_owned())),
                Some(_) => {}
                None => break Err(Trouble::Passing("it closed the session".to_owned())),
            },
            Some(end) = slots.join_next() => match end {
                Ok(Err(trouble)) => break Err(trouble),
                // A slot ends when it is told to; one that broke is no use, and the session begins anew.
                Ok(Ok(())) => {}
                Err(broken) => break Err(Trouble::Passing(broken.to_string())),
            },
        }
    };
    // What is still in training is given out again by the coordinator; its result would be refused.
    slots.abort_all();
    result
}

/// The next note; nothing where the session is over. Silence for too long is an error.
async fn hear(
    notes: &mut Streaming<CoordinatorNote>,
    grace: Duration,
) -> Result<Option<CoordinatorNote>, Status> {
    match timeout(grace, notes.message()).await {
        Ok(note) => note,
        Err(_) => {
            Err(Status::deadline_exceeded(format!("not heard of for {} s", grace.as_secs_f64())))
        }
    }
}

/// Reads the scenario, unless it is the one of the stay before; a worker that is told to end meanwhile leaves.
async fn settle<P>(
    post: &WorkerConfig,
    welcome: &Welcome,
    prepare: &Arc<P>,
    home: &mut Option<Home>,
    shutdown: &Shutdown,
    tell: &mpsc::Sender<WorkerNote>,
) -> Result<(), Trouble>
where
    P: Fn(&str, &str) -> Result<PreparedScenario, String> + Send + Sync + 'static,
{
    if home.as_ref().is_some_and(|home| home.run == welcome.run) {
        return Ok(());
    }
    *home = None;
    let (prepare, name, text) = (prepare.clone(), welcome.name.clone(), welcome.scenario.clone());
    let mut word = shutdown.clone();
    let prepared = tokio::select! {
        prepared = spawn_blocking(move || prepare(&name, &text)) => prepared,
        // There is nothing to hand back yet, and a module may be in a loop without an end.
        () = word.wait() => return Err(Trouble::Passing("it was told to end".to_owned())),
    };
    let prepared = prepared.map_err(|broken| broken.to_string()).and_then(|prepared| prepared);
    let PreparedScenario { plans, identity, factory } = match prepared {
        Ok(prepared) => prepared,
        Err(why) => {
            let said: String = why.chars().take(1000).collect();
            // It may be gone; the person at this end is told in any case.
            let _gone = tell.send(WorkerNote::Leave { why: said }).await;
            return Err(Trouble::Fatal(WorkerError::Unprepared(why)));
        }
    };
    let pool = LocalPool::start(post.slots as usize, factory)
        .map_err(|error| Trouble::Fatal(WorkerError::Setup(format!("no threads: {error}"))))?;
    *home = Some(Home {
        run: welcome.run,
        plans,
        identity,
        pool: Arc::new(pool),
        cache: Arc::new(Mutex::new(Cache::new(limits::KEPT_BYTES))),
    });
    Ok(())
}
