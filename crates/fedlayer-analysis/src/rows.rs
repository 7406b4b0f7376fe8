//! Rows of analyses: rows of losses, and means over random draws.

use std::collections::BTreeMap;

use fedlayer_core::{
    Estimate, Seed,
    model::LayerSet,
    record::{AnalysisRow, Metric},
    spec::SplitSpec,
};

/// Makes a row for a value that is derived from the mean loss of a split.
pub(crate) fn loss_row(
    kind: &str,
    set: &LayerSet,
    base: impl ToString,
    split: SplitSpec,
) -> AnalysisRow {
    let row = AnalysisRow::new(kind, set, base);
    AnalysisRow { split: Some(split), metric: Some(Metric::Loss), ..row }
}

/// Returns the seed for draws on a layer set; every set has another seed.
pub(crate) fn set_seed(seed: Seed, set: &LayerSet) -> Seed {
    set.indices().fold(seed.child("layers"), |seed, layer| seed.index(layer as u64))
}

/// Averages rows of single draws: rows that differ only in `draw` become one row with the mean and
/// its standard error, in the order of their first rows. A mean over a value that was not finite is
/// absent.
pub(crate) fn over_draws(rows: &[AnalysisRow]) -> Vec<AnalysisRow> {
    let mut index = BTreeMap::new();
    let mut groups: Vec<(&AnalysisRow, Vec<f64>)> = Vec::new();
    for row in rows.iter().filter(|row| row.draw.is_some()) {
        let numbers = [row.alpha, row.beta, row.sigma].map(|number| number.map(f64::to_bits));
        let what = (row.split, row.metric, row.baseline, row.epoch);
        let key = (what, &row.kind, &row.set, &row.base, numbers);
        let next = groups.len();
        let at = *index.entry(key).or_insert(next);
        if at == next {
            groups.push((row, Vec::new()));
        }
        groups[at].1.push(row.value.unwrap_or(f64::NAN));
    }
    let mean = |(row, values): (&AnalysisRow, Vec<f64>)| {
        AnalysisRow { draw: None, ..row.clone() }.estimate(Estimate::of(&values))
    };
    groups.into_iter().map(mean).collect()
}
