//! [`summarize`]: the barriers that tables show.

use crate::{
    model::LayerName,
    record::{BarrierKind, BarrierRow, BarrierSummary, Metric},
    spec::{Baseline, SplitSpec},
};

/// Selects the barriers that tables show: test loss, baseline `mean`, α = ½, mean over the bases. A
/// value is absent if the scenario does not measure it or if a loss was not finite.
pub fn summarize(rows: &[BarrierRow]) -> BarrierSummary {
    let shown = |kind: BarrierKind| {
        rows.iter().filter(move |row| {
            row.kind == kind
                && row.metric == Metric::Loss
                && row.split == Some(SplitSpec::Test)
                && row.baseline == Some(Baseline::Mean)
                && row.alpha == Some(0.5)
                && row.base == "mean"
        })
    };
    let layers: Option<Vec<_>> =
        shown(BarrierKind::Layer).map(|row| Some((row.value?, &row.set))).collect();
    let largest =
        layers.into_iter().flatten().reduce(|best, next| if next.0 > best.0 { next } else { best });
    let is_end = |row: &&BarrierRow| {
        (row.kind, row.metric, row.split) == (BarrierKind::End, Metric::Loss, Some(SplitSpec::Test))
    };
    let ends: Option<Vec<f64>> = rows.iter().filter(is_end).map(|row| row.value).collect();
    let ends = ends.unwrap_or_default().into_iter();
    let worst = ends.clone().reduce(f64::max);
    let best = ends.reduce(f64::min);
    BarrierSummary {
        end_loss_spread: worst.zip(best).map(|(worst, best)| worst - best),
        full_barrier: shown(BarrierKind::Full).find_map(|row| row.value),
        max_layer_barrier: largest.map(|(value, _)| value),
        max_layer: largest.map(|(_, set)| LayerName::new(set.as_str())),
    }
}
