//! Out of memory: the program ends with an error message and exit code 6 and dumps no core.
//!
//! Rust aborts the process if an allocation fails, except in `try_reserve` and its like.
//! [`Remembering`] records that an allocation failed, and [`end_in_words`] installs a handler that
//! reads the record when the process is aborted.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use signal_hook::{consts::SIGABRT, low_level};

/// Set by the first allocation that fails.
static WAS_REFUSED: AtomicBool = AtomicBool::new(false);

/// The message that follows Rust's own line, which contains the number of bytes.
const WORDS: &[u8] = b"error: out of memory; a run that had begun can be resumed\nhint: the machine is short of memory: \
end other programs, ask for fewer `--workers`, or raise the limit (`ulimit -v`)\n";

/// The exit code of everything that the machine refuses.
const CODE: i32 = 6;

/// The system's allocator, which records failed allocations.
#[derive(Debug)]
pub(crate) struct Remembering;

fn noted(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        WAS_REFUSED.store(true, Ordering::Relaxed);
    }
    memory
}

#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: every call is passed on to the system's allocator, and its result is returned unchanged.
unsafe impl GlobalAlloc for Remembering {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        noted(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        noted(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        noted(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Ends the program with [`WORDS`] and [`CODE`] if it is aborted after an allocation has failed.
/// Any other abort remains an abort.
#[allow(unsafe_code, reason = "a handler of a signal may do few things")]
pub(crate) fn end_in_words() {
    let handler = || {
        if WAS_REFUSED.load(Ordering::Relaxed) {
            let _closed = rustix::io::write(io::stderr(), WORDS);
            low_level::exit(CODE);
        }
    };
    // SAFETY: the handler reads an atomic, writes to a file descriptor and exits. It takes no lock
    // and allocates nothing. If it cannot be installed, the abort remains an abort.
    let _as_before = unsafe { low_level::register(SIGABRT, handler) };
}
