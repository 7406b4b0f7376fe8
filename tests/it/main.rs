//! The `fedlayer` program as its users meet it: files in, files and words out.

#![allow(clippy::unwrap_used, reason = "a failed assumption of a test should end it")]
#![allow(clippy::disallowed_methods, reason = "tests look at files as users do")]

mod addresses;
mod analyses;
mod batchnorm;
mod bytes;
mod check_is_run;
mod commands;
mod compare;
mod contract;
mod data;
mod exit_codes;
mod fetch;
mod initial;
mod left_behind;
mod million;
mod models;
mod nothing_lost;
mod own_files;
mod paths;
mod printable;
mod progress;
mod refused;
mod run_folders;
mod scope;
mod support;
mod sweep;
mod tidy;
mod two_writers;
mod verify;
mod wrong;
