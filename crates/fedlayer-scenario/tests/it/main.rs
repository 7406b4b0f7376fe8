//! The crate through its public face: wrong scenarios with their whole messages, right ones with
//! their plans.
//!
//! A wrong scenario is one edit of the base scenario; its message is in `snapshots/`. After a
//! wanted change of words: `INSTA_UPDATE=always cargo test -p fedlayer-scenario`, then read what
//! changed.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

mod absence;
mod base;
mod batches;
mod contrasts;
mod faults;
mod images;
mod laws;
mod needs;
mod right;
mod settings;
mod sweep;
mod texts;
mod wrong;
