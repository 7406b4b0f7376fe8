//! The arguments of `fedlayer coordinator`, `worker`, `certs` and `health`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};
use fedlayer_runtime::remote::limits;
use fedlayer_torch::DeviceChoice;

use super::{
    DataArgs, ScenarioArgs,
    values::{folder, seconds, worker_name},
};
use crate::{address::Address, numbers::within};

/// The default address of a coordinator.
const COORDINATOR: &str = "127.0.0.1:7878";

/// The protection of a coordinator and its workers against everybody else.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecurityArgs {
    /// The folder that `fedlayer certs` made, with certificates for mutual TLS and a token.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) certs: Option<PathBuf>,
    /// The file of the token, at least 16 characters. The default is the token in the environment
    /// variable `FEDLAYER_TOKEN`, or the one in the folder of certificates.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Do without TLS or a token even on an address that other machines can reach. Everybody who
    /// reaches it can read the models and change the records.
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// `fedlayer coordinator`.
#[derive(Debug, Args)]
#[command(mut_arg("scenario", |scenario| {
    scenario.help("The scenario file, or a run folder to go on with its run")
}))]
pub(crate) struct CoordinatorArgs {
    /// The scenario or the run folder.
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// The run folder, which must not exist yet; the default is `runs/NAME`, or the next free of
    /// `runs/NAME-2`, …
    #[arg(long, value_parser = folder())]
    pub(crate) out: Option<PathBuf>,
    /// If `--out` holds a run of the same scenario already, go on with it; for services that
    /// restart a coordinator automatically.
    #[arg(long, requires = "out")]
    pub(crate) go_on: bool,
    /// If the latest checkpoint is damaged, go on from the one before it.
    #[arg(long)]
    pub(crate) previous: bool,
    /// The address that workers connect to; with port 0 the system chooses a free port.
    #[arg(long, value_name = "HOST:PORT", default_value = COORDINATOR, value_parser = Address::to_listen)]
    pub(crate) listen: Address,
    /// The kind of device that every worker must train on.
    #[arg(long, value_enum, default_value_t = DeviceKind::Cpu)]
    pub(crate) device: DeviceKind,
    /// Begin when this number of workers is connected.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = within(1..=u32::MAX))]
    pub(crate) min_workers: u32,
    /// Give a job to a second worker when the first has had it for this time; the first result
    /// counts.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) deadline: Option<Duration>,
    /// Treat a worker as lost when it has been silent for this time.
    #[arg(long, value_name = "SECONDS", default_value = "15", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) grace: Duration,
    /// The protection of the connections.
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// A kind of device that clients train on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceKind {
    /// Processors.
    Cpu,
    /// CUDA devices.
    Cuda,
}

/// `fedlayer worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// The coordinator. While its name is not known or the coordinator is not started, the worker
    /// tries again.
    #[arg(long, value_name = "HOST:PORT", default_value = COORDINATOR, value_parser = Address::to_connect)]
    pub(crate) connect: Address,
    /// The number of jobs to work on at once; the default is the number of cores, or 1 on CUDA.
    #[arg(long, allow_negative_numbers = true, value_parser = within(1..=limits::SLOTS_PER_WORKER))]
    pub(crate) slots: Option<u32>,
    /// The device on which clients train: `auto`, `cpu`, `cuda` or `cuda:1`.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceChoice,
    /// The data folders.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The longest time to wait for a coordinator that is not started yet or was lost.
    #[arg(long, value_name = "SECONDS", default_value = "300", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) patience: Duration,
    /// The protection of the connection.
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// `fedlayer certs`.
#[derive(Debug, Args)]
pub(crate) struct CertsArgs {
    /// The folder to write to.
    #[arg(value_parser = folder())]
    pub(crate) folder: PathBuf,
    /// A name or address of the coordinator, besides `localhost`, `127.0.0.1`, `::1` and
    /// `coordinator`. May be repeated.
    #[arg(long = "name", value_name = "HOST", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) names: Vec<String>,
    /// A worker with a key of its own. `FOLDER/workers/NAME` gets all files that its machine needs.
    /// May be repeated. Without this option, all workers use the one key in `FOLDER`.
    #[arg(long = "worker", value_name = "NAME", value_parser = worker_name)]
    pub(crate) workers: Vec<String>,
    /// The number of days that the certificates are valid, from an hour before now.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) days: u32,
    /// Keep certificates that exist already, and exit without an error.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// `fedlayer health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The coordinator.
    #[arg(long, value_name = "HOST:PORT", default_value = COORDINATOR, value_parser = Address::to_connect)]
    pub(crate) connect: Address,
    /// The folder that `fedlayer certs` made.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) certs: Option<PathBuf>,
}
