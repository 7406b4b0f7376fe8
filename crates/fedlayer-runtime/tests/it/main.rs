//! The public interface of the crate, tested with toy clients that can fail on demand.

#![allow(clippy::unwrap_used, reason = "a failed assumption of a test should end it")]

mod failures;
mod pooled_trainer;
mod rounds;
mod selection;
mod support;
mod workers;
