//! [`perform`]: which command does what. Each command has a file of its name.

mod analyze;
mod check;
mod compare;
mod coordinator;
mod device;
mod export;
mod health;
mod list_data;
mod resume;
mod run;
mod worker;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{
    args::{Cli, Command, DataCommand},
    certs,
    exit::Failure,
    fetch,
    screen::Screen,
    verify,
};

/// Performs a command.
pub(crate) fn perform(command: &Command, screen: &Screen) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(args, screen),
        Command::Check(args) => check::check(args, screen),
        Command::Resume(args) => resume::resume(args, screen),
        Command::Analyze(args) => analyze::analyze(args, screen),
        Command::Coordinator(args) => coordinator::coordinator(args, screen),
        Command::Worker(args) => worker::worker(args, screen),
        Command::Certs(args) => certs::certs(args, screen),
        Command::Health(args) => health::health(args, screen),
        Command::Compare(args) => compare::compare(args, screen),
        Command::Export(args) => export::export(args, screen),
        Command::Verify(args) => verify::command(args, screen),
        Command::Data(DataCommand::List(args)) => list_data::list(args, screen),
        Command::Data(DataCommand::Fetch(args)) => fetch::fetch(args, screen),
        Command::Schema => print_schema(screen),
        Command::Init => Ok(screen.data(fedlayer_scenario::example())?),
        Command::Completions { shell } => print_completions(*shell, screen),
    }
}

fn print_schema(screen: &Screen) -> Result<(), Failure> {
    let schema = serde_json::to_string_pretty(&fedlayer_scenario::schema())?;
    Ok(screen.data(&format!("{schema}\n"))?)
}

fn print_completions(shell: Shell, screen: &Screen) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fedlayer", &mut script);
    Ok(screen.data(&String::from_utf8_lossy(&script))?)
}
