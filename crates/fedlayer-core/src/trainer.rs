//! [`Trainer`]: the one seam to any model. Jobs in, updates out; probes in, evaluations out.

use std::sync::Arc;

use thiserror::Error;

use crate::{ClientId, Layout, Params, ParamsError, Point, Seed, TensorSpec, params::check_values};

/// Trains clients and evaluates models. It keeps nothing between two calls that a result depends on.
///
/// The calls are cohort-sized on purpose: an implementation may train several clients in one stacked tensor program,
/// and may share work between probes. The result of a job may depend on the other jobs of the same call (kernels round
/// differently for other shapes), so that callers cut jobs into calls by a rule that is fixed by the plan.
pub trait Trainer {
    /// The layers of the model.
    fn layout(&self) -> &Arc<Layout>;

    /// Draws initial parameters.
    ///
    /// # Errors
    /// When the implementation fails.
    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError>;

    /// Trains each job's client; one result per job, in the same order. A client that fails does not hurt the others.
    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>>;

    /// Evaluates each probe; one evaluation per probe, in the same order.
    ///
    /// # Errors
    /// When the implementation fails.
    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError>;

    /// The mean loss over the examples of a split at a point, its gradient, and the products of its Hessian with directions.
    /// A direction has as many values as the model has parameters.
    ///
    /// # Errors
    /// When a direction has another length, or the implementation fails.
    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError>;
}

/// The mean loss of a split at a point, and its derivatives by the parameters, in the layout's order. Running statistics are held fixed: their
/// derivatives are 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivatives {
    /// The mean loss over the examples, as [`Evaluation::loss`] has it.
    pub loss: f64,
    /// The gradient of that mean, summed over examples in f64.
    pub gradient: Vec<f64>,
    /// Per direction v: the product H·v of the Hessian of that mean, summed over examples in f64.
    pub products: Vec<Vec<f64>>,
}

/// Everything that the local training of one client in one round depends on.
#[derive(Debug, Clone)]
pub struct TrainJob {
    /// The client.
    pub client: ClientId,
    /// The round, counted from 1: where the learning-rate schedule stands.
    pub round: u32,
    /// The model that the client starts from.
    pub params: Arc<Params>,
    /// The optimizer state that the client kept, if it keeps one.
    pub optimizer: Option<Arc<OptimizerState>>,
    /// Where the client's random numbers of this round come from.
    pub seed: Seed,
}

/// What a client returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The client.
    pub client: ClientId,
    /// Its model after training.
    pub params: Arc<Params>,
    /// Its optimizer state after training, where the plan keeps it.
    pub optimizer: Option<Arc<OptimizerState>>,
    /// The number of its training examples.
    pub examples: u64,
    /// Optimizer steps taken.
    pub steps: u64,
    /// The mean of the training losses that its steps saw, weighted by the examples of each step.
    pub loss: f64,
}

/// What an optimizer remembers of a client between rounds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// Optimizer steps taken so far.
    pub steps: u64,
    /// One flat vector per kind of memory (momentum; Adam's two moments), each as long as the parameters.
    pub slots: Vec<Vec<f32>>,
}

impl Update {
    /// Checks that the update can be averaged: finite values, no variance below 0, a finite loss, at least one example.
    ///
    /// # Errors
    /// Names what is wrong, with the layer.
    pub fn check(&self, layout: &Layout) -> Result<(), UpdateError> {
        check_layout(self.params.layout(), layout)?;
        if self.examples == 0 {
            return Err(UpdateError::NoExamples);
        }
        if !self.loss.is_finite() {
            return Err(UpdateError::Loss(self.loss));
        }
        self.params.check_finite()?;
        self.params.check_variances().map_err(UpdateError::Variance)?;
        for slot in self.optimizer.iter().flat_map(|state| &state.slots) {
            check_values(layout, slot).map_err(UpdateError::Optimizer)?;
        }
        Ok(())
    }
}

/// Finds the first tensor in which two layouts differ.
fn check_layout(found: &Layout, expected: &Layout) -> Result<(), UpdateError> {
    if found == expected {
        return Ok(());
    }
    let shape = |tensor: Option<&TensorSpec>| tensor.map(|tensor| tensor.shape.clone());
    let (mut founds, mut expecteds) = (found.tensors(), expected.tensors());
    loop {
        let (found, expected) = (founds.next(), expecteds.next());
        let Some(name) = expected.or(found).map(|tensor| tensor.name.clone()) else {
            unreachable!("two layouts with the same tensors are equal")
        };
        if found != expected {
            let found = found.filter(|tensor| tensor.name == name);
            return Err(UpdateError::Layout {
                tensor: name,
                found: shape(found).unwrap_or_default(),
                expected: shape(expected).unwrap_or_default(),
            });
        }
    }
}

/// Why an update cannot be averaged.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UpdateError {
    /// It has other layers than the plan's model.
    #[error(
        "tensor `{tensor}`: found shape {found:?}; the plan's model has shape {expected:?} there (`[]`: no such tensor)"
    )]
    Layout {
        /// The first tensor that differs.
        tensor: String,
        /// Its shape in the update; empty where it is absent.
        found: Vec<usize>,
        /// Its shape in the plan's model; empty where it is absent.
        expected: Vec<usize>,
    },
    /// It was trained on nothing.
    #[error("found 0 training examples; an update needs at least one")]
    NoExamples,
    /// Its training loss is NaN or infinite.
    #[error("the training loss is {0}; training diverged, and a smaller learning rate may help")]
    Loss(f64),
    /// One of its values is NaN or infinite.
    #[error("{0}; training diverged, and a smaller learning rate may help")]
    Params(#[from] ParamsError),
    /// One of its running variances is below 0.
    #[error("{0}")]
    Variance(ParamsError),
    /// The optimizer state that it brings is not the model's, or is NaN or infinite.
    #[error("optimizer state: {0}")]
    Optimizer(ParamsError),
}

/// Which examples a model is evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// The union of all clients' training examples, client after client.
    Train,
    /// The common test set.
    Test,
    /// A client's own held-out test examples.
    ClientTest(ClientId),
}

/// One evaluation of one model on one split.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The model.
    pub point: Point,
    /// The examples.
    pub split: Split,
}

/// What a probe found, per example and in the split's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// The loss of each example.
    pub losses: Vec<f32>,
    /// The share of each example's labels that were found, in [0, 1]: 0 or 1 where an example has one label, the share of the tokens of a
    /// text; nothing for a model that does not classify.
    pub correct: Option<Vec<f32>>,
}

impl Evaluation {
    /// The mean loss over the examples; nothing where there is no example.
    pub fn loss(&self) -> Option<f64> {
        mean(self.losses.iter().map(|&loss| f64::from(loss)))
    }

    /// 100 − accuracy in percent, example by example; nothing for a model that does not classify.
    pub fn errors(&self) -> Option<Vec<f64>> {
        let percent = |&correct: &f32| 100.0 * (1.0 - f64::from(correct));
        Some(self.correct.as_ref()?.iter().map(percent).collect())
    }

    /// The share of labels that were found, in [0, 1].
    pub fn accuracy(&self) -> Option<f64> {
        mean(self.correct.as_ref()?.iter().map(|&correct| f64::from(correct)))
    }
}

/// The mean, in the order of the values; nothing where there is no value.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

/// What an implementation could not do.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{0}")]
pub struct TrainerError(pub String);
