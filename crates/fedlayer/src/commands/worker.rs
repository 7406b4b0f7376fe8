//! `fedlayer worker`: trains clients for a coordinator in another process.

use std::{
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread::available_parallelism,
};

use fedlayer_core::text::printable;
use fedlayer_runtime::{
    Shutdown,
    remote::{PreparedScenario, Security, WorkerConfig, WorkerError, WorkerOutcome, run_worker},
    shutdown,
};
use fedlayer_torch::Device;

use super::device;
use crate::{
    args::WorkerArgs,
    data::Data,
    exit::Failure,
    files,
    folders::Folders,
    identity::{identity, processor},
    process::{runtime, signals},
    scenario,
    screen::Screen,
    security::{self, ConnectionSide},
    trainers::Trainers,
};

/// Works for a coordinator until its run is finished, or the user ends the worker.
pub(super) fn worker(args: &WorkerArgs, screen: &Screen) -> Result<(), Failure> {
    let security = security::read(&args.security, ConnectionSide::Worker, screen)?;
    check_token_is_safe(args, &security, screen)?;
    Folders::existing(args.data.data.as_deref())?;
    let device = device::open(args.device)?;
    let config = config(args, security, device)?;
    let preparation = Preparation {
        folder: args.data.data.clone(),
        device,
        screen: screen.clone(),
        failure_code: AtomicU8::new(0),
    };
    let preparation = Arc::new(preparation);
    let outcome = work(&config, &preparation, screen)?;
    conclude(outcome, &config, &preparation, screen)
}

/// Refuses to send a token over a network without TLS, unless `--insecure` allows it.
fn check_token_is_safe(
    args: &WorkerArgs,
    security: &Security,
    screen: &Screen,
) -> Result<(), Failure> {
    if security.token.is_none() || security.tls.is_some() || args.connect.is_near() {
        return Ok(());
    }
    if !args.security.insecure {
        return Err(Failure::Security(format!(
            "the token would be sent to {} in the clear: there is no TLS\nhint: give `--certs`, or accept the risk with `--insecure`",
            args.connect
        )));
    }
    screen.talk("warning: the token is sent in the clear");
    Ok(())
}

/// Returns what the worker tells its coordinator of itself.
fn config(args: &WorkerArgs, security: Security, device: Device) -> Result<WorkerConfig, Failure> {
    let slots = match (args.slots, device) {
        (Some(slots), _) => slots,
        (None, Device::Cpu) => available_parallelism()?.get() as u32,
        (None, Device::Cuda(_)) => 1,
    };
    let device = match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
    };
    Ok(WorkerConfig {
        coordinator: args.connect.to_string(),
        security,
        name: format!("{}:{}", host_name(), process::id()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots,
        device: device.to_owned(),
        processor: processor(),
        patience: args.patience,
    })
}

/// The name of this machine.
fn host_name() -> String {
    let name = std::env::var("HOSTNAME").ok().or_else(files::host_name);
    name.map_or_else(|| "worker".to_owned(), |name| printable(&name).into_owned())
}

/// Prepares this worker for a coordinator's scenario.
struct Preparation {
    /// The folder that `--data` names.
    folder: Option<PathBuf>,
    device: Device,
    screen: Screen,
    /// The exit code of the last failure: that of the same scenario in one process.
    failure_code: AtomicU8,
}

impl Preparation {
    fn prepare(&self, name: &str, text: &str) -> Result<PreparedScenario, String> {
        self.try_to_prepare(name, text).map_err(|failure| {
            self.failure_code.store(failure.code(), Ordering::Relaxed);
            failure.message()
        })
    }

    /// Makes plans and trainers from the text of a scenario.
    fn try_to_prepare(&self, name: &str, text: &str) -> Result<PreparedScenario, Failure> {
        let data = Data::new(Folders::new(self.folder.as_deref()));
        let read = scenario::read_text(Path::new(name), text, &[], &data, &self.screen)?;
        let plans = scenario::shared(read.plans);
        let trainers = Arc::new(Trainers::new(self.device, data));
        let identity = identity(&plans, &trainers).map_err(Failure::Data)?;
        Ok(PreparedScenario { plans, identity, factory: trainers })
    }
}

/// Works for the coordinator to the end.
fn work(
    config: &WorkerConfig,
    preparation: &Arc<Preparation>,
    screen: &Screen,
) -> Result<Result<WorkerOutcome, WorkerError>, Failure> {
    let runtime = runtime::start()?;
    let preparation = preparation.clone();
    let prepare = move |name: &str, text: &str| preparation.prepare(name, text).map_err(Into::into);
    let talk = screen.clone();
    let outcome = runtime.block_on(async {
        let stop = stop_at_signal(screen.clone());
        run_worker(config, Arc::new(prepare), stop, move |notice| {
            talk.talk(&printable(&notice.to_string()));
        })
        .await
    });
    runtime.shutdown_background();
    Ok(outcome)
}

/// Stops the worker at the first ctrl-c (or SIGTERM, or SIGHUP), and the program at the second.
fn stop_at_signal(screen: Screen) -> Shutdown {
    let (stopper, stop) = shutdown();
    tokio::spawn(async move {
        signals::end().await;
        screen.talk("told to end: jobs in training are finished soon or handed back");
        stopper.stop();
        signals::end_again().await;
        signal_hook::low_level::exit(130);
    });
    stop
}

/// Says how the work ended.
fn conclude(
    outcome: Result<WorkerOutcome, WorkerError>,
    config: &WorkerConfig,
    preparation: &Preparation,
    screen: &Screen,
) -> Result<(), Failure> {
    let error = match outcome {
        Ok(WorkerOutcome::Finished) => {
            screen.talk("the run is finished");
            return Ok(());
        }
        Ok(WorkerOutcome::Drained) => {
            screen.talk("left the coordinator");
            return Ok(());
        }
        Err(error) => error,
    };
    let words = error.to_string();
    Err(match error {
        WorkerError::Setup(_) => Failure::Security(words),
        WorkerError::NoCoordinator { .. } => {
            let hint = advice(&words, config.security.tls.is_some());
            Failure::Address(format!("{words}\nhint: {hint}"))
        }
        WorkerError::Refused { .. } => Failure::Refused(words),
        WorkerError::Unprepared(_) => {
            let code = preparation.failure_code.load(Ordering::Relaxed);
            Failure::Unprepared { reason: words, code }
        }
    })
}

/// Advises a worker that found no coordinator. If something answers, but not in HTTP/2, the words
/// of the error depend on the end that noticed it first.
fn advice(error: &str, has_tls: bool) -> &'static str {
    let answered = ["transport error", "http2 error", "h2 protocol error"];
    let unreached = ["tcp connect error", "dns error"];
    let is_in = |words: &&str| error.contains(words);
    if error.contains("expired") || error.contains("CertificateExpired") {
        return "a certificate has expired: make new ones in another folder with `fedlayer certs FOLDER --days DAYS`, and give them to the coordinator and all workers";
    }
    match (has_tls, answered.iter().any(is_in) && !unreached.iter().any(is_in)) {
        (false, true) => "the coordinator may ask for TLS: give `--certs`",
        (true, true) => {
            "the coordinator may have no TLS, or a certificate of another authority or for another name: give both `--certs` of the same `fedlayer certs`, and use a name from the certificate in `--connect`"
        }
        (_, false) => {
            "check that the coordinator runs and that `--connect` names it; a larger `--patience` waits longer"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_on_an_expired_certificate_is_to_make_a_new_one() {
        for error in [
            "transport error: invalid peer certificate: certificate expired: verification time 1764331200 (UNIX), but certificate is not valid after 1764000000",
            "transport error: received fatal alert: CertificateExpired",
        ] {
            assert!(advice(error, true).contains("--days"), "{error}");
        }
    }

    #[test]
    fn advice_is_about_tls_if_something_else_than_http_2_answers() {
        for (error, about_tls) in [
            (
                "transport error: http2 error: connection error received: not a result of an error",
                true,
            ),
            ("transport error: connection error: Connection reset by peer (os error 104)", true),
            ("h2 protocol error: http2 error", true),
            ("transport error: tcp connect error: Connection refused (os error 111)", false),
            ("transport error: dns error: failed to lookup address information", false),
            ("silent for 15 s", false),
        ] {
            for has_tls in [false, true] {
                assert_eq!(advice(error, has_tls).contains("TLS"), about_tls, "{error}");
            }
        }
    }
}
