//! Tests of the crate's public interface: wrong scenarios with their messages, right ones with
//! their plans.
//!
//! A wrong scenario is one edit of the base scenario; its message is in `snapshots/`. After a
//! wanted change of a message, run `INSTA_UPDATE=always cargo test -p fedlayer-scenario` and read
//! the difference.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

mod absence;
mod base;
mod batches;
mod contrasts;
mod faults;
mod images;
mod laws;
mod local_overlays;
mod needs;
mod plan_forms;
mod right;
mod schema_pairs;
mod settings;
mod sweep;
mod texts;
mod wrong;
