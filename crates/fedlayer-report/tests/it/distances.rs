//! Made-up rows of `distance`.

use fedlayer_core::{
    model::LayerName,
    record::{AnalysisRow, Metric},
};

use crate::made_up::{row, weight};

/// Distances of two models that drift apart, after some rounds.
pub(crate) fn distances(layers: &[LayerName], rounds: &[u32]) -> Vec<AnalysisRow> {
    let mut rows = Vec::new();
    for &round in rounds {
        let far = 1.0 - (-f64::from(round) / 30.0).exp();
        let of_layer = |index: usize| far * (0.4 + 2.0 * weight(index, layers.len()));
        let single = layers.iter().enumerate().map(|(at, layer)| (layer.as_str(), of_layer(at)));
        let squares: f64 = (0..layers.len()).map(|at| of_layer(at).powi(2)).sum();
        for (set, distance) in single.chain([("all", squares.sqrt())]) {
            for (kind, metric, value) in [
                ("distance", Some(Metric::Norm), distance),
                ("relative", None, distance / (3.0 + distance)),
                ("cosine", Some(Metric::Cosine), 1.0 / (1.0 + 0.1 * distance)),
                ("movement", Some(Metric::Cosine), 0.6 - 0.2 * distance * far),
            ] {
                rows.push(AnalysisRow {
                    round,
                    metric,
                    value: Some(value),
                    ..row(kind, set, "0<-1")
                });
            }
        }
    }
    rows
}
