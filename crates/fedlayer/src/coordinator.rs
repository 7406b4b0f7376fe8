//! `fedlayer coordinator` and `fedlayer health`: the same runs as `fedlayer run`, with workers in other processes.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use fedlayer_core::{Plan, Split, printable};
use fedlayer_runtime::{
    Shutdown,
    remote::{
        self, Briefing, Capacity, End, Hub, ListenError, Listening, Metrics, Security, serve,
    },
};
use fedlayer_scenario::Read;
use fedlayer_torch::Device;
use tokio::task::JoinSet;

use crate::{
    args::{CoordinatorArgs, HealthArgs, Kind, ScenarioArgs},
    begin::{self, NewRun},
    data::Data,
    exit::Failure,
    files,
    folders::Folders,
    identity::identity,
    input_files::Search,
    job::{Again, Job, Workplace},
    open_files,
    reopen::{self, Damage, Reopened, absolute},
    run::{note, shared},
    run_folder::RunFolder,
    run_note::{Provenance, RunNote},
    scenario,
    screen::Screen,
    security::{self, Side},
    signals,
    trainers::Trainers,
};

/// `fedlayer coordinator`.
pub(crate) fn coordinator(args: &CoordinatorArgs, screen: &Screen) -> Result<(), Failure> {
    let security = security::read(&args.security, Side::Coordinator, screen)?;
    let (address, warning) = security::allowed(&args.listen, &security, args.security.insecure)?;
    warning.iter().for_each(|warning| screen.talk(warning));
    let preparing = signals::while_preparing(screen);
    let StartingPoint { again, name, data, data_folder, read } = open(args, screen)?;
    if again.is_none() {
        begin::foresee(&read.plans, screen)?;
    }
    let listening = listen(address)?;
    let kind = kind(args.device).to_owned();
    let slots = args.min_workers as usize;
    let before = again.as_ref().map(|(_, again)| &again.before);
    let note = RunNote {
        data: data_folder,
        provenance: Some(match before {
            Some(before) => before.provenance_or(&read.text, &read.plans)?,
            None => Provenance::of(&read.text, &read.plans)?,
        }),
        ..note(&name, &read.plans, kind.clone(), slots, &data)
    };
    let trainers = Arc::new(Trainers::new(Device::Cpu, data));
    begin::read_data(&trainers, &read.plans)?;
    begin::warn_of_inputs(&trainers, &read.plans, screen)?;
    let (plans, analyses) = (shared(read.plans), read.scenario.analysis);
    let lengths = trainers.clone();
    let briefing = Briefing {
        name,
        scenario: read.text.clone(),
        identity: identity(&plans, &trainers).map_err(Failure::Data)?,
        plans: plans.clone(),
        device: kind,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // The data was read above; a plan without data would have ended the program there.
        examples: Box::new(move |plan: &Plan, split: Split| {
            lengths.data(plan).map_or(0, |data| data.split_len(split))
        }),
    };
    let metrics = Arc::new(Metrics::new());
    let talk = screen.clone();
    let hub = Hub::new(briefing, args.grace, metrics.clone(), move |notice| {
        talk.talk(&printable(&notice.to_string()));
    });
    let hub = Arc::new(hub.map_err(Failure::Fault)?);
    let (folder, again) = match again {
        Some((folder, again)) => (folder, Some(again)),
        None => {
            let (scenario, out) = (&args.scenario.scenario, args.out.as_deref());
            let new = NewRun { scenario, text: &read.text, out, note: &note };
            (new.folder(&trainers, screen)?, None)
        }
    };
    let port = Port {
        hub,
        metrics,
        listening: Some(listening),
        security,
        min_workers: args.min_workers as usize,
        deadline: args.deadline,
        again: format!("fedlayer coordinator {{}} --listen {}", args.listen),
        screen: screen.clone(),
        tasks: JoinSet::new(),
        failed: Arc::default(),
    };
    let job = Job { folder, plans, analyses, trainers, json: args.scenario.json, again };
    drop(preparing);
    job.execute(note, port, screen)
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Cpu => "cpu",
        Kind::Cuda => "cuda",
    }
}

/// A scenario, read, and what it is read from.
struct StartingPoint {
    /// The run folder, where the run in it goes on.
    again: Option<(RunFolder, Again)>,
    name: String,
    data: Data,
    /// The folder that `--data` names, now or when the run began.
    data_folder: Option<PathBuf>,
    read: Read,
}

/// Reads the scenario, or the run that goes on.
fn open(args: &CoordinatorArgs, screen: &Screen) -> Result<StartingPoint, Failure> {
    let ScenarioArgs { scenario: path, data, .. } = &args.scenario;
    let settings = &args.scenario.changes()?;
    let option = data.data.as_deref();
    let damage = Damage::of(args.previous);
    if files::is_folder(path) {
        let run = Reopened::open(path, option, settings, damage, screen)?;
        let Reopened { folder, before, inputs, data, read } = run;
        return Ok(StartingPoint {
            name: before.scenario.clone(),
            data,
            data_folder: before.data.clone(),
            read,
            again: Some((folder, Again { before, inputs, damage })),
        });
    }
    let folders = Folders::existing(option)?.beside(path);
    let name = scenario::name(path);
    let data_folder = absolute(option)?;
    let data = Data::new(folders.clone());
    let read = scenario::read(path, settings, &data, screen)?;
    let there = args.out.as_ref().filter(|out| args.go_on && RunFolder::is_one(out));
    let Some(out) = there else {
        args.out.as_deref().map_or(Ok(()), RunFolder::check_free)?;
        return Ok(StartingPoint { again: None, name, data, data_folder, read });
    };
    let folder = RunFolder::open(out.clone())?;
    if folder.scenario()?.1 != read.text {
        return Err(Failure::OtherScenario(out.clone()));
    }
    let before = reopen::checked(&folder, damage, screen)?;
    let (data, inputs) = reopen::data_in(out, &before, folders, Search::InFolders)?;
    reopen::check_plans(out, &read.plans, &before)?;
    let again = Some((folder, Again { before, inputs, damage }));
    Ok(StartingPoint { again, name, data, data_folder, read })
}

/// Takes the port, so that its number is known and nobody else has it.
fn listen(address: SocketAddr) -> Result<Listening, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Listening::open(address)).map_err(|error| {
        Failure::Address(format!(
            "{error}\nhint: another process may be listening there: choose another port with `--listen`"
        ))
    })
}

/// The port that workers connect to.
struct Port {
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    /// The port, until it is served.
    listening: Option<Listening>,
    security: Security,
    min_workers: usize,
    deadline: Option<Duration>,
    /// The command that goes on, but for the folder.
    again: String,
    screen: Screen,
    tasks: JoinSet<()>,
    failed: Arc<OnceLock<ListenError>>,
}

impl Workplace for Port {
    type Link = Hub;

    async fn open(&mut self, word: &Shutdown) -> Result<Option<Arc<Hub>>, Failure> {
        let Some(listening) = self.listening.take() else {
            return Err(Failure::Fault("a port was opened twice".to_owned()));
        };
        let address = listening.address()?;
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
            self.min_workers
        ));
        let (hub, security, failed) =
            (self.hub.clone(), self.security.clone(), self.failed.clone());
        let capacity = Capacity::within(open_files::limit());
        let (broken, mut breaks) = tokio::sync::oneshot::channel();
        self.tasks.spawn(async move {
            if let Err(error) = serve(listening, hub, security, capacity).await {
                let _first = failed.set(error);
                let _heard = broken.send(());
            }
        });
        if let Some(deadline) = self.deadline {
            let hub = self.hub.clone();
            self.tasks.spawn(async move { hub.watch(deadline).await });
        }
        let mut word = word.clone();
        tokio::select! {
            () = self.hub.wait_for(self.min_workers) => Ok(Some(self.hub.clone())),
            () = word.wait() => {
                self.hub.farewell(End::Stopped).await;
                Ok(None)
            }
            Ok(()) = &mut breaks => {
                let error = self.failed.get().map(ToString::to_string).unwrap_or_default();
                Err(Failure::Security(error))
            }
        }
    }

    fn counts(&self) -> Option<Arc<Metrics>> {
        Some(self.metrics.clone())
    }

    fn hint(&self, folder: &Path) -> String {
        let folder = folder.display().to_string();
        let again = self.again.replace("{}", &folder);
        format!("go on with `{again}`, or in one process with `fedlayer resume {folder}`")
    }

    async fn close(&mut self, end: End) {
        self.hub.farewell(end).await;
    }
}

/// `fedlayer health`.
pub(crate) fn health(args: &HealthArgs, screen: &Screen) -> Result<(), Failure> {
    let tls =
        args.certs.as_deref().map(|folder| security::tls(folder, Side::Worker)).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address = args.connect.to_string();
    let asked = runtime.block_on(remote::health(&address, Security { tls, token: None }));
    asked.map_err(|why| {
        Failure::Address(format!("the coordinator at {} does not serve: {why}", args.connect))
    })?;
    screen.talk(&format!("the coordinator at {} serves", args.connect));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use fedlayer_runtime::remote::limits;

    use crate::args::{Cli, Command};

    #[test]
    fn the_command_lines_defaults_are_the_protocols() {
        let command = |words: &[&str]| Cli::try_parse_from(words).unwrap().command;
        let coordinator = command(&["fedlayer", "coordinator", "scenario.toml"]);
        assert!(matches!(coordinator, Command::Coordinator(args) if args.grace == limits::GRACE));
        let worker = command(&["fedlayer", "worker"]);
        assert!(matches!(worker, Command::Worker(args) if args.patience == limits::PATIENCE));
    }

    #[test]
    fn every_scenario_that_can_be_read_can_be_handed_out() {
        assert_eq!(fedlayer_scenario::SCENARIO_BYTES, limits::SCENARIO_BYTES);
    }
}
