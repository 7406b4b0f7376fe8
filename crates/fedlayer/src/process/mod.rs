//! The process and its system.
//!
//! * `signals`: how the user's signals end the program.
//! * `runtime`: the threads that carry messages and timers.
//! * `open_files`: the limit of open files.
//! * `shortage`: errors of a machine without enough memory or threads.

pub(crate) mod open_files;
pub(crate) mod runtime;
pub(crate) mod shortage;
pub(crate) mod signals;
