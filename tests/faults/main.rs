//! Faults of runs with several processes.
//!
//! Each file begins with a list of faults, the behaviour that its tests check, how long it takes,
//! and which metrics count it. Every run must write the bytes of a run in one process.

#![allow(clippy::unwrap_used, reason = "a failed assumption of a test should end it")]
#![allow(clippy::disallowed_methods, reason = "tests look at files as users do")]

mod analyses;
mod chaos;
mod clock;
mod cluster;
mod coordinator;
mod crowds;
mod disk;
mod limits;
mod matrix;
mod network;
mod proxy;
mod refused;
mod reliability_page;
mod replayed;
mod secrets;
mod signals;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the program")]
mod support;
mod workers;
