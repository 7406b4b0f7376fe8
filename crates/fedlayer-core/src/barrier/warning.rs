//! [`is_misleading`]: barriers that are smaller than the differences between the end models.

/// Returns whether the losses of the end models differ by more than the size of a barrier.
///
/// `spread` is the largest loss of the end models minus the smallest. Under the `mean` baseline, a
/// mix may then look good and still be much worse than the better model.
pub fn is_misleading(barrier: f64, spread: f64) -> bool {
    spread > barrier.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_misleads_if_the_ends_differ_by_more() {
        assert!(is_misleading(0.1, 0.2) && is_misleading(-0.1, 0.2));
        assert!(!is_misleading(0.3, 0.2) && !is_misleading(-0.3, 0.2) && !is_misleading(0.2, 0.2));
        assert!(!is_misleading(f64::NAN, 0.2) && !is_misleading(0.1, f64::NAN));
    }
}
