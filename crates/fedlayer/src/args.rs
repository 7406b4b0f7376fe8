//! The command line, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, builder::PossibleValuesParser};
use clap_complete::Shell;
use fedlayer_scenario::Setting;
use fedlayer_torch::DeviceChoice;

use crate::fetch::Source;

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
        after_help = "Examples:\n  fedlayer run scenarios/digits.toml\n  fedlayer run scenarios/digits.toml --set rounds=5 --set seeds=[1] --out /tmp/try"
    )]
    Run(RunArgs),
    /// Check a scenario and print its plan: layers, examples per client, cost.
    #[command(after_help = "Example:\n  fedlayer check scenarios/digits.toml")]
    Check(ScenarioArgs),
    /// Go on with a run that was interrupted or killed.
    #[command(after_help = "Example:\n  fedlayer resume runs/digits")]
    Resume(ResumeArgs),
    /// Compare the strategies of finished runs in one table.
    #[command(after_help = "Example:\n  fedlayer compare runs/digits runs/digits-iid")]
    Compare(CompareArgs),
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
    /// Where data is.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where data is.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Look for data here first, each set in a folder of its name; then in the folder that `FEDLAYER_DATA` names, then in the platform's
    /// data folders: see `fedlayer data list`.
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
    #[arg(long, value_name = "FOLDER")]
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
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
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
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
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
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}
