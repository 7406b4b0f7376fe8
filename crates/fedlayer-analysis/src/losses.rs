//! [`Losses`]: points in, losses and errors per example out.

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

/// What was found at one point on one split: per metric, one value an example.
#[derive(Debug, Clone)]
pub(crate) struct PointLosses {
    /// Losses; then errors in percent, where the model classifies.
    pub(crate) metrics: Vec<(Metric, Vec<f64>)>,
}

impl<'a> Losses<'a> {
    /// On these splits, each once.
    pub(crate) fn new(trainer: &'a mut dyn Trainer, splits: &[SplitSpec]) -> Self {
        let mut splits = splits.to_vec();
        splits.sort_unstable();
        splits.dedup();
        Self { trainer, splits }
    }

    /// The splits.
    pub(crate) fn splits(&self) -> Vec<SplitSpec> {
        self.splits.clone()
    }

    /// Evaluates probes that somebody else made.
    pub(crate) fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, AnalysisError> {
        let evaluations = self.trainer.evaluate(probes)?;
        let empty = probes.iter().zip(&evaluations).find(|(_, found)| found.losses.is_empty());
        match empty.map(|(probe, _)| probe.split) {
            Some(Split::Train) => Err(AnalysisError::NoExamples(SplitSpec::Train)),
            Some(_) => Err(AnalysisError::NoExamples(SplitSpec::Test)),
            None => Ok(evaluations),
        }
    }

    /// What is found at each point on each split, handed over with what came with the point: point after point, split after split.
    ///
    /// Points are made and evaluated some at a time, so that memory stays bounded however many there are; of those, points share work where
    /// their first layers are the same.
    pub(crate) fn visit<T>(
        &mut self,
        asked: impl IntoIterator<Item = (T, Point)>,
        mut found: impl FnMut(&T, SplitSpec, PointLosses),
    ) -> Result<(), AnalysisError> {
        let most = at_once(self.trainer.layout().value_count());
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

    /// The rows with what is found at their points: per split and metric the mean over the examples, with its standard error.
    pub(crate) fn rows(
        &mut self,
        asked: impl IntoIterator<Item = (AnalysisRow, Point)>,
    ) -> Result<Vec<AnalysisRow>, AnalysisError> {
        let mut rows = Vec::new();
        self.visit(asked, |row, split, seen| rows.extend(seen.rows(row, split)))?;
        Ok(rows)
    }

    /// The derivatives of the mean loss of a split.
    pub(crate) fn differentiate(
        &mut self,
        point: &Point,
        split: SplitSpec,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, AnalysisError> {
        Ok(self.trainer.differentiate(point, split.into(), along)?)
    }

    /// The trainer itself.
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

    /// Per metric, this row with the mean over the examples.
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

    /// Example by example, this less another: the mean has the standard error of paired differences.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        let others = other.metrics.iter().map(|(_, values)| values);
        let pairs = self.metrics.iter().zip(others);
        let metrics =
            pairs.map(|((metric, values), others)| (*metric, differences(values, others)));
        Self { metrics: metrics.collect() }
    }

    /// The largest loss in absolute value; NaN where one is not a number.
    pub(crate) fn largest(&self) -> f64 {
        let larger = |most: f64, value: &f64| {
            if most.is_nan() || value.abs() <= most { most } else { value.abs() }
        };
        self.metrics[0].1.iter().fold(0.0, larger)
    }

    /// The mean loss; absent where it is not finite.
    pub(crate) fn loss(&self) -> Option<f64> {
        Estimate::of(&self.metrics[0].1).value
    }
}

/// How many models of this many parameters are held at once: a gigabyte of them, but neither fewer than 8 nor more than 64.
pub(crate) fn at_once(parameters: usize) -> usize {
    ((1 << 28) / parameters.max(1)).clamp(8, 64)
}
