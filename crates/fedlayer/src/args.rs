//! The command line, as clap reads it. The comments of arguments are their help texts.
//!
//! * `parse`: reads the command line, and shows its errors.
//! * `short_forms`: `--seeds` and `--rounds`.
//! * `analyze`, `compare`, `data`, `export`, `remote`: the arguments of these commands.
//! * `values`: folders, times and other values of arguments.

mod analyze;
mod compare;
mod data;
mod export;
mod parse;
mod remote;
mod short_forms;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use fedlayer_scenario::Setting;
use fedlayer_torch::DeviceChoice;

pub(crate) use self::{
    analyze::AnalyzeArgs,
    compare::{CompareArgs, FormArgs, PointArg},
    data::{DataArgs, DataCommand, FetchArgs, ListArgs},
    export::ExportArgs,
    parse::parse,
    remote::{CertsArgs, CoordinatorArgs, DeviceKind, HealthArgs, SecurityArgs, WorkerArgs},
};
use self::{short_forms::ShortForms, values::folder};
use crate::{exit::Failure, numbers::within, screen::LogForm};

/// A federated averaging simulator, to study which layers to average.
///
/// Clients train locally. Each round, a coordinator averages all layers of their models, one layer,
/// or any chosen set of layers, and measures the loss barriers between the models.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Begin with:\n  fedlayer init > my.toml\n  fedlayer check my.toml\n  fedlayer run my.toml"
)]
pub(crate) struct Cli {
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Form of the log on stderr; `RUST_LOG` selects its records, for example
    /// `RUST_LOG=fedlayer=debug`.
    #[arg(long, global = true, value_enum, default_value_t = LogForm::Text)]
    pub(crate) log: LogForm,
    /// Print only errors on stderr.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a scenario: every strategy with every seed, then print the table.
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
    /// Measure something on the models of a run, or on files of models.
    #[command(
        after_help = "Examples:\n  fedlayer analyze barriers runs/digits --strategy none\n  fedlayer analyze robustness runs/digits --strategy none --set draws=20\n  fedlayer analyze barriers a.safetensors b.safetensors --scenario scenarios/digits.toml\n\nEach measurement and its keys for `--set`: docs/analyses.md; the keys are also in `fedlayer schema`."
    )]
    Analyze(AnalyzeArgs),
    /// Run a scenario, or go on with a run, with workers in other processes.
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
    /// Ask a coordinator whether it serves.
    #[command(after_help = "Example:\n  fedlayer health --connect coordinator:7878 --certs certs")]
    Health(HealthArgs),
    /// Compare the strategies of finished runs in one table. Keys in which the runs differ are
    /// listed below it.
    #[command(
        after_help = "Examples:\n  fedlayer compare runs/digits runs/digits-slow\n  fedlayer compare runs/digits --to none --at mean:5 --sort test_accuracy\n  fedlayer compare runs/digits --at bytes:2MB --target 0.9 --markdown"
    )]
    Compare(CompareArgs),
    /// Write the records of runs for other programs: Parquet, CSV, TensorBoard, MLflow.
    #[command(
        after_help = "Examples:\n  fedlayer export runs/digits --parquet tables\n  fedlayer export runs/digits runs/digits-slow --csv tables --tensorboard board\n  fedlayer export runs/digits --mlflow http://127.0.0.1:5000"
    )]
    Export(ExportArgs),
    /// Check that no file of a run was changed or damaged. Each fault is named with its file and
    /// line; no file is changed.
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
    /// Print a scenario to begin with; its comments explain every part.
    #[command(after_help = "Example:\n  fedlayer init > my.toml")]
    Init,
    /// Print the completion script for a shell.
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
    /// Change a value of the scenario: `--set local.epochs=5`, `--set strategy.0.average=none`. May
    /// be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<Setting>,
    /// Short forms of common settings.
    #[command(flatten)]
    pub(crate) short: ShortForms,
    /// The data folders.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

impl ScenarioArgs {
    /// Returns all changes of the scenario, with those of the short forms.
    ///
    /// # Errors
    /// When a short form and a `--set` change the same key.
    pub(crate) fn changes(&self) -> Result<Vec<Setting>, Failure> {
        self.short.beside(&self.settings).map_err(Failure::Usage)
    }
}

/// The device and the threads of a run. The number of workers changes no result; another device
/// changes the last bits.
#[derive(Debug, Args)]
pub(crate) struct ComputeArgs {
    /// The device on which clients train: `auto`, `cpu`, `cuda` or `cuda:1`. The default is `cpu`,
    /// and for an existing run the device on which it began.
    #[arg(long)]
    pub(crate) device: Option<DeviceChoice>,
    /// Worker threads; the default is the number of cores.
    #[arg(long, allow_negative_numbers = true, value_parser = within(1..=u16::MAX))]
    pub(crate) workers: Option<u16>,
}

/// `fedlayer run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The scenario.
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// The device and the threads.
    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
    /// The run folder, which must not exist yet; the default is `runs/NAME`, or the next free of
    /// `runs/NAME-2`, …
    #[arg(long, value_parser = folder())]
    pub(crate) out: Option<PathBuf>,
    /// Do everything that comes before the first round, print what `check` prints, and make no
    /// folder.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `fedlayer resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run folder.
    pub(crate) run: PathBuf,
    /// The device and the threads.
    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
    /// The data folders; by default those of the run.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// If the latest checkpoint is damaged, go on from the one before it.
    #[arg(long)]
    pub(crate) previous: bool,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `fedlayer verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The run folder; the run may be finished, interrupted or under way.
    pub(crate) run: PathBuf,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}
