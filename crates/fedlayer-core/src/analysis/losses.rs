//! [`Losses`]: points in, losses and errors per example out.

use std::mem;

use crate::{
    Derivatives, Estimate, Evaluation, Metric, Point, Probe, Split, Trainer,
    analysis::AnalysisError, spec::SplitSpec,
};

/// Asks a trainer for the losses of points on the splits of an analysis.
pub(crate) struct Losses<'a> {
    trainer: &'a mut dyn Trainer,
    splits: Vec<SplitSpec>,
}

/// What was found at one point on one split: per metric, one value an example.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
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

    /// What is found at each point on one split, in the order of the points. Points share work where their first layers are the same.
    pub(crate) fn at(
        &mut self,
        points: Vec<Point>,
        split: SplitSpec,
    ) -> Result<Vec<Seen>, AnalysisError> {
        let probe = |point| Probe { point, split: split.into() };
        let probes: Vec<Probe> = points.into_iter().map(probe).collect();
        Ok(self.evaluate(&probes)?.into_iter().map(Seen::new).collect())
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

impl From<SplitSpec> for Split {
    fn from(split: SplitSpec) -> Self {
        match split {
            SplitSpec::Train => Self::Train,
            SplitSpec::Test => Self::Test,
        }
    }
}

impl Seen {
    fn new(mut evaluation: Evaluation) -> Self {
        let losses = mem::take(&mut evaluation.losses);
        let mut metrics = vec![(Metric::Loss, losses.into_iter().map(f64::from).collect())];
        let errors = evaluation.errors();
        metrics.extend(errors.map(|errors| (Metric::Error, errors)));
        Self { metrics }
    }

    /// Per metric, the mean over the examples with its standard error.
    pub(crate) fn estimates(&self) -> Vec<(Metric, Estimate)> {
        self.metrics.iter().map(|(metric, values)| (*metric, Estimate::of(values))).collect()
    }

    /// The mean loss.
    pub(crate) fn loss(&self) -> Option<f64> {
        Estimate::of(&self.metrics[0].1).value
    }
}
