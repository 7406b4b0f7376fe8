//! The `fedlayer` program: arguments, files, wiring, words.

mod address;
mod analyses;
mod args;
mod arguments;
mod begin;
mod certs;
mod check;
mod checkpoint;
mod classes;
mod clean;
mod compare;
mod content;
mod coordinator;
mod cost;
mod data;
mod estimate;
mod exit;
mod fetch;
mod files;
mod folders;
mod heartbeat;
#[cfg(test)]
mod hostile;
mod identity;
mod input_files;
mod inputs;
mod job;
mod journal;
mod line_checks;
mod list;
mod locator;
mod memory;
mod module_speed;
mod numbers;
mod open_files;
mod out_of_memory;
mod plan_folder;
mod progress;
mod rebuild;
mod reopen;
mod run;
mod run_folder;
mod run_note;
mod runtime;
mod scenario;
mod screen;
mod sealed;
mod security;
mod shelf;
mod short_forms;
mod shortage;
mod signals;
mod table;
mod timings;
mod trainers;
mod turns;
mod validity;
mod values;
mod verify;
mod worker;
mod written;

use clap::CommandFactory;

use crate::{
    args::{Cli, Command, DataCommand},
    exit::Failure,
    out_of_memory::Remembering,
    screen::Screen,
};

#[global_allocator]
static ALLOCATOR: Remembering = Remembering;

fn main() {
    let cli = match arguments::parse() {
        Ok(cli) => cli,
        Err(code) => std::process::exit(code),
    };
    signals::survive_file_limits();
    out_of_memory::end_in_words();
    let screen = Screen::new(cli.log, cli.quiet);
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    let done = open_files::raise_limit().and_then(|()| perform(&cli.command, &screen));
    let code = match done {
        Ok(()) => 0,
        Err(failure) => {
            screen.error(&failure.words());
            failure.code()
        }
    };
    // Not the ordinary way out: libtorch's own clean-up would pull the ground from under workers that are still at their last task.
    signal_hook::low_level::exit(code.into());
}

fn perform(command: &Command, screen: &Screen) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(args, screen),
        Command::Check(args) => check::check(args, screen),
        Command::Resume(args) => run::resume(args, screen),
        Command::Analyze(args) => analyses::command(args, screen),
        Command::Coordinator(args) => coordinator::coordinator(args, screen),
        Command::Worker(args) => worker::worker(args, screen),
        Command::Certs(args) => certs::certs(args, screen),
        Command::Health(args) => coordinator::health(args, screen),
        Command::Compare(args) => compare::compare(args, screen),
        Command::Verify(args) => verify::command(args, screen),
        Command::Data(DataCommand::List(args)) => list::list(args, screen),
        Command::Data(DataCommand::Fetch(args)) => fetch::fetch(args, screen),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&fedlayer_scenario::schema())?;
            Ok(screen.data(&format!("{schema}\n"))?)
        }
        Command::Init => Ok(screen.data(fedlayer_scenario::example())?),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "fedlayer", &mut script);
            Ok(screen.data(&String::from_utf8_lossy(&script))?)
        }
    }
}
