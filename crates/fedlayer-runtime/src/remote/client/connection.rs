//! [`connect`]: connects to a coordinator; every call carries the token and the protocol's version.

use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::{
    super::{
        error_chain::error_chain,
        protocol::{VERSION_HEADER, generated::workers_client::WorkersClient, limits},
        security::{BearerToken, Tls},
    },
    config::WorkerConfig,
    error::{SessionError, WorkerError},
};

/// A client of a coordinator's service.
pub(super) type CoordinatorClient = WorkersClient<InterceptedService<Channel, Credentials>>;

/// Returns the endpoint of a coordinator, not connected yet.
///
/// # Errors
/// When the address or the certificates cannot be used.
pub(super) fn endpoint(coordinator: &str, tls: Option<&Tls>) -> Result<Endpoint, WorkerError> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let unusable = |error: tonic::transport::Error| {
        let why = error_chain(&error);
        WorkerError::Setup(format!("cannot connect to `{coordinator}`: {why}"))
    };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{coordinator}"))
        .map_err(unusable)?
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .http2_keep_alive_interval(limits::GRACE / 3)
        .keep_alive_timeout(limits::GRACE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    match tls {
        None => Ok(endpoint),
        Some(tls) => endpoint.tls_config(tls.client()).map_err(unusable),
    }
}

/// Connects to a coordinator.
pub(super) async fn connect(
    config: &WorkerConfig,
    endpoint: &Endpoint,
) -> Result<CoordinatorClient, SessionError> {
    let channel = endpoint.connect().await;
    let channel = channel.map_err(|error| SessionError::Transient(error_chain(&error)))?;
    let credentials =
        Credentials::new(config.security.token.as_ref()).map_err(SessionError::Fatal)?;
    Ok(WorkersClient::with_interceptor(channel, credentials)
        .max_decoding_message_size(limits::MESSAGE_BYTES)
        .max_encoding_message_size(limits::MESSAGE_BYTES))
}

/// Adds the token and the protocol's version to every call.
#[derive(Clone)]
pub(super) struct Credentials {
    token: Option<AsciiMetadataValue>,
}

impl Credentials {
    fn new(token: Option<&BearerToken>) -> Result<Self, WorkerError> {
        let header = |token: &BearerToken| {
            let mut header = AsciiMetadataValue::try_from(token.header()).map_err(|_| {
                WorkerError::Setup("the token cannot be sent in a header".to_owned())
            })?;
            header.set_sensitive(true);
            Ok(header)
        };
        Ok(Self { token: token.map(header).transpose()? })
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let headers = request.metadata_mut();
        let version = u64::from(limits::PROTOCOL_VERSION);
        headers.insert(VERSION_HEADER, AsciiMetadataValue::from(version));
        if let Some(token) = &self.token {
            headers.insert("authorization", token.clone());
        }
        Ok(request)
    }
}
