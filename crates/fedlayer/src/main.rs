//! The `fedlayer` program: arguments, files, wiring, words.
//!
//! In reading order:
//!
//! * `args`: the command line; `commands`: a file for each command.
//! * `scenario`: from a scenario's file to plans; `data`, `trainers`: the examples and trainers of
//!   plans.
//! * `execution`: a scenario in its run folder, from the first round to the table.
//! * `analyses`: measurements on trained models; `cost`: the work of plans, estimated in advance.
//! * `run_folder`, `plan_folder`, `checkpoint`, `journal`: the files of a run; `verify`: whether
//!   they are what was written.
//! * `folders`, `locator`, `fetch`, `values`: files of data and of models, and where they are
//!   found.
//! * `screen`: the only output; `progress`: the progress of a run; `exit`: failures and exit codes.
//! * `process`: signals, threads and limits of this process.

mod address;
mod analyses;
mod args;
mod certs;
mod classes;
mod commands;
mod cost;
mod data;
mod download_source;
mod execution;
mod exit;
mod fetch;
mod files;
mod folders;
#[cfg(test)]
mod hostile;
mod identity;
mod inputs;
mod inventory;
mod memory;
mod numbers;
mod process;
mod progress;
mod reopen;
mod run_folder;
mod scenario;
mod screen;
mod security;
mod set_files;
mod table;
mod timings;
mod trainers;
mod values;
mod verify;

use crate::{
    process::{open_files, signals},
    screen::Screen,
};

fn main() {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(code) => std::process::exit(code),
    };
    signals::survive_file_limits();
    let screen = Screen::new(cli.log, cli.quiet);
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    let done = open_files::raise_limit().and_then(|()| commands::perform(&cli.command, &screen));
    let code = match done {
        Ok(()) => 0,
        Err(failure) => {
            screen.error(&failure.message());
            failure.code()
        }
    };
    // An ordinary exit would run libtorch's clean-up while workers still use it for their last
    // task.
    signal_hook::low_level::exit(code.into());
}
