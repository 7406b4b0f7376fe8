//! The grid of a surface, and its rows.

use fedlayer_core::record::AnalysisRow;

/// Returns the number of points of an axis: both ends belong to it.
pub(super) fn steps(points: u32) -> u32 {
    points.max(2)
}

/// Returns `points` equidistant values from `from` to `to`, both included.
pub(super) fn axis(points: u32, from: f64, to: f64) -> Vec<f64> {
    let last = f64::from(steps(points) - 1);
    let at = |point: u32| {
        let share = f64::from(point) / last;
        (1.0 - share) * from + share * to
    };
    (0..steps(points)).map(at).collect()
}

/// Makes a row at (α, β).
pub(super) fn row(
    kind: &str,
    set: impl ToString,
    base: impl ToString,
    alpha: f64,
    beta: Option<f64>,
) -> AnalysisRow {
    AnalysisRow { alpha: Some(alpha), beta, ..AnalysisRow::new(kind, set, base) }
}
