//! [`silence`]: libtorch's own lines on stderr.

use std::{
    ffi::c_int,
    sync::{
        Once,
        atomic::{AtomicI32, Ordering},
    },
};

use libloading::os::unix::Library;

/// The variable with the least severity that libtorch prints.
const LEVEL: &[u8] = b"FLAGS_caffe2_log_level\0";

/// Errors, in libtorch's numbers: above warnings, below what ends the program.
const ERRORS: c_int = 2;

/// Has libtorch print no warnings from now on. The operator `warn` of a module prints a text of the module's author, past
/// everything that cleans what a terminal is shown.
#[allow(unsafe_code, reason = "a variable of a C++ library is found by its name")]
pub(super) fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let program = Library::this();
        // SAFETY: libtorch declares the variable as an `int` that lives as long as the program; it is only read there, and
        // written at once here.
        unsafe {
            if let Ok(level) = program.get::<*mut c_int>(LEVEL) {
                AtomicI32::from_ptr(*level).store(ERRORS, Ordering::Relaxed);
            }
        }
    });
}
