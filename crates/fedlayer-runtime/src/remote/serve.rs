//! [`serve`]: a coordinator's port: the workers' service, the health service, `/metrics`, and who may come in.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use thiserror::Error;
use tokio::net::TcpListener;
use tonic::{Status, service::Routes, transport::Server};

use super::{
    connections::{Caller, Door},
    crowd::ConnectionLimits,
    hub::{CoordinatorNotice, Hub, RunEnd},
    limits,
    metrics::Reason,
    security::Security,
    service::Desk,
    wire::workers_server::WorkersServer,
};

/// The header that says which version of the protocol a worker speaks.
pub(crate) const VERSION_HEADER: &str = "fedlayer-protocol";

/// Where the counts are.
const METRICS: &str = "/metrics";

/// The health service.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Why a coordinator cannot listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address cannot be had.
    #[error("could not listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Tls(String),
    /// The runtime does not take the port over.
    #[error("the port cannot be served: {0}")]
    Runtime(std::io::Error),
}

/// A port that is open already, so that its number is known.
#[derive(Debug)]
pub struct BoundPort {
    listener: std::net::TcpListener,
}

impl BoundPort {
    /// Opens a port. Whoever connects waits until it is served, by this runtime or by another one.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn open(address: SocketAddr) -> Result<Self, ListenError> {
        let bound = TcpListener::bind(address).await.and_then(TcpListener::into_std);
        let listener = bound.map_err(|source| ListenError::Bind { address, source })?;
        Ok(Self { listener })
    }

    /// Where it is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves a hub's workers until it is dropped. Peers together never hold more connections than `capacity` says.
///
/// # Errors
/// When the certificates cannot be used, or the port cannot be taken over by this runtime.
pub async fn serve(
    listening: BoundPort,
    hub: Arc<Hub>,
    security: Security,
    capacity: ConnectionLimits,
) -> Result<(), ListenError> {
    let tls = |error: tonic::transport::Error| ListenError::Tls(words(&error));
    let mut server = Server::builder()
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .max_concurrent_streams(limits::STREAMS)
        .http2_max_header_list_size(limits::HEADER_BYTES)
        .http2_keepalive_interval(Some(hub.grace / 3))
        .http2_keepalive_timeout(Some(hub.grace))
        .accept_http1(true);
    if let Some(files) = &security.tls {
        server = server.tls_config(files.server()).map_err(tls)?;
    }
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<WorkersServer<Desk>>().await;
    let workers = WorkersServer::new(Desk(hub.clone()))
        .max_decoding_message_size(limits::MESSAGE_BYTES)
        .max_encoding_message_size(limits::MESSAGE_BYTES);
    let guard = Arc::new(Guard { hub: hub.clone(), security, told: Mutex::default() });
    let counts = hub.clone();
    let router = Routes::new(workers)
        .add_service(health)
        .into_axum_router()
        .route(METRICS, get(move || async move { metrics(&counts) }))
        .layer(from_fn_with_state(guard, admit));
    let idle = 2 * hub.grace + limits::PULL;
    let listener = TcpListener::from_std(listening.listener).map_err(ListenError::Runtime)?;
    let door = Door::new(listener, idle, capacity, hub.metrics.clone());
    let mut end = hub.end.subscribe();
    let ended = async move {
        // Workers wait for a stopped coordinator, and go after a finished one: either way nobody new comes in.
        let _sent =
            end.wait_for(|end| matches!(end, Some(RunEnd::Finished | RunEnd::Stopped))).await;
    };
    server
        .add_routes(Routes::from(router))
        .serve_with_incoming_shutdown(door, ended)
        .await
        .map_err(tls)
}

/// An error with its causes.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.ends_with(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}

fn metrics(hub: &Hub) -> impl IntoResponse + use<> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], hub.counts())
}

/// Who may come in.
struct Guard {
    hub: Arc<Hub>,
    security: Security,
    /// When a refusal was last told of.
    told: Mutex<Option<Instant>>,
}

/// A peer that asks again and again does not fill the log: refusals within this time are counted, and not told of.
const QUIET: Duration = Duration::from_secs(1);

/// Lets a request in that belongs here. Nothing of its body is read before.
async fn admit(State(guard): State<Arc<Guard>>, request: Request<Body>, next: Next) -> Response {
    match guard.look_at(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => *refusal,
    }
}

impl Guard {
    /// Whether a request shows the token and asks for the same version of the protocol.
    fn look_at(&self, request: &Request<Body>) -> Result<(), Box<Response>> {
        let path = request.uri().path();
        let caller = request.extensions().get::<Caller>();
        let is_health = path.starts_with(HEALTH);
        if (is_health || path == METRICS) && caller.is_some_and(|caller| !caller.may_ask()) {
            self.hub.metrics.refused(Reason::Crowded);
            return Err(Box::new(StatusCode::TOO_MANY_REQUESTS.into_response()));
        }
        // Says whether somebody serves, and nothing else.
        if is_health {
            return Ok(());
        }
        let header = |name| request.headers().get(name).map_or(&b""[..], |value| value.as_bytes());
        let shown = header("authorization");
        if self.security.token.as_ref().is_some_and(|token| !token.is_in(shown)) {
            let found = if shown.is_empty() { "none" } else { "another" };
            let why =
                format!("token: found {found}; the coordinator's is asked for (`--token-file`)");
            let status = Status::unauthenticated(self.refuse(caller, Reason::Token, why));
            return Err(Box::new(match path {
                METRICS => (StatusCode::UNAUTHORIZED, status.message().to_owned()).into_response(),
                _ => status.into_http(),
            }));
        }
        if path == METRICS {
            return Ok(());
        }
        let found = String::from_utf8_lossy(header(VERSION_HEADER));
        if found != limits::PROTOCOL.to_string() {
            let why = format!(
                "protocol: the worker speaks version {}, the coordinator version {}; use the same program for both",
                if found.is_empty() {
                    "none".into()
                } else {
                    found.chars().take(16).collect::<String>()
                },
                limits::PROTOCOL
            );
            let why = self.refuse(caller, Reason::Version, why);
            return Err(Box::new(Status::failed_precondition(why).into_http()));
        }
        if let Some(caller) = caller {
            caller.admit();
        }
        Ok(())
    }

    /// Counts a refusal and tells of it; returns its words.
    fn refuse(&self, caller: Option<&Caller>, reason: Reason, why: String) -> String {
        let address = caller.map_or("an unknown address".to_owned(), |c| c.address().to_string());
        self.hub.metrics.refused(reason);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= QUIET) {
            *told = Some(Instant::now());
            (self.hub.notice)(CoordinatorNotice::Refused { worker: address, why: why.clone() });
        }
        why
    }
}
