//! The `fedlayer` program from outside: its files and its output.

#![allow(clippy::unwrap_used, reason = "a failed assumption of a test should end it")]
#![allow(clippy::disallowed_methods, reason = "tests look at files as users do")]

mod addresses;
mod analyses;
mod batchnorm;
mod bytes;
mod check_is_run;
mod command_line;
mod commands;
mod compare;
mod compare_points;
mod contract;
mod data;
mod docs;
mod earlier_runs;
mod exit_codes;
mod export;
mod fetch;
mod folder_format;
mod initial;
mod large;
mod left_behind;
mod local_overlays;
mod million;
mod models;
mod module_code;
mod natural;
mod nothing_lost;
mod own_files;
mod own_limits;
mod paths;
mod printable;
mod progress;
mod records;
mod refused;
mod run_folders;
mod scope;
mod slips;
mod support;
mod sweep;
mod tidy;
mod two_writers;
mod validation;
mod verify;
mod wrong;
