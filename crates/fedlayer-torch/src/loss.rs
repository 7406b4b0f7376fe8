//! [`Criterion`]: the loss of each label, and its gradient with respect to the logits.

use fedlayer_core::spec::Loss;
use tch::{Kind, TchError, Tensor};

/// The loss of a plan.
#[derive(Debug)]
pub(crate) struct Criterion {
    loss: Loss,
    /// The one-hot rows of all classes, `(C, C)`. They are made only where they are needed: for a
    /// vocabulary they would fill the memory.
    one_hot: Option<Tensor>,
}

impl Criterion {
    /// `stacked` says whether a stacked network uses it, which needs [`targets`](Self::targets).
    pub(crate) fn new(
        loss: Loss,
        stacked: bool,
        classes: usize,
        device: tch::Device,
    ) -> Result<Self, TchError> {
        let rows = || Tensor::f_eye(classes as i64, (Kind::Float, device)); // (C, C)
        let one_hot = (stacked || loss == Loss::Squared).then(rows).transpose()?;
        Ok(Self { loss, one_hot })
    }

    /// Returns the one-hot rows of `labels`, `(N)`. `(N, C)`
    pub(crate) fn targets(&self, labels: &Tensor) -> Result<Tensor, TchError> {
        let unasked = || TchError::Kind("one-hot rows were not asked for".to_owned());
        self.one_hot.as_ref().ok_or_else(unasked)?.f_index_select(0, labels) // (N, C)
    }

    /// Returns the loss of each label, `(N)`, from the logits `(N, C)`. Autograd can differentiate
    /// it.
    pub(crate) fn each(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
        let residual = match self.loss {
            Loss::CrossEntropy => logits.f_log_softmax(-1, Kind::Float)?, // (N, C)
            Loss::Squared => logits.f_sub(&self.targets(labels)?)?,       // (N, C)
        };
        self.losses(&residual, labels)
    }

    /// Writes the residual, from which both the loss and its gradient follow: log-probabilities
    /// for cross-entropy, logits minus targets for the squared loss. All tensors are `(…, C)`.
    pub(crate) fn residual(
        &self,
        residual: &Tensor,
        logits: &Tensor,
        targets: &Tensor,
    ) -> Result<(), TchError> {
        let written = match self.loss {
            Loss::CrossEntropy => logits.f_internal_log_softmax_out(residual, -1, false),
            Loss::Squared => logits.f_sub_out(residual, targets),
        };
        written.map(drop)
    }

    /// Returns the terms of [`gradient`](Self::gradient) that depend on the targets alone.
    /// `weights`, `(N, 1)`, are the weights of the examples in the loss.
    pub(crate) fn target_terms(
        &self,
        targets: &Tensor,
        weights: &Tensor,
    ) -> Result<Tensor, TchError> {
        match self.loss {
            Loss::CrossEntropy => targets.f_mul(&weights.f_neg()?), // (N, C)
            Loss::Squared => weights.f_mul_scalar(2.0),             // (N, 1)
        }
    }

    /// Returns the gradient of Σ weightᵢ·lossᵢ with respect to the logits, from the residual and
    /// the target terms.
    pub(crate) fn gradient(
        &self,
        residual: &Tensor,
        target_terms: &Tensor,
    ) -> Result<Tensor, TchError> {
        match self.loss {
            // The term is −weight · target, and Σ_c target = 1, so that
            // term − softmax · Σ_c term = weight · (softmax − target).
            Loss::CrossEntropy => Tensor::f_internal_log_softmax_backward_data(
                target_terms,
                residual,
                -1,
                Kind::Float,
            ),
            Loss::Squared => residual.f_mul(target_terms),
        }
    }

    /// Returns the loss of each label, `(N)`, from the residual `(N, C)` and the labels `(N)`.
    pub(crate) fn losses(&self, residual: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
        match self.loss {
            Loss::CrossEntropy => {
                residual.f_gather(1, &labels.f_unsqueeze(1)?, false)?.f_squeeze_dim(1)?.f_neg() // (N)
            }
            Loss::Squared => residual.f_square()?.f_sum_dim_intlist(1, false, Kind::Float), // (N)
        }
    }
}
