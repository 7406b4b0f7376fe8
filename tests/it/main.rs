//! The `fedlayer` program as its users meet it: files in, files and words out.

#![allow(clippy::unwrap_used, reason = "a failed assumption of a test should end it")]
#![allow(clippy::disallowed_methods, reason = "tests look at files as users do")]

mod addresses;
mod analyses;
mod bytes;
mod commands;
mod contract;
mod data;
mod exit_codes;
mod fetch;
mod initial;
mod left_behind;
mod million;
mod paths;
mod support;
mod sweep;
mod tidy;
mod wrong;
