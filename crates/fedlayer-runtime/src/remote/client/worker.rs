//! [`run_worker`]: a worker, from its first attempt to connect to the end of the run.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};
use tonic::transport::Endpoint;
use tracing::debug;

use super::{
    super::protocol::limits::{DRAIN_TIMEOUT, FAREWELL_TIMEOUT, RECONNECT_DELAY},
    config::WorkerConfig,
    connection::endpoint,
    error::{SessionError, WorkerError},
    notice::WorkerNotice,
    outcome::WorkerOutcome,
    prepared_run::{PrepareError, PrepareScenario, PreparedRun},
    session::Session,
};
use crate::Shutdown;

/// Works for a coordinator until the run is finished or `shutdown` is given.
///
/// `prepare` reads the coordinator's scenario, once for each life of a coordinator.
///
/// # Errors
/// See [`WorkerError`]. A lost coordinator is not an error if it is back within the worker's
/// patience.
pub async fn run_worker(
    config: &WorkerConfig,
    prepare: Arc<PrepareScenario>,
    shutdown: Shutdown,
    notify: impl Fn(WorkerNotice) + Send + Sync,
) -> Result<WorkerOutcome, WorkerError> {
    let mut worker = Worker {
        config,
        endpoint: endpoint(&config.coordinator, config.security.tls.as_ref())?,
        prepare,
        shutdown,
        notify: &notify,
        prepared: None,
        outage: Outage::start(),
    };
    loop {
        let why = match worker.session_until_shutdown().await {
            Ok(outcome) => return Ok(outcome),
            Err(SessionError::Fatal(error)) => return Err(error),
            Err(SessionError::Transient(_)) if worker.shutdown.is_given() => {
                return Ok(WorkerOutcome::Drained);
            }
            Err(SessionError::Transient(why)) => why,
        };
        debug!("without a coordinator: {why}");
        worker.wait_to_reconnect(why).await?;
        if worker.shutdown.is_given() {
            return Ok(WorkerOutcome::Drained);
        }
    }
}

/// A worker between and during its sessions.
struct Worker<'a> {
    config: &'a WorkerConfig,
    endpoint: Endpoint,
    prepare: Arc<PrepareScenario>,
    shutdown: Shutdown,
    notify: &'a (dyn Fn(WorkerNotice) + Send + Sync),
    /// The run of the last session.
    prepared: Option<PreparedRun>,
    outage: Outage,
}

/// A time without a coordinator.
struct Outage {
    since: Instant,
    /// The delay before the next attempt to connect.
    delay: Duration,
    /// True once the user was told.
    is_noticed: bool,
}

impl Outage {
    fn start() -> Self {
        Self { since: Instant::now(), delay: RECONNECT_DELAY.0, is_noticed: false }
    }
}

impl Worker<'_> {
    /// Attends one session. After a shutdown the session has a limited time to end by itself.
    async fn session_until_shutdown(&mut self) -> Result<WorkerOutcome, SessionError> {
        let mut shutdown = self.shutdown.clone();
        let time_is_up = async {
            shutdown.wait().await;
            sleep(DRAIN_TIMEOUT + FAREWELL_TIMEOUT).await;
        };
        tokio::select! {
            biased;
            end = self.attend_session() => end,
            () = time_is_up => Ok(WorkerOutcome::Drained),
        }
    }

    /// Attends one session, from the connection to its end.
    async fn attend_session(&mut self) -> Result<WorkerOutcome, SessionError> {
        let mut session = Session::open(self.config, &self.endpoint).await?;
        let prepared = self.prepare_run(&session).await?;
        if !session.wait_until_accepted(prepared.identity).await? {
            return Ok(WorkerOutcome::Finished);
        }
        self.outage = Outage::start();
        (self.notify)(WorkerNotice::Joined {
            coordinator: self.config.coordinator.clone(),
            scenario: session.welcome().name.clone(),
        });
        session.work(&prepared, self.config.slots, &self.shutdown).await
    }

    /// Reads the session's scenario, unless it is that of the last session.
    async fn prepare_run(&mut self, session: &Session) -> Result<PreparedRun, SessionError> {
        let welcome = session.welcome();
        if let Some(prepared) = self.prepared.as_ref().filter(|last| last.run == welcome.run) {
            return Ok(prepared.clone());
        }
        self.prepared = None;
        let prepare = self.prepare.clone();
        let (name, text) = (welcome.name.clone(), welcome.scenario.clone());
        let scenario = tokio::select! {
            scenario = spawn_blocking(move || prepare(&name, &text)) => scenario,
            // The worker holds no jobs yet, and reading may take for ever: a TorchScript module of
            // the scenario may contain an endless loop.
            () = self.shutdown.wait() => {
                return Err(SessionError::Transient("it was told to stop".to_owned()));
            }
        };
        match scenario.map_err(PrepareError::from).and_then(|scenario| scenario) {
            Ok(scenario) => {
                let prepared = PreparedRun::start(welcome.run, scenario, self.config.slots)
                    .map_err(SessionError::Fatal)?;
                Ok(self.prepared.insert(prepared).clone())
            }
            Err(error) => {
                let why = error.to_string();
                // If the coordinator is gone, the worker's own user is told nevertheless.
                session.leave(why.chars().take(1000).collect()).await;
                Err(SessionError::Fatal(WorkerError::Unprepared(why)))
            }
        }
    }

    /// Waits before the next attempt to connect. Returns early on a shutdown.
    ///
    /// # Errors
    /// When the worker's patience is over.
    async fn wait_to_reconnect(&mut self, why: String) -> Result<(), WorkerError> {
        let (coordinator, patience) = (self.config.coordinator.clone(), self.config.patience);
        if self.outage.since.elapsed() >= patience {
            return Err(WorkerError::NoCoordinator { coordinator, patience, why });
        }
        if !self.outage.is_noticed {
            self.outage.is_noticed = true;
            (self.notify)(WorkerNotice::Waiting { coordinator, why, patience });
        }
        tokio::select! {
            () = self.shutdown.wait() => {}
            () = sleep(self.outage.delay) => {}
        }
        self.outage.delay = (2 * self.outage.delay).min(RECONNECT_DELAY.1);
        Ok(())
    }
}
