//! MKL chooses its kernels of `exp` and the like before a second thread computes.
//!
//! This test is a program of its own because it replaces one of MKL's functions.

use std::sync::atomic::{AtomicU32, Ordering};

use fedlayer_torch::one_thread;

/// Number of times that MKL asked for its kernels.
static CHOICES: AtomicU32 = AtomicU32::new(0);

/// Replaces MKL's own function. Returns 0, the kernels that every x86-64 processor has.
#[allow(unsafe_code, reason = "libtorch calls it by its name")]
// SAFETY: no other function of this program has the name, and it is called as MKL declares it.
#[unsafe(no_mangle)]
extern "C" fn mkl_vml_serv_cpu_detect() -> i32 {
    CHOICES.fetch_add(1, Ordering::Relaxed);
    0
}

#[test]
fn vector_kernels_are_chosen_before_a_second_thread_computes() {
    one_thread();
    assert!(CHOICES.load(Ordering::Relaxed) > 0);
}
