//! What happens to a run of several processes when any part of it fails. One table a file; each row is a test that says what happens, in which
//! time, and what is counted. Every run must leave the bytes of a run in one process.

#![allow(clippy::unwrap_used, reason = "a failed assumption of a test should end it")]
#![allow(clippy::disallowed_methods, reason = "tests look at files as users do")]

mod chaos;
mod clock;
mod coordinator;
mod crowds;
mod disk;
mod federation;
mod limits;
mod matrix;
mod network;
mod page;
mod proxy;
mod refused;
mod replayed;
mod secrets;
mod signals;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the program")]
mod support;
mod workers;
