//! The command line, as clap reads it.

mod analyze;

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{
        NonEmptyStringValueParser, PathBufValueParser, PossibleValuesParser, TypedValueParser,
    },
};
use clap_complete::Shell;
use fedlayer_runtime::remote::limits;
use fedlayer_scenario::Setting;
use fedlayer_torch::DeviceChoice;

pub(crate) use self::analyze::AnalyzeArgs;
use crate::{
    address::Address, exit::Failure, fetch::Source, numbers::within, short_forms::ShortForms,
};

/// A federated averaging simulator for people who study which layers to average.
///
/// Clients train locally; each round a coordinator averages all layers, one layer, or any chosen set of them, and measures the loss barriers
/// between the client models.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Begin with:\n  fedlayer init > my.toml\n  fedlayer check my.toml\n  fedlayer run my.toml"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How the log on stderr looks; `RUST_LOG` says what is in it (for instance `RUST_LOG=fedlayer=debug`).
    #[arg(long, global = true, value_enum, default_value_t = LogForm::Text)]
    pub(crate) log: LogForm,
    /// Say nothing on stderr but errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a scenario: every strategy with every seed, then the table.
    #[command(
        after_help = "Examples:\n  fedlayer run scenarios/digits.toml\n  fedlayer run scenarios/digits.toml --rounds 5 --seeds 1 --out /tmp/try"
    )]
    Run(RunArgs),
    /// Check a scenario and print its plan: layers, examples per client, cost.
    #[command(
        after_help = "Examples:\n  fedlayer check scenarios/digits.toml\n  fedlayer check scenarios/digits.toml --seeds 1-5"
    )]
    Check(ScenarioArgs),
    /// Go on with a run that was interrupted or killed.
    #[command(after_help = "Example:\n  fedlayer resume runs/digits")]
    Resume(ResumeArgs),
    /// Measure something on the models of a run, or on files of values.
    #[command(
        after_help = "Examples:\n  fedlayer analyze barriers runs/digits --strategy none\n  fedlayer analyze robustness runs/digits --strategy none --set draws=20\n  fedlayer analyze barriers a.safetensors b.safetensors --scenario scenarios/digits.toml\n\nWhat each measures, with its keys for `--set`: docs/analyses.md; the keys are also in `fedlayer schema`."
    )]
    Analyze(AnalyzeArgs),
    /// Run a scenario with workers in other processes; a run folder in its place goes on with the run in it.
    #[command(
        after_help = "Examples:\n  fedlayer coordinator scenarios/digits.toml\n  fedlayer coordinator scenarios/digits.toml --listen 0.0.0.0:7878 --certs certs --min-workers 4\n  fedlayer coordinator runs/digits    # goes on with a run that was interrupted or killed"
    )]
    Coordinator(CoordinatorArgs),
    /// Train clients for a coordinator.
    #[command(
        after_help = "Examples:\n  fedlayer worker\n  fedlayer worker --connect coordinator:7878 --certs certs --slots 2"
    )]
    Worker(WorkerArgs),
    /// Make certificates and a token for a coordinator and its workers.
    #[command(after_help = "Example:\n  fedlayer certs certs --name coordinator --name 10.0.0.7")]
    Certs(CertsArgs),
    /// Ask whether a coordinator serves.
    #[command(after_help = "Example:\n  fedlayer health --connect coordinator:7878 --certs certs")]
    Health(HealthArgs),
    /// Compare the strategies of finished runs in one table. Keys in which the runs differ are named below it.
    #[command(after_help = "Example:\n  fedlayer compare runs/digits runs/digits-slow")]
    Compare(CompareArgs),
    /// Check every file of a run against what was written, and name each fault with its file and line. Nothing is changed.
    #[command(after_help = "Example:\n  fedlayer verify runs/digits")]
    Verify(VerifyArgs),
    /// List the data sets, or fetch one.
    #[command(
        subcommand,
        after_help = "Examples:\n  fedlayer data list\n  fedlayer data fetch fashion-mnist"
    )]
    Data(DataCommand),
    /// Print the JSON Schema of scenario files.
    Schema,
    /// Print a scenario to begin with, every part explained.
    #[command(after_help = "Example:\n  fedlayer init > my.toml")]
    Init,
    /// Print the completions of a shell.
    #[command(
        after_help = "Example:\n  fedlayer completions bash > ~/.local/share/bash-completion/completions/fedlayer"
    )]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// A scenario, with changes.
#[derive(Debug, Args)]
pub(crate) struct ScenarioArgs {
    /// The scenario file.
    pub(crate) scenario: PathBuf,
    /// Change a value of the scenario: `--set local.epochs=5`, `--set strategy.0.average=none`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<Setting>,
    /// What is set often.
    #[command(flatten)]
    pub(crate) short: ShortForms,
    /// Where data is.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

impl ScenarioArgs {
    /// All changes of the scenario, the short forms among them.
    ///
    /// # Errors
    /// When a short form and a `--set` are about the same key.
    pub(crate) fn changes(&self) -> Result<Vec<Setting>, Failure> {
        self.short.beside(&self.settings).map_err(Failure::Usage)
    }
}

/// Where data is.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Look for data here first, each set in a folder of its name; then in the folder that `FEDLAYER_DATA` names, then in the platform's
    /// data folders: see `fedlayer data list`. A file that a scenario names is looked for beside the scenario before.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

/// `fedlayer data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// List the data sets: what each is, its licence, where it is found.
    List(ListArgs),
    /// Fetch a data set: download, verify, unpack. A download that was cut off goes on where it stopped.
    #[command(
        after_help = "Examples:\n  fedlayer data fetch cifar-10\n  fedlayer data fetch cifar-10 --from ~/Downloads --to /data/sets"
    )]
    Fetch(FetchArgs),
}

/// `fedlayer data list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Where data is.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `fedlayer data fetch`.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// The set.
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    pub(crate) name: String,
    /// Another address than the set's own, to which the files' names are appended; or a folder to copy from.
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) from: Option<Source>,
    /// The data folder to put it into; the first of the searched ones that can be written in where it is not given.
    #[arg(long, value_name = "FOLDER", value_parser = folder())]
    pub(crate) to: Option<PathBuf>,
    /// Where data is.
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// The sets that can be fetched.
fn names() -> impl Iterator<Item = &'static str> {
    fedlayer_data::catalogue().iter().map(|set| set.name)
}

/// How a run is carried out. The number of workers changes no result; another device changes last bits.
#[derive(Debug, Args)]
pub(crate) struct Means {
    /// Where clients train: `auto`, `cpu`, `cuda` or `cuda:1`; `cpu` where it is not given, and for `resume` where the run was.
    #[arg(long)]
    pub(crate) device: Option<DeviceChoice>,
    /// Worker threads; as many as there are cores where it is not given.
    #[arg(long, allow_negative_numbers = true, value_parser = within(1..=u16::MAX))]
    pub(crate) workers: Option<u16>,
}

/// `fedlayer run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The scenario.
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// The means.
    #[command(flatten)]
    pub(crate) means: Means,
    /// The run folder, which must not exist yet; `runs/NAME` or the next free `runs/NAME-2`, … where it is not given.
    #[arg(long, value_parser = folder())]
    pub(crate) out: Option<PathBuf>,
    /// Do all that comes before the first round, print what `check` prints, and make nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// How a coordinator and its workers are kept apart from everybody else.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecurityArgs {
    /// The folder that `fedlayer certs` made: mutual TLS, and the token in it.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) certs: Option<PathBuf>,
    /// The file that holds the token, at least 16 characters; where it is not given the environment's `FEDLAYER_TOKEN`, or the token in the folder of
    /// certificates.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Do without TLS or a token on an address that other machines reach. Whoever reaches it can read the models and change the records.
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// Where a coordinator is, where nothing else is said.
const COORDINATOR: &str = "127.0.0.1:7878";

/// `fedlayer coordinator`.
#[derive(Debug, Args)]
pub(crate) struct CoordinatorArgs {
    /// The scenario; or a run folder, to go on with the run in it.
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// The run folder, which must not exist yet; `runs/NAME` or the next free `runs/NAME-2`, … where it is not given.
    #[arg(long, value_parser = folder())]
    pub(crate) out: Option<PathBuf>,
    /// Where there is a run of the same scenario in `--out` already, go on with it: for what is started again by itself.
    #[arg(long, requires = "out")]
    pub(crate) go_on: bool,
    /// Where the latest checkpoint is damaged, go on from the one before.
    #[arg(long)]
    pub(crate) previous: bool,
    /// The address that workers connect to; the system chooses the port where it is 0.
    #[arg(long, value_name = "HOST:PORT", default_value = COORDINATOR, value_parser = Address::to_listen)]
    pub(crate) listen: Address,
    /// What workers must train on.
    #[arg(long, value_enum, default_value_t = Kind::Cpu)]
    pub(crate) device: Kind,
    /// Begin when so many workers are there.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = within(1..=u32::MAX))]
    pub(crate) min_workers: u32,
    /// Give a job to another worker as well, once one has had it for so many seconds; the first to return it is taken.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) deadline: Option<Duration>,
    /// Take a worker for lost that was not heard of for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value = "15", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) grace: Duration,
    /// Security.
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// What clients train on, whichever of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Processors.
    Cpu,
    /// CUDA devices.
    Cuda,
}

/// `fedlayer worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// The coordinator. A name that is not known yet is looked up again and again, like a coordinator that is not there yet.
    #[arg(long, value_name = "HOST:PORT", default_value = COORDINATOR, value_parser = Address::to_connect)]
    pub(crate) connect: Address,
    /// How many jobs to work on at once; as many as there are cores where it is not given, one on CUDA.
    #[arg(long, allow_negative_numbers = true, value_parser = within(1..=limits::SLOTS_PER_WORKER))]
    pub(crate) slots: Option<u32>,
    /// Where clients train: `auto`, `cpu`, `cuda` or `cuda:1`.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceChoice,
    /// Where data is.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Wait so many seconds for the coordinator to come or to come back.
    #[arg(long, value_name = "SECONDS", default_value = "300", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) patience: Duration,
    /// Security.
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// `fedlayer certs`.
#[derive(Debug, Args)]
pub(crate) struct CertsArgs {
    /// The folder to write them into.
    #[arg(value_parser = folder())]
    pub(crate) folder: PathBuf,
    /// A name or address by which workers call the coordinator, beside `localhost`, `127.0.0.1`, `::1` and `coordinator`. May be repeated.
    #[arg(long = "name", value_name = "HOST", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) names: Vec<String>,
    /// A worker that gets a key of its own, in `FOLDER/workers/NAME`: everything that its machine needs, and nothing else. May be repeated. Where it is
    /// not given, all workers use the one key in `FOLDER`.
    #[arg(long = "worker", value_name = "NAME", value_parser = worker_name)]
    pub(crate) workers: Vec<String>,
    /// How many days the certificates are valid, from an hour before now.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) days: u32,
    /// Do nothing where they are there already.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// A worker's name, which becomes the name of its folder.
fn worker_name(name: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fits = (1..=64).contains(&name.len()) && name.chars().all(is_plain);
    match fits && !name.starts_with(['.', '-']) {
        true => Ok(name.to_owned()),
        false => Err("1 to 64 letters, digits, `-`, `_` and `.` are allowed, the first a letter, a digit or `_`".to_owned()),
    }
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

/// Reads the path of a folder to write into. A single `-` stands for a stream elsewhere, and is no folder's name by accident.
fn folder() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str() == "-" {
        true => {
            Err("a folder is needed, and none is written to stdout; a folder of that name is `./-`")
        }
        false => Ok(path),
    })
}

/// A number of seconds above 0.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.01..=1e9).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0.01 to 1e9 is allowed".to_owned())
}

/// `fedlayer resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run folder.
    pub(crate) run: PathBuf,
    /// The means.
    #[command(flatten)]
    pub(crate) means: Means,
    /// Where data is; where it is not given, where it was for the run.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Where the latest checkpoint is damaged, go on from the one before.
    #[arg(long)]
    pub(crate) previous: bool,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `fedlayer compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The run folders; the first strategy of the first is the reference.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Print differences (Δ) between runs of other data, models, clients, seeds or rounds too. Where the same seed gives them nothing in
    /// common, they are not paired.
    #[arg(long)]
    pub(crate) anyway: bool,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `fedlayer verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The run folder, whether the run is finished, interrupted or under way.
    pub(crate) run: PathBuf,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}
