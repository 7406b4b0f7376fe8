//! [`spearman`]: the rank correlation of two lists.

use crate::linalg::{dot, norm};

/// Computes Spearman's rank correlation of pairs, in [−1, 1]: Pearson's correlation of the ranks.
/// Equal values share their mean rank. Returns `None` for fewer than three pairs, and if all values
/// of a side are equal.
pub(crate) fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (a, b) = (centred_ranks(&a), centred_ranks(&b));
    let lengths = norm(&a) * norm(&b);
    (pairs.len() > 2 && lengths > 0.0).then(|| dot(&a, &b) / lengths)
}

/// Returns the rank of each value minus the mean rank.
fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let above = values.iter().filter(|other| *other > value).count() as f64;
        // The mean rank of the value and its equals, minus the mean of all ranks.
        0.5 * (below - above)
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_alone_count() {
        let close = |pairs: &[(f64, f64)], expected: f64| {
            let found = spearman(pairs).unwrap();
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        };
        close(&[(1.0, 1.0), (2.0, 10.0), (3.0, 11.0), (9.0, 400.0)], 1.0);
        close(&[(1.0, 5.0), (2.0, 4.0), (3.0, -7.0)], -1.0);
        // 1 − 6Σd²/(n(n²−1)) with d = 0, 1, 1, 0, 0.
        close(&[(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 4.0), (5.0, 5.0)], 0.9);
        // Ties: ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5/√(4.5·5).
        close(&[(0.0, 1.0), (7.0, 2.0), (7.0, 3.0), (8.0, 4.0)], 4.5 / 22.5_f64.sqrt());
        assert_eq!(spearman(&[(1.0, 2.0), (2.0, 3.0)]), None);
        assert_eq!(spearman(&[(1.0, 2.0), (1.0, 3.0), (1.0, 4.0)]), None);
    }
}
