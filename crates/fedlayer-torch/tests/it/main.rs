//! Tests of the crate's public interface.
#![allow(clippy::unwrap_used, reason = "in a test the panic is the message")]

mod align;
mod archive;
mod autograd;
mod batchnorm;
mod claims;
mod derivative;
mod evaluation;
mod landscape;
mod measured;
mod oracle;
mod purity;
mod refusals;
mod repair;
mod script;
mod setup;
mod sharing;
mod training;
mod trial;
mod trial_limits;
