//! [`Probe`] and [`Evaluation`]: what is evaluated, and what is found; [`Derivatives`]: gradient and Hessian products.

use crate::{data::Split, estimate::mean, model::Point};

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
