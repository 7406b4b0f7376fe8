//! [`serve`]: a coordinator's port, with the workers' service, the health service and `/metrics`.

use std::{net::SocketAddr, sync::Arc};

use axum::{middleware::from_fn_with_state, response::IntoResponse, routing::get};
use thiserror::Error;
use tokio::net::TcpListener;
use tonic::{service::Routes, transport::Server};

use super::{
    super::{
        error_chain::error_chain,
        protocol::{generated::workers_server::WorkersServer, limits},
        security::Security,
    },
    acceptor::Acceptor,
    connection_table::ConnectionLimits,
    guard::{METRICS, RequestGuard, guard_request},
    hub::Hub,
    service::WorkersService,
};

/// Why a coordinator cannot listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address is not available.
    #[error("could not listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Tls(String),
    /// The runtime cannot take over the port.
    #[error("the port cannot be served: {0}")]
    Runtime(std::io::Error),
}

/// A port that is bound but not yet served, so that its number is known.
#[derive(Debug)]
pub struct BoundPort {
    listener: std::net::TcpListener,
}

impl BoundPort {
    /// Binds a port. Peers that connect wait until it is served, by this runtime or another one.
    ///
    /// # Errors
    /// When the address is not available.
    pub async fn open(address: SocketAddr) -> Result<Self, ListenError> {
        let bound = TcpListener::bind(address).await.and_then(TcpListener::into_std);
        let listener = bound.map_err(|source| ListenError::Bind { address, source })?;
        Ok(Self { listener })
    }

    /// Returns the bound address.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves a hub's workers until the run ends or the future is dropped.
///
/// # Errors
/// When the certificates cannot be used, or this runtime cannot take over the port.
pub async fn serve(
    port: BoundPort,
    hub: Arc<Hub>,
    security: Security,
    connection_limits: ConnectionLimits,
) -> Result<(), ListenError> {
    let tls = |error: tonic::transport::Error| ListenError::Tls(error_chain(&error));
    let mut server = Server::builder()
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .max_concurrent_streams(limits::REQUESTS_PER_CONNECTION)
        .http2_max_header_list_size(limits::HEADER_BYTES)
        .http2_keepalive_interval(Some(hub.grace / 3))
        .http2_keepalive_timeout(Some(hub.grace))
        .accept_http1(true);
    if let Some(files) = &security.tls {
        server = server.tls_config(files.server()).map_err(tls)?;
    }
    let idle = 2 * hub.grace + limits::PULL_TIMEOUT;
    let listener = TcpListener::from_std(port.listener).map_err(ListenError::Runtime)?;
    let acceptor = Acceptor::new(listener, idle, connection_limits, hub.metrics.clone());
    let mut end = hub.end.subscribe();
    let ended = async move {
        // Nobody new is accepted after the end: workers wait for a stopped coordinator, and leave a
        // finished one.
        let _ended = end.wait_for(Option::is_some).await;
    };
    server
        .add_routes(routes(hub, security).await)
        .serve_with_incoming_shutdown(acceptor, ended)
        .await
        .map_err(tls)
}

/// Routes the workers' service, the health service and `/metrics`, all behind the guard.
async fn routes(hub: Arc<Hub>, security: Security) -> Routes {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<WorkersServer<WorkersService>>().await;
    let workers = WorkersServer::new(WorkersService(hub.clone()))
        .max_decoding_message_size(limits::MESSAGE_BYTES)
        .max_encoding_message_size(limits::MESSAGE_BYTES);
    let guard = Arc::new(RequestGuard::new(hub.clone(), security));
    Routes::new(workers)
        .add_service(health)
        .into_axum_router()
        .route(METRICS, get(move || async move { metrics(&hub) }))
        .layer(from_fn_with_state(guard, guard_request))
        .into()
}

fn metrics(hub: &Hub) -> impl IntoResponse + use<> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], hub.metrics_text())
}
