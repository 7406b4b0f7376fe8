//! Rows of analyses: values of losses, and means over random draws.

use std::collections::BTreeMap;

use fedlayer_core::{
    Estimate, Seed,
    model::LayerSet,
    record::{AnalysisRow, Metric},
    spec::SplitSpec,
};

/// A row of a value that derivatives of the mean loss of a split were taken for.
pub(crate) fn loss_row(
    kind: &str,
    set: &LayerSet,
    base: impl ToString,
    split: SplitSpec,
) -> AnalysisRow {
    let row = AnalysisRow::new(kind, set, base);
    AnalysisRow { split: Some(split), metric: Some(Metric::Loss), ..row }
}

/// Where the draws on a layer set come from: another place for every set.
pub(crate) fn set_seed(seed: Seed, set: &LayerSet) -> Seed {
    set.indices().fold(seed.child("layers"), |seed, layer| seed.index(layer as u64))
}

/// For rows that are single draws: the mean over the draws of what is otherwise the same, with the standard error of that mean. In the order in
/// which each first appears; a mean over a value that was not finite is absent.
pub(crate) fn over_draws(rows: &[AnalysisRow]) -> Vec<AnalysisRow> {
    let mut place = BTreeMap::new();
    let mut groups: Vec<(&AnalysisRow, Vec<f64>)> = Vec::new();
    for row in rows.iter().filter(|row| row.draw.is_some()) {
        let numbers = [row.alpha, row.beta, row.sigma].map(|number| number.map(f64::to_bits));
        let what = (row.split, row.metric, row.baseline, row.epoch);
        let key = (what, &row.kind, &row.set, &row.base, numbers);
        let next = groups.len();
        let at = *place.entry(key).or_insert(next);
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
