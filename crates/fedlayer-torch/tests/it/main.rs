//! The crate through its public face.
#![allow(clippy::unwrap_used, reason = "in a test the panic is the message")]

mod align;
mod alone;
mod archive;
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
