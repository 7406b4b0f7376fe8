//! Exports in memory, read back.

#![allow(clippy::unwrap_used, reason = "a failed assumption of a test should end it")]

mod event_files;
mod memory;
mod tables;
