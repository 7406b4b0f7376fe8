<<<<<<< ours
//! MKL chooses its kernels of `exp` and the like before a second thread computes.
//!
//! This test is a program of its own because it replaces one of MKL's functions.
||||||| base
//! MKL chooses the kernels of `exp` and the like before a second thread computes. A program of its own: it takes MKL's choice away.
=======
//! MKL chooses its kernels of `exp` and similar functions before a second thread computes. This
//! test is a program of its own, because it replaces a function of MKL.
>>>>>>> theirs

use std::sync::atomic::{AtomicU32, Ordering};

use fedlayer_torch::one_thread;

<<<<<<< ours
/// Number of times that MKL asked for its kernels.
||||||| base
/// How often MKL asked which kernels to take.
=======
/// The number of times that MKL asked for the kernels.
>>>>>>> theirs
static CHOICES: AtomicU32 = AtomicU32::new(0);

<<<<<<< ours
/// Replaces MKL's own function. Returns 0, the kernels that every x86-64 processor has.
||||||| base
/// Stands in for MKL's own function, and always says 0: the kernels that every processor of this kind has.
=======
/// Replaces MKL's own function. Always returns 0: the kernels that every CPU of this architecture
/// has.
>>>>>>> theirs
#[allow(unsafe_code, reason = "libtorch calls it by its name")]
// SAFETY: no other function of this program has this name, and it has the signature of MKL's own.
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
