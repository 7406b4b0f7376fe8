//! `fedlayer coordinator`: the same runs as `fedlayer run`, with workers of other processes.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use fedlayer_core::{Plan, data::Split, text::printable};
use fedlayer_runtime::remote::{BoundPort, Hub, Metrics, RunOffer, Security};
use fedlayer_scenario::{Setting, ValidScenario};
use fedlayer_torch::Device;
use tokio::runtime::Builder;

use crate::{
    args::{CoordinatorArgs, DeviceKind},
    data::Data,
    execution::{
        NewRun, RemoteOptions, RemoteWorkers, ResumedRun, ScenarioRun, begin_note, preflight,
    },
    exit::Failure,
    files,
    folders::Folders,
    identity::identity,
    process::signals,
    reopen::{self, Damage, Reopened, absolute},
    run_folder::{
        RunFolder,
        format::FolderFormat,
        inputs_note::SearchOrder,
        note::{Provenance, RunNote},
    },
    scenario,
    screen::Screen,
    security::{self, ConnectionSide},
    trainers::Trainers,
};

/// Runs a scenario, or goes on with a run. Whatever can fail fails before the run folder is made.
pub(super) fn coordinator(args: &CoordinatorArgs, screen: &Screen) -> Result<(), Failure> {
    let security = security::read(&args.security, ConnectionSide::Coordinator, screen)?;
    let (address, warning) = security::allowed(&args.listen, &security, args.security.insecure)?;
    warning.iter().for_each(|warning| screen.talk(warning));
    let preparing = signals::while_preparing(screen);
    let start = StartingPoint::of(args, screen)?;
    if start.resumed.is_none() {
        preflight::foresee(&start.read.plans, screen)?;
    }
    let port = listen(address)?;
    let note = start.note(args)?;
    let StartingPoint { resumed, name, data, read, .. } = start;
    let trainers = Arc::new(Trainers::new(Device::Cpu, data));
    preflight::read_data(&trainers, &read.plans)?;
    preflight::warn_of_inputs(&trainers, &read.plans, screen)?;
    let (plans, analyses) = (scenario::shared(read.plans), read.scenario.analysis);
    let offer = offer(args.device, name, &read.text, &plans, &trainers)?;
    let workers = remote_workers(args, offer, port, security, screen)?;
    let (folder, resumed) = match resumed {
        Some((folder, resumed)) => (folder, Some(resumed)),
        None => {
            let (scenario, out) = (&args.scenario.scenario, args.out.as_deref());
            let new = NewRun { scenario, text: &read.text, out, note: &note };
            (new.make_folder(&trainers, screen)?, None)
        }
    };
    let run = ScenarioRun { folder, plans, analyses, trainers, json: args.scenario.json, resumed };
    drop(preparing);
    run.execute(note, workers, screen)
}

/// Makes the offer of a run that workers get when they connect.
fn offer(
    device: DeviceKind,
    name: String,
    text: &str,
    plans: &[Arc<Plan>],
    trainers: &Arc<Trainers>,
) -> Result<RunOffer, Failure> {
    let lengths = trainers.clone();
    Ok(RunOffer {
        name,
        scenario: text.to_owned(),
        identity: identity(plans, trainers).map_err(Failure::Data)?,
        plans: plans.to_vec(),
        device: device_word(device).to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // The data was read before; a plan without data would have ended the program there.
        examples: Box::new(move |plan: &Plan, split: Split| {
            lengths.data(plan).map_or(0, |data| data.split_len(split))
        }),
    })
}

/// Makes the hub of the workers behind an open port.
fn remote_workers(
    args: &CoordinatorArgs,
    offer: RunOffer,
    port: BoundPort,
    security: Security,
    screen: &Screen,
) -> Result<RemoteWorkers, Failure> {
    let metrics = Arc::new(Metrics::new());
    let talk = screen.clone();
    let hub = Hub::new(offer, args.grace, metrics.clone(), move |notice| {
        talk.talk(&printable(&notice.to_string()));
    });
    let hub = Arc::new(hub.map_err(|error| Failure::Fault(error.to_string()))?);
    let options = RemoteOptions {
        min_workers: args.min_workers as usize,
        deadline: args.deadline,
        resume_command: format!("fedlayer coordinator {{}} --listen {}", args.listen),
    };
    Ok(RemoteWorkers::new(hub, metrics, port, security, options, screen.clone()))
}

fn device_word(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Cpu => "cpu",
        DeviceKind::Cuda => "cuda",
    }
}

/// A scenario that is read and checked, and the files that it was read from.
struct StartingPoint {
    /// The run folder and the earlier part of the run, if a run goes on.
    resumed: Option<(RunFolder, ResumedRun)>,
    name: String,
    data: Data,
    /// The folder that `--data` names, now or when the run began.
    data_folder: Option<PathBuf>,
    read: ValidScenario,
}

impl StartingPoint {
    /// Reads the scenario, or the run that goes on.
    fn of(args: &CoordinatorArgs, screen: &Screen) -> Result<Self, Failure> {
        let settings = args.scenario.changes()?;
        if files::is_folder(&args.scenario.scenario) {
            Self::of_run(args, &settings, screen)
        } else {
            Self::of_scenario(args, &settings, screen)
        }
    }

    /// Opens a run folder.
    fn of_run(
        args: &CoordinatorArgs,
        settings: &[Setting],
        screen: &Screen,
    ) -> Result<Self, Failure> {
        let option = args.scenario.data.data.as_deref();
        let damage = Damage::of(args.previous);
        let run = Reopened::open(&args.scenario.scenario, option, settings, damage, screen)?;
        let Reopened { folder, before, inputs, data, read } = run;
        Ok(Self {
            name: before.scenario.clone(),
            data,
            data_folder: before.data.clone(),
            read,
            resumed: Some((folder, ResumedRun { before, inputs, damage })),
        })
    }

    /// Reads a scenario. With `--go-on`, a run of it in `--out` is opened.
    fn of_scenario(
        args: &CoordinatorArgs,
        settings: &[Setting],
        screen: &Screen,
    ) -> Result<Self, Failure> {
        let (path, option) = (&args.scenario.scenario, args.scenario.data.data.as_deref());
        let folders = Folders::existing(option)?.beside(path);
        let name = scenario::name(path);
        let data_folder = absolute(option)?;
        let data = Data::new(folders.clone());
        let read = scenario::read(path, settings, &data, screen)?;
        let there = args.out.as_ref().filter(|out| args.go_on && RunFolder::is_one(out));
        let Some(out) = there else {
            args.out.as_deref().map_or(Ok(()), RunFolder::check_free)?;
            return Ok(Self { resumed: None, name, data, data_folder, read });
        };
        let folder = RunFolder::open(out.clone())?;
        if folder.scenario()?.1 != read.text {
            return Err(Failure::OtherScenario(out.clone()));
        }
        let damage = Damage::of(args.previous);
        let before = reopen::checked(&folder, damage, screen)?;
        let (data, inputs) = reopen::data_in(out, &before, folders, SearchOrder::InFolders)?;
        reopen::check_plans(out, &read.plans, &before)?;
        let resumed = Some((folder, ResumedRun { before, inputs, damage }));
        Ok(Self { resumed, name, data, data_folder, read })
    }

    /// Returns the note on the run that begins now.
    fn note(&self, args: &CoordinatorArgs) -> Result<RunNote, Failure> {
        let (text, plans) = (&self.read.text, &self.read.plans);
        let device = device_word(args.device).to_owned();
        let format = match &self.resumed {
            Some((folder, _)) => folder.format(),
            None => FolderFormat::CURRENT,
        };
        let provenance = match &self.resumed {
            Some((_, resumed)) => resumed.before.provenance_or(text, plans)?,
            None => Provenance::of(text, plans, format)?,
        };
        Ok(RunNote {
            format,
            data: self.data_folder.clone(),
            provenance: Some(provenance),
            ..begin_note(&self.name, plans, device, args.min_workers as usize, &self.data)
        })
    }
}

/// Takes the port: from now on its number is known, and no other process can have it.
fn listen(address: SocketAddr) -> Result<BoundPort, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(BoundPort::open(address)).map_err(|error| {
        Failure::Address(format!(
            "{error}\nhint: another process may be listening there: choose another port with `--listen`"
        ))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use fedlayer_runtime::remote::limits;

    use crate::args::{Cli, Command};

    #[test]
    fn every_scenario_that_can_be_read_can_be_handed_out() {
        assert_eq!(fedlayer_scenario::SCENARIO_BYTES, limits::SCENARIO_BYTES);
    }

    #[test]
    fn the_command_lines_defaults_are_the_protocols() {
        let command = |words: &[&str]| Cli::try_parse_from(words).unwrap().command;
        let coordinator = command(&["fedlayer", "coordinator", "scenario.toml"]);
        assert!(matches!(coordinator, Command::Coordinator(args) if args.grace == limits::GRACE));
        let worker = command(&["fedlayer", "worker"]);
        assert!(matches!(worker, Command::Worker(args) if args.patience == limits::PATIENCE));
    }
}
