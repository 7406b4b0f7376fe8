//! The process and its system.
//!
//! * `signals`: how the user's signals end the program.
//! * `runtime`: the threads that carry messages and timers.
//! * `open_files`: the limit of open files.
//! * `out_of_memory`: a failed allocation ends the program with a message and an exit code.
//! * `shortage`: errors of a machine without enough memory or threads.

pub(crate) mod open_files;
pub(crate) mod out_of_memory;
pub(crate) mod runtime;
pub(crate) mod shortage;
pub(crate) mod signals;
