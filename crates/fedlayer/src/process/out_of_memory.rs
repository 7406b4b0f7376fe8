//! What happens where the system gives no memory: the program ends with words and exit code 6, and no core is dumped.
//!
//! Rust aborts where it gets no memory, unless the code asked whether it may have it (`try_reserve`). [`Remembering`] notes
//! that memory was refused; [`end_in_words`] looks at the note when the program is aborted.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use signal_hook::{consts::SIGABRT, low_level};

/// Whether memory was refused since the program began.
static WAS_REFUSED: AtomicBool = AtomicBool::new(false);

/// What is said behind Rust's own line, which has the number of bytes.
const WORDS: &[u8] = b"error: out of memory; a run that had begun can be resumed\nhint: the machine is short of memory: \
end other programs, ask for fewer `--workers`, or raise the limit (`ulimit -v`)\n";

/// The exit code, that of all that the machine refuses.
const CODE: i32 = 6;

/// The system's allocator, which remembers that it refused memory.
#[derive(Debug)]
pub(crate) struct Remembering;

fn noted(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        WAS_REFUSED.store(true, Ordering::Relaxed);
    }
    memory
}

#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: every call goes to the system's allocator as it came, and its answer comes back unchanged.
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

/// Has an abort for want of memory end the program with [`WORDS`] and [`CODE`]. Any other abort stays one.
#[allow(unsafe_code, reason = "a handler of a signal may do few things")]
pub(crate) fn end_in_words() {
    let handler = || {
        if WAS_REFUSED.load(Ordering::Relaxed) {
            let _closed = rustix::io::write(io::stderr(), WORDS);
            low_level::exit(CODE);
        }
    };
    // SAFETY: the handler reads an atomic number, writes to a descriptor and ends: it takes no lock and no memory. Where there can
    // be no handler, the abort stays one.
    let _as_before = unsafe { low_level::register(SIGABRT, handler) };
}
