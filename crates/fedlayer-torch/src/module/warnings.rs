//! [`silence`]: libtorch prints no warnings to stderr.

use std::{
    ffi::c_int,
    sync::{
        Once,
        atomic::{AtomicI32, Ordering},
    },
};

use libloading::os::unix::Library;

<<<<<<< ours
/// The variable that holds the lowest severity that libtorch prints.
const LEVEL: &[u8] = b"FLAGS_caffe2_log_level\0";

/// The severity of errors in libtorch: above warnings, below fatal errors.
const ERRORS: c_int = 2;

/// Makes libtorch print no warnings from now on.
///
/// The operator `warn` of a module prints a text of the module's author, which would reach the
/// terminal without any check for control characters.
||||||| base
<<<<<<<<< Temporary merge branch 1
/// The variable with the lowest severity that libtorch prints.
const LEVEL: &[u8] = b"FLAGS_caffe2_log_level\0";

/// The severity of errors in libtorch: above warnings, below fatal errors.
const ERRORS: c_int = 2;

/// Makes libtorch print no warnings from now on.
///
/// The operator `warn` of a module prints a text of the module's author, which would reach the
/// terminal without any check for control characters.
=========
/// The variable that holds the lowest severity that libtorch prints.
const LEVEL: &[u8] = b"FLAGS_caffe2_log_level\0";

/// libtorch's number for errors: above warnings (1), below what ends the program (3).
const ERRORS: c_int = 2;

/// Turns off libtorch's warnings for the rest of the process.
///
/// The operator `warn` of a module prints a text of the module's author on stderr. That text
/// bypasses the code that removes control characters from messages.
>>>>>>>>> Temporary merge branch 2
=======
/// The variable that holds the lowest severity that libtorch prints.
const LEVEL: &[u8] = b"FLAGS_caffe2_log_level\0";

/// libtorch's number for errors: above warnings (1), below what ends the program (3).
const ERRORS: c_int = 2;

/// Turns off libtorch's warnings for the rest of the process.
///
/// The operator `warn` of a module prints a text of the module's author on stderr. That text
/// bypasses the code that removes control characters from messages.
>>>>>>> theirs
#[allow(unsafe_code, reason = "a variable of a C++ library is found by its name")]
pub(super) fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let program = Library::this();
<<<<<<< ours
        // SAFETY: libtorch declares the variable as an `int` that exists as long as the program.
        // libtorch only reads it, and it is written atomically here.
||||||| base
<<<<<<<<< Temporary merge branch 1
        // SAFETY: libtorch declares the variable as an `int` that exists as long as the program.
        // libtorch only reads it, and it is written atomically here.
=========
        // SAFETY: libtorch declares the variable as an `int` with static lifetime. libtorch only
        // reads it, and the write here is atomic.
>>>>>>>>> Temporary merge branch 2
=======
        // SAFETY: libtorch declares the variable as an `int` with static lifetime. libtorch only
        // reads it, and the write here is atomic.
>>>>>>> theirs
        unsafe {
            if let Ok(level) = program.get::<*mut c_int>(LEVEL) {
                AtomicI32::from_ptr(*level).store(ERRORS, Ordering::Relaxed);
            }
        }
    });
}
