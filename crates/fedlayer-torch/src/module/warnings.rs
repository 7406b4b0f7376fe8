//! [`silence`]: libtorch prints no warnings to stderr.

use std::{
    ffi::c_int,
    sync::{
        Once,
        atomic::{AtomicI32, Ordering},
    },
};

use libloading::os::unix::Library;

/// The variable that holds the lowest severity that libtorch prints.
const LEVEL: &[u8] = b"FLAGS_caffe2_log_level\0";

/// libtorch's number for errors: above warnings (1), below what ends the program (3).
const ERRORS: c_int = 2;

/// Turns off libtorch's warnings for the rest of the process.
///
/// The operator `warn` of a module prints a text of the module's author on stderr. That text
/// bypasses the code that removes control characters from messages.
#[allow(unsafe_code, reason = "a variable of a C++ library is found by its name")]
pub(super) fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let program = Library::this();
        // SAFETY: libtorch declares the variable as an `int` with static lifetime. libtorch only
        // reads it, and the write here is atomic.
        unsafe {
            if let Ok(level) = program.get::<*mut c_int>(LEVEL) {
                AtomicI32::from_ptr(*level).store(ERRORS, Ordering::Relaxed);
            }
        }
    });
}
