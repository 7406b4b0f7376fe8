//! The worker's side of the protocol: it finds a coordinator, reads its scenario and does its jobs.
//!
//! In reading order:
//!
//! * [`WorkerConfig`], [`WorkerNotice`], [`WorkerError`]: what a worker is told, tells and fails
//!   with.
//! * [`run_worker`]: session after session, until the run is finished.
//! * `connection`: connects and sends the token with every call; [`check_health`].
//! * `session`: one session with a coordinator; `heartbeat`: shows that the worker is alive.
//! * [`PreparedScenario`], `prepared_run`: the scenario, read and kept between sessions.
//! * `slot`: pulls jobs and does them; `blobs`: fetches their values; `cache`: values of earlier
//!   jobs.

mod blobs;
mod cache;
mod config;
mod connection;
mod error;
mod health;
mod heartbeat;
mod notice;
mod outcome;
mod prepared_run;
mod session;
mod slot;
mod worker;

pub use config::WorkerConfig;
pub use error::WorkerError;
pub use health::{HealthError, check_health};
pub use notice::WorkerNotice;
pub use outcome::WorkerOutcome;
pub use prepared_run::{PrepareError, PrepareScenario, PreparedScenario};
pub use worker::run_worker;
