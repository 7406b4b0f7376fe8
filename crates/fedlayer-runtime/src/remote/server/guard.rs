//! [`RequestGuard`]: checks the token and the version of a request before its body is read.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tonic::Status;

use super::{
    super::{
        protocol::{VERSION_HEADER, limits::PROTOCOL_VERSION},
        security::Security,
    },
    connection::ConnectionHandle,
    hub::Hub,
    metrics::Reason,
    notice::CoordinatorNotice,
};

/// The path of the metrics.
pub(super) const METRICS: &str = "/metrics";

/// The path prefix of the health service.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// The shortest time between two notices of refusals. Others are counted only, so that a peer that
/// tries again and again does not fill the log.
const NOTICE_INTERVAL: Duration = Duration::from_secs(1);

/// Checks every request to a coordinator.
pub(super) struct RequestGuard {
    hub: Arc<Hub>,
    security: Security,
    /// The time of the last notice of a refusal.
    noticed: Mutex<Option<Instant>>,
}

/// Runs a request that passes the guard, and answers any other one with an error.
pub(super) async fn guard_request(
    State(guard): State<Arc<RequestGuard>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => *refusal,
    }
}

impl RequestGuard {
    pub(super) fn new(hub: Arc<Hub>, security: Security) -> Self {
        Self { hub, security, noticed: Mutex::default() }
    }

    /// Checks a request. A worker's call that passes authenticates its connection.
    fn check(&self, request: &Request<Body>) -> Result<(), Box<Response>> {
        let path = request.uri().path();
        let connection = request.extensions().get::<ConnectionHandle>();
        let is_health = path.starts_with(HEALTH);
        if (is_health || path == METRICS) && connection.is_some_and(|one| !one.may_ask()) {
            self.hub.metrics.refused(Reason::Crowded);
            return Err(Box::new(StatusCode::TOO_MANY_REQUESTS.into_response()));
        }
        // The health service needs no token: it says only whether the coordinator serves.
        if is_health {
            return Ok(());
        }
        self.check_token(request, connection)?;
        if path == METRICS {
            return Ok(());
        }
        self.check_version(request, connection)?;
        if let Some(connection) = connection {
            connection.authenticate();
        }
        Ok(())
    }

    fn check_token(
        &self,
        request: &Request<Body>,
        connection: Option<&ConnectionHandle>,
    ) -> Result<(), Box<Response>> {
        let found = header(request, "authorization");
        if self.security.token.as_ref().is_none_or(|token| token.is_in(found)) {
            return Ok(());
        }
        let found = if found.is_empty() { "none" } else { "another" };
        let why =
            format!("token: found {found}; the coordinator requires its own (`--token-file`)");
        let status = Status::unauthenticated(self.refuse(connection, Reason::Token, why));
        Err(Box::new(match request.uri().path() {
            METRICS => (StatusCode::UNAUTHORIZED, status.message().to_owned()).into_response(),
            _ => status.into_http(),
        }))
    }

    fn check_version(
        &self,
        request: &Request<Body>,
        connection: Option<&ConnectionHandle>,
    ) -> Result<(), Box<Response>> {
        let found = String::from_utf8_lossy(header(request, VERSION_HEADER));
        if found == PROTOCOL_VERSION.to_string() {
            return Ok(());
        }
        let found: String = match found.is_empty() {
            true => "none".to_owned(),
            false => found.chars().take(16).collect(),
        };
        let why = format!(
            "protocol: the worker speaks version {found}, the coordinator version {PROTOCOL_VERSION}; use the same program for both"
        );
        let why = self.refuse(connection, Reason::Version, why);
        Err(Box::new(Status::failed_precondition(why).into_http()))
    }

    /// Counts a refusal and tells the user, at most once per [`NOTICE_INTERVAL`]. Returns `why`.
    fn refuse(&self, connection: Option<&ConnectionHandle>, reason: Reason, why: String) -> String {
        self.hub.metrics.refused(reason);
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        if noticed.is_none_or(|noticed| noticed.elapsed() >= NOTICE_INTERVAL) {
            *noticed = Some(Instant::now());
            let worker =
                connection.map_or("an unknown address".to_owned(), |one| one.address().to_string());
            (self.hub.notify)(CoordinatorNotice::Refused { worker, why: why.clone() });
        }
        why
    }
}

/// Returns the bytes of a header, or none if it is absent.
fn header<'a>(request: &'a Request<Body>, name: &str) -> &'a [u8] {
    request.headers().get(name).map_or(b"", |value| value.as_bytes())
}
