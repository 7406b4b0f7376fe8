//! [`WorkerConfig`]: a worker's settings.

use std::time::Duration;

use super::super::security::Security;

/// A worker's settings.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The coordinator's address, as `host:port`.
    pub coordinator: String,
    /// The certificates and the token.
    pub security: Security,
    /// The worker's name in messages.
    pub name: String,
    /// The version of the program, which must be the coordinator's.
    pub version: String,
    /// The number of jobs that it works on at once.
    pub slots: u32,
    /// The device that it trains on: `cpu` or `cuda`.
    pub device: String,
    /// The features of its processor that change the last bits of results.
    pub processor: String,
    /// How long it waits for a coordinator to start or to restart.
    pub patience: Duration,
}
