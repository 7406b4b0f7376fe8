//! The `fedlayer` program. In reading order:
//!
//! * `args`: the command line; `commands`: a file for each command.
//! * `scenario`: from the file of a scenario to plans; `data`, `trainers`: the examples and the
//!   trainers of plans; `inputs`, `classes`: the inputs and the classes of a data set.
//! * `execution`: a scenario in its run folder, from the first round to the table.
//! * `analyses`: measurements on trained models; `cost`: the work of plans, estimated in advance.
//! * `run_folder`, `timings`, `reopen`: the files of a run, and how a run is opened again;
//!   `inventory`, `verify`: whether files are what was written.
//! * `folders`, `fetch`, `download_source`, `set_files`: files of data, and where they are found.
//! * `values`: models in files; `address`, `numbers`: values of arguments.
//! * `certs`, `security`, `identity`: what a coordinator and its workers show each other.
//! * `screen`: the only output; `progress`: the progress of a run; `table`: the table at its end.
//! * `exit`: failures and exit codes; `files`: the only access to the file system.
//! * `process`, `memory`: signals, threads and limits of this process.

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
    process::{open_files, out_of_memory, signals},
    screen::Screen,
};

#[global_allocator]
static ALLOCATOR: out_of_memory::Remembering = out_of_memory::Remembering;

fn main() {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(code) => std::process::exit(code),
    };
    signals::survive_file_limits();
    out_of_memory::end_in_words();
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
