//! fedlayer-core through its public interface: the definitions and claims of the method.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is the message")]

mod architecture;
mod averaging;
mod barriers;
mod batchnorm;
mod chord;
mod claims;
mod cohort;
mod comparisons;
mod counts;
mod evaluation;
mod extras;
mod geometry;
mod movement;
mod oracle;
mod round;
mod round_laws;
mod selection;
mod statistics;
mod support;
mod toy;
