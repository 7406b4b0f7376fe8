//! [`RemoteWorkers`]: workers of other processes, which connect to a port of this one.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use fedlayer_runtime::{
    Shutdown,
    remote::{BoundPort, ConnectionLimits, Hub, ListenError, Metrics, RunEnd, Security, serve},
};
use tokio::{sync::oneshot, task::JoinSet};

use super::backend::WorkerBackend;
use crate::{exit::Failure, process::open_files, screen::Screen};

/// How a coordinator waits for its workers and treats those that are slow.
pub(crate) struct RemoteOptions {
    /// The run begins when this number of workers has joined.
    pub(crate) min_workers: usize,
    /// The time after which a job is given to a second worker as well.
    pub(crate) deadline: Option<Duration>,
    /// The command that goes on with the run; `{}` is replaced by the run folder.
    pub(crate) resume_command: String,
}

/// Workers of other processes.
pub(crate) struct RemoteWorkers {
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    /// The port, until it is served.
    listening: Option<BoundPort>,
    security: Security,
    options: RemoteOptions,
    screen: Screen,
    /// The server, and the watch over the deadline; they end with this value.
    tasks: JoinSet<()>,
}

impl RemoteWorkers {
    /// Takes a port that is open and not yet served.
    pub(crate) fn new(
        hub: Arc<Hub>,
        metrics: Arc<Metrics>,
        listening: BoundPort,
        security: Security,
        options: RemoteOptions,
        screen: Screen,
    ) -> Self {
        let listening = Some(listening);
        Self { hub, metrics, listening, security, options, screen, tasks: JoinSet::new() }
    }

    /// Says where workers can connect, and how many are needed.
    fn announce(&self, address: SocketAddr) {
        let secured = match (&self.security.tls, &self.security.token) {
            (Some(_), Some(_)) => "mutual TLS and a token",
            (Some(_), None) => "mutual TLS",
            (None, Some(_)) => "a token, no TLS",
            (None, None) => "neither TLS nor token",
        };
        let host = match address.ip() {
            ip if ip.is_unspecified() => format!("HOST:{}", address.port()),
            _ => address.to_string(),
        };
        self.screen.talk(&format!(
            "listening on {address} ({secured}); waiting for workers: {} needed, `fedlayer worker --connect {host}` starts one",
            self.options.min_workers
        ));
    }

    /// Serves the port in the background. The receiver gets the error if the server cannot go on.
    fn serve(&mut self, listening: BoundPort) -> oneshot::Receiver<ListenError> {
        let (failed, failure) = oneshot::channel();
        let (hub, security) = (self.hub.clone(), self.security.clone());
        let capacity = ConnectionLimits::within(open_files::limit());
        self.tasks.spawn(async move {
            if let Err(error) = serve(listening, hub, security, capacity).await {
                let _heard = failed.send(error);
            }
        });
        failure
    }

    /// Gives jobs that are past the deadline to a second worker, in the background.
    fn watch_deadline(&mut self) {
        if let Some(deadline) = self.options.deadline {
            let hub = self.hub.clone();
            self.tasks.spawn(async move { hub.reissue_overdue(deadline).await });
        }
    }
}

impl WorkerBackend for RemoteWorkers {
    type Link = Hub;

    async fn open(&mut self, stop: &Shutdown) -> Result<Option<Arc<Hub>>, Failure> {
        let Some(listening) = self.listening.take() else {
            return Err(Failure::Fault("a port was opened twice".to_owned()));
        };
        self.announce(listening.address()?);
        let mut failure = self.serve(listening);
        self.watch_deadline();
        let mut stop = stop.clone();
        tokio::select! {
            () = self.hub.wait_for_workers(self.options.min_workers) => Ok(Some(self.hub.clone())),
            () = stop.wait() => {
                self.hub.farewell(RunEnd::Stopped).await;
                Ok(None)
            }
            Ok(error) = &mut failure => Err(Failure::Security(error.to_string())),
        }
    }

    fn metrics(&self) -> Option<Arc<Metrics>> {
        Some(self.metrics.clone())
    }

    fn resume_hint(&self, folder: &Path) -> String {
        let folder = folder.display().to_string();
        let again = self.options.resume_command.replace("{}", &folder);
        format!("go on with `{again}`, or in one process with `fedlayer resume {folder}`")
    }

    async fn release(link: Arc<Hub>, end: RunEnd) {
        link.farewell(end).await;
    }
}
