//! [`check_health`]: asks whether a coordinator serves.

use thiserror::Error;
use tokio::time::timeout;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{
    super::{error_chain::error_chain, protocol::limits::CONNECT_TIMEOUT, security::Tls},
    connection::endpoint,
    error::{WorkerError, status_text},
};

/// Why a coordinator does not serve.
#[derive(Debug, Error)]
pub enum HealthError {
    /// The address or the certificates cannot be used.
    #[error(transparent)]
    Setup(WorkerError),
    /// The coordinator cannot be reached, or answers with an error.
    #[error("{0}")]
    Unreachable(String),
    /// The coordinator does not answer within [`CONNECT_TIMEOUT`].
    #[error("no answer in time")]
    TimedOut,
    /// The coordinator answers that it does not serve.
    #[error("it reports {}", .0.as_str_name())]
    NotServing(ServingStatus),
}

/// Asks a coordinator's health service whether it serves. It needs no token.
///
/// # Errors
/// When the coordinator does not answer, or answers that it does not serve.
pub async fn check_health(coordinator: &str, tls: Option<&Tls>) -> Result<(), HealthError> {
    let endpoint = endpoint(coordinator, tls).map_err(HealthError::Setup)?;
    let channel = endpoint.connect().await;
    let channel = channel.map_err(|error| HealthError::Unreachable(error_chain(&error)))?;
    let mut client = HealthClient::new(channel);
    let answer = timeout(CONNECT_TIMEOUT, client.check(HealthCheckRequest::default())).await;
    let answer = answer.map_err(|_| HealthError::TimedOut)?;
    let answer = answer.map_err(|status| HealthError::Unreachable(status_text(&status)))?;
    match answer.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(HealthError::NotServing(other)),
    }
}
