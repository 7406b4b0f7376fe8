//! [`is_misleading`]: the warning beside a barrier that is smaller than the difference between the
//! unmixed models.

use fedlayer_core::barrier;

/// The warning for a barrier that is marked `!`, without its full stop.
pub(crate) const WARNING: &str =
    "! the unmixed models' losses differ by more than this barrier: see the other baselines";

/// Returns whether both values are known and the barrier is misleading.
pub(crate) fn is_misleading(barrier: Option<f64>, end_loss_spread: Option<f64>) -> bool {
    barrier
        .zip(end_loss_spread)
        .is_some_and(|(barrier, spread)| barrier::is_misleading(barrier, spread))
}
