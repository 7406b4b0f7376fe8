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

use fedlayer_core::printable;
use fedlayer_runtime::{
    remote::{PreparedScenario, WorkerConfig, WorkerError, WorkerOutcome, run_worker},
    shutdown,
};
use fedlayer_torch::Device;

use crate::{
    args::WorkerArgs,
    data::Data,
    exit::Failure,
    folders::Folders,
    identity::{identity, processor},
    run::shared,
    runtime, scenario,
    screen::Screen,
    security::{self, Side},
    signals,
    trainers::Trainers,
};

/// `fedlayer worker`.
pub(crate) fn worker(args: &WorkerArgs, screen: &Screen) -> Result<(), Failure> {
    let security = security::read(&args.security, Side::Worker, screen)?;
    if security.token.is_some() && security.tls.is_none() && !args.connect.is_near() {
        if !args.security.insecure {
            return Err(Failure::Security(format!(
                "the token would cross the network to {} in the clear: there is no TLS\nhint: give `--certs`, or take the risk with `--insecure`",
                args.connect
            )));
        }
        screen.talk("warning: the token crosses the network in the clear");
    }
    Folders::existing(args.data.data.as_deref())?;
    let device = args.device.open().map_err(|error| Failure::Device(error.to_string()))?;
    let slots = match (args.slots, device) {
        (Some(slots), _) => slots,
        (None, Device::Cpu) => available_parallelism()?.get() as u32,
        (None, Device::Cuda(_)) => 1,
    };
    let post = WorkerConfig {
        coordinator: args.connect.to_string(),
        security,
        name: format!("{}:{}", host(), process::id()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots,
        device: match device {
            Device::Cpu => "cpu".to_owned(),
            Device::Cuda(_) => "cuda".to_owned(),
        },
        processor: processor(),
        patience: args.patience,
    };
    let (folder, quiet) = (args.data.data.clone(), screen.clone());
    // What the same scenario would end with in one process.
    let code = Arc::new(AtomicU8::new(0));
    let noted = code.clone();
    let prepare = move |name: &str, text: &str| {
        prepare(name, text, folder.as_deref(), device, &quiet).map_err(|failure| {
            noted.store(failure.code(), Ordering::Relaxed);
            failure.words().into()
        })
    };
    let runtime = runtime::start()?;
    let (talk, has_tls) = (screen.clone(), post.security.tls.is_some());
    let ended = runtime.block_on(async {
        let (stopper, word) = shutdown();
        let said = screen.clone();
        tokio::spawn(async move {
            signals::end().await;
            said.talk("told to end: what is in training is finished soon or handed back");
            stopper.stop();
            signals::end_again().await;
            signal_hook::low_level::exit(130);
        });
        run_worker(&post, Arc::new(prepare), word, move |notice| {
            talk.talk(&printable(&notice.to_string()))
        })
        .await
    });
    runtime.shutdown_background();
    match ended {
        Ok(WorkerOutcome::Finished) => screen.talk("the run is finished"),
        Ok(WorkerOutcome::Drained) => screen.talk("left"),
        Err(error @ WorkerError::Setup(_)) => return Err(Failure::Security(error.to_string())),
        Err(error @ WorkerError::NoCoordinator { .. }) => {
            let hint = advice(&error.to_string(), has_tls);
            return Err(Failure::Address(format!("{error}\nhint: {hint}")));
        }
        Err(error @ WorkerError::Refused { .. }) => {
            return Err(Failure::Refused(error.to_string()));
        }
        Err(error @ WorkerError::Unprepared(_)) => {
            let code = code.load(Ordering::Relaxed);
            return Err(Failure::Unprepared { reason: error.to_string(), code });
        }
    }
    Ok(())
}

/// What may help a worker that found no coordinator. Where somebody answers, but not in HTTP/2, the words of the error depend on which end noticed
/// first.
fn advice(error: &str, has_tls: bool) -> &'static str {
    let answered = ["transport error", "http2 error", "h2 protocol error"];
    let unreached = ["tcp connect error", "dns error"];
    let is_in = |words: &&str| error.contains(words);
    if error.contains("expired") || error.contains("CertificateExpired") {
        return "a certificate is over: make new ones in another folder with `fedlayer certs FOLDER --days DAYS`, and give them to the coordinator and all workers";
    }
    match (has_tls, answered.iter().any(is_in) && !unreached.iter().any(is_in)) {
        (false, true) => "the coordinator may ask for TLS: give `--certs`",
        (true, true) => {
            "the coordinator may have no TLS, or certificates of another authority or for other names: see that both have `--certs` of the same `fedlayer certs`, and that `--connect` calls it by a name in its certificate"
        }
        (_, false) => {
            "see that the coordinator runs, and that `--connect` names it; `--patience` waits longer"
        }
    }
}

/// Makes of a coordinator's scenario what its jobs need.
fn prepare(
    name: &str,
    text: &str,
    folder: Option<&Path>,
    device: Device,
    screen: &Screen,
) -> Result<PreparedScenario, Failure> {
    let data = Data::new(Folders::new(folder));
    let read = scenario::read_text(&PathBuf::from(name), text, &[], &data, screen)?;
    let plans = shared(read.plans);
    let trainers = Arc::new(Trainers::new(device, data));
    let identity = identity(&plans, &trainers).map_err(Failure::Data)?;
    Ok(PreparedScenario { plans, identity, factory: trainers })
}

/// What this machine calls itself.
fn host() -> String {
    let name = std::env::var("HOSTNAME").ok().or_else(crate::files::host_name);
    name.map_or_else(|| "worker".to_owned(), |name| printable(&name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_on_a_certificate_that_is_over_is_to_make_a_new_one() {
        for error in [
            "transport error: invalid peer certificate: certificate expired: verification time 1764331200 (UNIX), but certificate is not valid after 1764000000",
            "transport error: received fatal alert: CertificateExpired",
        ] {
            assert!(advice(error, true).contains("--days"), "{error}");
        }
    }

    #[test]
    fn advice_is_about_tls_where_somebody_answers_in_another_way() {
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
