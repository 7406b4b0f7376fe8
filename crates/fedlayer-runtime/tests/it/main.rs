//! The coordinator and the worker pool through their public face, on toy clients: milliseconds, and every failure can be staged.

#![allow(clippy::unwrap_used, reason = "a failed assumption of a test should end it")]

mod failures;
mod pooled_trainer;
mod rounds;
mod support;
mod workers;
