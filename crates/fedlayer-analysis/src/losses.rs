//! [`Losses`]: evaluates points and returns losses and errors per example.

use std::mem;

use fedlayer_core::{
    Estimate,
    barrier::differences,
    data::Split,
    model::Point,
    record::{AnalysisRow, Metric},
    spec::SplitSpec,
    trainer::{Derivatives, Evaluation, Probe, Trainer},
};

use crate::error::AnalysisError;

/// Asks a trainer for the losses of points on the splits of an analysis.
pub(crate) struct Losses<'a> {
    trainer: &'a mut dyn Trainer,
    splits: Vec<SplitSpec>,
}

/// The values of one point on one split: per metric, one value per example.
#[derive(Debug, Clone)]
pub(crate) struct PointLosses {
    /// The losses; then the errors in percent, if the model classifies.
    pub(crate) metrics: Vec<(Metric, Vec<f64>)>,
}

impl<'a> Losses<'a> {
    /// Takes a trainer and splits; repeated splits count once.
    pub(crate) fn new(trainer: &'a mut dyn Trainer, splits: &[SplitSpec]) -> Self {
        let mut splits = splits.to_vec();
        splits.sort_unstable();
        splits.dedup();
        Self { trainer, splits }
    }

    /// Returns the splits.
    pub(crate) fn splits(&self) -> Vec<SplitSpec> {
        self.splits.clone()
    }

    /// Evaluates given probes.
    pub(crate) fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, AnalysisError> {
        let evaluations = self.trainer.evaluate(probes)?;
        let empty = probes.iter().zip(&evaluations).find(|(_, found)| found.losses.is_empty());
        match empty.map(|(probe, _)| probe.split) {
            Some(Split::Train) => Err(AnalysisError::NoExamples(SplitSpec::Train)),
            Some(_) => Err(AnalysisError::NoExamples(SplitSpec::Test)),
            None => Ok(evaluations),
        }
    }

    /// Evaluates points on every split and calls `found` with the tag of the point, the split and
    /// the losses: point by point, split by split.
    ///
    /// A limited number of points is in memory at a time, whatever their total. Points that are
    /// evaluated together share the work of equal first layers.
    pub(crate) fn visit<T>(
        &mut self,
        asked: impl IntoIterator<Item = (T, Point)>,
        mut found: impl FnMut(&T, SplitSpec, PointLosses),
    ) -> Result<(), AnalysisError> {
        let most = models_in_memory(self.trainer.layout().value_count());
        let mut asked = asked.into_iter();
        loop {
            let (tags, points): (Vec<T>, Vec<Point>) = asked.by_ref().take(most).unzip();
            if tags.is_empty() {
                return Ok(());
            }
            let probe = |split: SplitSpec| {
                let of = move |point: &Point| Probe { point: point.clone(), split: split.into() };
                points.iter().map(of)
            };
            let probes: Vec<Probe> = self.splits.iter().copied().flat_map(probe).collect();
            let mut evaluations = self.evaluate(&probes)?;
            for (at, tag) in tags.iter().enumerate() {
                for (s, &split) in self.splits.iter().enumerate() {
                    let evaluation = mem::take(&mut evaluations[s * tags.len() + at]);
                    found(tag, split, PointLosses::new(evaluation));
                }
            }
        }
    }

    /// Evaluates points and returns their rows: per split and metric the mean over the examples,
    /// with its standard error.
    pub(crate) fn rows(
        &mut self,
        asked: impl IntoIterator<Item = (AnalysisRow, Point)>,
    ) -> Result<Vec<AnalysisRow>, AnalysisError> {
        let mut rows = Vec::new();
        self.visit(asked, |row, split, seen| rows.extend(seen.rows(row, split)))?;
        Ok(rows)
    }

    /// Differentiates the mean loss of a split.
    pub(crate) fn differentiate(
        &mut self,
        point: &Point,
        split: SplitSpec,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, AnalysisError> {
        Ok(self.trainer.differentiate(point, split.into(), along)?)
    }

    /// Returns the trainer itself.
    pub(crate) fn trainer(&mut self) -> &mut dyn Trainer {
        self.trainer
    }
}

impl PointLosses {
    fn new(mut evaluation: Evaluation) -> Self {
        let losses = mem::take(&mut evaluation.losses);
        let mut metrics = vec![(Metric::Loss, losses.into_iter().map(f64::from).collect())];
        let errors = evaluation.errors();
        metrics.extend(errors.map(|errors| (Metric::Error, errors)));
        Self { metrics }
    }

    /// Returns the row once per metric, with the mean over the examples.
    pub(crate) fn rows(
        &self,
        row: &AnalysisRow,
        split: SplitSpec,
    ) -> impl Iterator<Item = AnalysisRow> {
        self.metrics.iter().map(move |(metric, values)| {
            let row = AnalysisRow { split: Some(split), metric: Some(*metric), ..row.clone() };
            row.estimate(Estimate::of(values))
        })
    }

    /// Subtracts the values of another point, example by example. The mean of the result has the
    /// standard error of paired differences.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        let others = other.metrics.iter().map(|(_, values)| values);
        let pairs = self.metrics.iter().zip(others);
        let metrics =
            pairs.map(|((metric, values), others)| (*metric, differences(values, others)));
        Self { metrics: metrics.collect() }
    }

    /// Returns the largest absolute loss, or NaN if a loss is not a number.
    pub(crate) fn largest(&self) -> f64 {
        let larger = |most: f64, value: &f64| {
            if most.is_nan() || value.abs() <= most { most } else { value.abs() }
        };
        self.metrics[0].1.iter().fold(0.0, larger)
    }

    /// Returns the mean loss, or `None` if it is not finite.
    pub(crate) fn loss(&self) -> Option<f64> {
        Estimate::of(&self.metrics[0].1).value
    }
}

/// Returns how many models are in memory at a time: about a gigabyte, between 8 and 64 models.
pub(crate) fn models_in_memory(parameters: usize) -> usize {
    ((1 << 28) / parameters.max(1)).clamp(8, 64)
}
