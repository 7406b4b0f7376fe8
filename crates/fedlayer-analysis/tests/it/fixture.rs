//! Trainers with losses that are differentiated by hand, and helpers for rows.

use std::sync::Arc;

use fedlayer_analysis::{AnalysisError, ModelSet, TrainedModel, analyze};
use fedlayer_core::{
    Seed,
    data::{ClientId, Split},
    model::{Layout, Params, Point},
    record::{AnalysisRow, Metric},
    spec::{Measurement, SplitSpec},
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Trainer, TrainerError, Update},
};
use rand_distr::{Distribution, StandardNormal};

use crate::support::{Outcomes, params};

/// A trainer with a closure as its loss: from parameters and split to outcomes. It records its
/// calls.
pub(crate) struct Closure<F> {
    layout: Arc<Layout>,
    outcomes: F,
    /// The evaluated models, with their splits.
    pub(crate) seen: Vec<(Split, Arc<Params>)>,
    /// The largest number of models in one call.
    pub(crate) most: usize,
}

impl<F: Fn(&[f32], Split) -> Outcomes> Closure<F> {
    pub(crate) fn new(layout: &Arc<Layout>, outcomes: F) -> Self {
        Self { layout: layout.clone(), outcomes, seen: Vec::new(), most: 0 }
    }
}

/// A trainer with the loss ½(θ − c)ᵀH(θ − c) + k/10 at each example k, for a symmetric matrix H. On
/// the test split the matrix is 2H.
pub(crate) struct Quadratic {
    layout: Arc<Layout>,
    matrix: Vec<Vec<f64>>,
    centre: Vec<f64>,
    pub(crate) calls: usize,
}

impl Quadratic {
    pub(crate) fn new(layout: &Arc<Layout>, matrix: Vec<Vec<f64>>, centre: Vec<f64>) -> Self {
        Self { layout: layout.clone(), matrix, centre, calls: 0 }
    }

    /// Draws a symmetric indefinite matrix of full rank, and a centre.
    pub(crate) fn drawn(layout: &Arc<Layout>, seed: u64) -> Self {
        let n = layout.value_count();
        let values = normal(seed, n * (n + 1));
        let at = |i: usize, j: usize| f64::from(values[i * n + j]) + f64::from(values[j * n + i]);
        let matrix = (0..n).map(|i| (0..n).map(|j| at(i, j)).collect()).collect();
        Self::new(layout, matrix, values[n * n..].iter().map(|&v| v.into()).collect())
    }

    /// Returns H on a split.
    pub(crate) fn matrix(&self, split: SplitSpec) -> Vec<Vec<f64>> {
        let factor = if split == SplitSpec::Test { 2.0 } else { 1.0 };
        let row = |row: &Vec<f64>| row.iter().map(|value| factor * value).collect();
        self.matrix.iter().map(row).collect()
    }

    fn times(&self, vector: &[f64], split: Split) -> Vec<f64> {
        let factor = if split == Split::Test { 2.0 } else { 1.0 };
        let dot = |row: &Vec<f64>| row.iter().zip(vector).map(|(h, v)| h * v).sum::<f64>();
        self.matrix.iter().map(|row| factor * dot(row)).collect()
    }

    fn away(&self, point: &Point) -> Vec<f64> {
        let params = point.params();
        params.values().iter().zip(&self.centre).map(|(&v, c)| f64::from(v) - c).collect()
    }

    /// Computes the mean loss, in f64.
    pub(crate) fn loss(&self, point: &Point, split: Split) -> f64 {
        let away = self.away(point);
        let form: f64 = away.iter().zip(self.times(&away, split)).map(|(a, h)| a * h).sum();
        0.5 * form + 0.1
    }
}

impl<F: Fn(&[f32], Split) -> Outcomes> Trainer for Closure<F> {
    fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        let mut generator = seed.generator();
        let values = (0..self.layout.value_count()).map(|_| StandardNormal.sample(&mut generator));
        Ok(Params::new(self.layout.clone(), values.collect()).unwrap())
    }

    fn train(&mut self, _jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        Vec::new()
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        self.most = self.most.max(probes.len());
        let evaluate = |probe: &Probe| {
            let params = probe.point.params();
            let outcomes = (self.outcomes)(params.values(), probe.split).into_iter();
            self.seen.push((probe.split, params));
            let share = |(loss, correct)| (loss, f32::from(u8::from(correct)));
            let (losses, correct) = outcomes.map(share).unzip();
            Evaluation { losses, correct: Some(correct) }
        };
        Ok(probes.iter().map(evaluate).collect())
    }

    fn differentiate(
        &mut self,
        _point: &Point,
        _split: Split,
        _along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        Err(TrainerError("no derivatives".into()))
    }
}

impl Trainer for Quadratic {
    fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    fn initial(&mut self, _seed: Seed) -> Result<Params, TrainerError> {
        Ok(Params::zeros(self.layout.clone()))
    }

    fn train(&mut self, _jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        Vec::new()
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        let evaluate = |probe: &Probe| {
            let loss = self.loss(&probe.point, probe.split);
            let losses = [-0.1, 0.0, 0.1].map(|k| (loss + k) as f32).to_vec();
            Evaluation { losses, correct: None }
        };
        Ok(probes.iter().map(evaluate).collect())
    }

    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        self.calls += 1;
        let wide = |v: &Vec<f32>| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        Ok(Derivatives {
            loss: self.loss(point, split),
            gradient: self.times(&self.away(point), split),
            products: along.iter().map(|v| self.times(&wide(v), split)).collect(),
        })
    }
}

/// Draws standard normal values.
pub(crate) fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut generator = Seed::new(seed).child("test").generator();
    (0..count).map(|_| StandardNormal.sample(&mut generator)).collect()
}

/// Makes a model of the client `id`, without a history.
pub(crate) fn model(id: u32, layout: &Arc<Layout>, values: &[f32]) -> TrainedModel {
    TrainedModel {
        id: ClientId(id),
        params: params(layout, values),
        examples: 1,
        history: Vec::new(),
    }
}

/// Makes models of clients 3, 5, 7, …, after round 4, with an unknown initial model.
pub(crate) fn model_set(layout: &Arc<Layout>, models: &[&[f32]]) -> ModelSet {
    let models = models.iter().zip(0..).map(|(values, at)| model(3 + 2 * at, layout, values));
    ModelSet { round: 4, models: models.collect(), initial: None, architecture: None }
}

/// Returns the rows of a measurement on the test split.
pub(crate) fn rows(
    measure: &Measurement,
    model_set: &ModelSet,
    trainer: &mut dyn Trainer,
) -> Vec<AnalysisRow> {
    analyze(measure, model_set, &[SplitSpec::Test], Seed::new(1), trainer).unwrap()
}

/// Returns the message of a measurement that cannot be made.
pub(crate) fn refusal(
    measure: &Measurement,
    model_set: &ModelSet,
    trainer: &mut dyn Trainer,
) -> String {
    let result: Result<_, AnalysisError> =
        analyze(measure, model_set, &[SplitSpec::Test], Seed::new(1), trainer);
    result.unwrap_err().to_string()
}

/// Returns the rows of this kind, set and base, except for rows of errors.
pub(crate) fn of<'a>(
    rows: &'a [AnalysisRow],
    kind: &str,
    set: &str,
    base: &str,
) -> Vec<&'a AnalysisRow> {
    let loss = rows.iter().filter(|row| row.metric != Some(Metric::Error));
    loss.filter(|row| (row.kind.as_str(), row.set.as_str(), row.base.as_str()) == (kind, set, base))
        .collect()
}

/// Returns the only row of this kind, set and base.
pub(crate) fn one<'a>(
    rows: &'a [AnalysisRow],
    kind: &str,
    set: &str,
    base: &str,
) -> &'a AnalysisRow {
    let found = of(rows, kind, set, base);
    let [row] = found[..] else { panic!("{} rows of {kind} {set} {base}", found.len()) };
    row
}
