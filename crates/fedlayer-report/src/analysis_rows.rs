//! [`AnalysisRows`]: the rows of an analysis, selected by their columns.

use fedlayer_core::{
    model::LayerName,
    record::{AnalysisRow, Metric},
    spec::{Baseline, SplitSpec},
};

/// Kinds of rows that are not barriers of a layer set.
const OTHER_KINDS: [&str; 5] = ["end", "geometry", "peak", "twin", "interaction"];

/// A selection of an analysis's rows, in their order, and the layers of the model from the input.
#[derive(Debug, Clone)]
pub(crate) struct AnalysisRows<'a> {
    rows: Vec<&'a AnalysisRow>,
    pub(crate) layers: &'a [LayerName],
}

impl<'a> AnalysisRows<'a> {
    pub(crate) fn new(rows: &'a [AnalysisRow], layers: &'a [LayerName]) -> Self {
        Self { rows: rows.iter().collect(), layers }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &'a AnalysisRow> + '_ {
        self.rows.iter().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns whether a value is not finite.
    pub(crate) fn has_lost(&self) -> bool {
        self.iter().any(|row| row.value.is_none())
    }

    pub(crate) fn first(&self) -> Option<&'a AnalysisRow> {
        self.rows.first().copied()
    }

    /// Selects the rows for which `fits` is true.
    pub(crate) fn only(&self, fits: impl Fn(&AnalysisRow) -> bool) -> Self {
        Self { rows: self.iter().filter(|row| fits(row)).collect(), layers: self.layers }
    }

    pub(crate) fn kind(&self, kind: &str) -> Self {
        self.only(|row| row.kind == kind)
    }

    pub(crate) fn round(&self, round: u32) -> Self {
        self.only(|row| row.round == round)
    }

    pub(crate) fn metric(&self, metric: Metric) -> Self {
        self.only(|row| row.metric == Some(metric))
    }

    pub(crate) fn split(&self, split: Option<SplitSpec>) -> Self {
        self.only(|row| row.split == split)
    }

    pub(crate) fn base(&self, base: &str) -> Self {
        self.only(|row| row.base == base)
    }

    pub(crate) fn set(&self, set: &str) -> Self {
        self.only(|row| row.set == set)
    }

    pub(crate) fn alpha(&self, alpha: f64) -> Self {
        self.only(|row| row.alpha == Some(alpha))
    }

    /// Returns the distinct values of a column, in the order of their first rows.
    pub(crate) fn distinct<T: PartialEq>(&self, column: impl Fn(&'a AnalysisRow) -> T) -> Vec<T> {
        let mut values = Vec::new();
        for row in self.iter() {
            let value = column(row);
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    /// Returns the rounds, ascending.
    pub(crate) fn rounds(&self) -> Vec<u32> {
        let mut rounds = self.distinct(|row| row.round);
        rounds.sort_unstable();
        rounds
    }

    /// Returns the splits, training first.
    pub(crate) fn splits(&self) -> Vec<Option<SplitSpec>> {
        let mut splits = self.distinct(|row| row.split);
        splits.sort_unstable();
        splits
    }

    /// Returns those of loss and error that the rows have.
    pub(crate) fn losses(&self) -> Vec<Metric> {
        let metrics = self.distinct(|row| row.metric);
        [Metric::Loss, Metric::Error]
            .into_iter()
            .filter(|metric| metrics.contains(&Some(*metric)))
            .collect()
    }

    /// Returns the bases that are shown side by side: all of them if there are at most two,
    /// otherwise their mean and their maximum.
    pub(crate) fn shown_bases(&self) -> Vec<&'a str> {
        let bases = self.distinct(|row| row.base.as_str());
        let is_summary = |base: &&str| ["mean", "max"].contains(base);
        let (summaries, single): (Vec<&str>, Vec<&str>) = bases.into_iter().partition(is_summary);
        if single.len() <= 2 || summaries.is_empty() {
            if single.is_empty() { summaries } else { single }
        } else {
            summaries
        }
    }

    /// Returns the mixing coefficients α, ascending.
    pub(crate) fn alphas(&self) -> Vec<f64> {
        let mut alphas: Vec<f64> = self.distinct(|row| row.alpha).into_iter().flatten().collect();
        alphas.sort_unstable_by(f64::total_cmp);
        alphas
    }

    /// Returns the layer sets: single layers from the input, then the others in their order.
    pub(crate) fn sets(&self) -> Vec<&'a str> {
        let mut sets = self.distinct(|row| row.set.as_str());
        sets.sort_by_key(|set| self.layer_index(set));
        sets
    }

    /// Returns a layer's index from the input; `usize::MAX` for any other set.
    pub(crate) fn layer_index(&self, set: &str) -> usize {
        self.layers.iter().position(|layer| layer.as_str() == set).unwrap_or(usize::MAX)
    }

    /// Returns the indices of a set's layers, ascending.
    pub(crate) fn members(&self, set: &str) -> Vec<usize> {
        if set == "all" {
            return (0..self.layers.len()).collect();
        }
        set.split('+')
            .map(|name| self.layer_index(name))
            .filter(|index| *index != usize::MAX)
            .collect()
    }

    /// Returns the barriers that pictures show, with their baseline and α: preferably the baseline
    /// `mean` and α = ½. `None` if there are no barriers.
    pub(crate) fn barriers(&self) -> Option<(Self, Baseline, f64)> {
        let baselines: Vec<Baseline> =
            self.distinct(|row| row.baseline).into_iter().flatten().collect();
        let baseline = prefer(&baselines, &Baseline::Mean)?;
        let barriers = self.only(|row| row.baseline == Some(baseline));
        let alpha = prefer(&barriers.only(|row| row.kind != "peak").alphas(), &0.5)?;
        Some((barriers.alpha(alpha), baseline, alpha))
    }

    /// Selects the barriers of layer sets among all barriers.
    pub(crate) fn of_layer_sets(&self) -> Self {
        self.only(|row| !OTHER_KINDS.contains(&row.kind.as_str()))
    }

    /// Returns the largest difference between the losses of the unmixed models of a base (`0<-1`:
    /// those of the pair; otherwise all). The rows must be of one round, split and metric.
    pub(crate) fn end_loss_spread(&self, base: &str) -> Option<f64> {
        let pair = base.split_once("<-");
        let takes_part = |row: &&AnalysisRow| {
            pair.is_none_or(|(into, from)| row.base == into || row.base == from)
        };
        let ends = self.kind("end");
        let losses: Option<Vec<f64>> =
            ends.iter().filter(takes_part).map(|row| row.value).collect();
        let losses = losses?;
        let (low, high) =
            losses.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), loss| {
                (low.min(*loss), high.max(*loss))
            });
        (losses.len() > 1).then_some(high - low)
    }
}

/// Returns `wanted` if it is among the values, otherwise their first.
fn prefer<T: PartialEq + Copy>(values: &[T], wanted: &T) -> Option<T> {
    if values.contains(wanted) { Some(*wanted) } else { values.first().copied() }
}
