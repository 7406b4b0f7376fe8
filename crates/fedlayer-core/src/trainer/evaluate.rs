//! [`Probe`] and [`Evaluation`]: a model to evaluate, and its losses; [`Derivatives`]: the gradient
//! and products of the Hessian.

use crate::{data::Split, estimate::mean, model::Point};

/// A model to evaluate on a split.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The model.
    pub point: Point,
    /// The examples.
    pub split: Split,
}

/// The losses of a probe, per example and in the split's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// The loss of each example.
    pub losses: Vec<f32>,
    /// The share of correct labels of each example, in [0, 1]: 0 or 1 for one label, the share of
    /// correct tokens for a text. Absent for a model that does not classify.
    pub correct: Option<Vec<f32>>,
}

impl Evaluation {
    /// Returns the mean loss over the examples, or `None` if there is no example.
    pub fn loss(&self) -> Option<f64> {
        mean(self.losses.iter().map(|&loss| f64::from(loss)))
    }

    /// Returns 100 − accuracy in percent, per example, or `None` for a model that does not
    /// classify.
    pub fn errors(&self) -> Option<Vec<f64>> {
        let percent = |&correct: &f32| 100.0 * (1.0 - f64::from(correct));
        Some(self.correct.as_ref()?.iter().map(percent).collect())
    }

    /// Returns the share of correct labels, in [0, 1].
    pub fn accuracy(&self) -> Option<f64> {
        mean(self.correct.as_ref()?.iter().map(|&correct| f64::from(correct)))
    }
}

/// The mean loss of a split at a point, and its derivatives with respect to the parameters, in the
/// layout's order. Running statistics are constants: their derivatives are 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivatives {
    /// The mean loss over the examples, as in [`Evaluation::loss`].
    pub loss: f64,
    /// The gradient of the mean loss, summed over examples in f64.
    pub gradient: Vec<f64>,
    /// The products H·v of the Hessian of the mean loss with the directions v, summed over examples
    /// in f64.
    pub products: Vec<Vec<f64>>,
}
