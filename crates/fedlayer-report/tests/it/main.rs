//! Tests of the public interface of fedlayer-report.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is the message")]

mod distances;
mod export;
mod made_up;
mod pictures;
mod summaries;
