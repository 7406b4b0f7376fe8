//! [`Criterion`]: the loss of each example, and the gradient by the logits of a weighted sum of them.

use fedlayer_core::spec::Loss;
use tch::{Kind, TchError, Tensor};

/// The loss of a plan.
#[derive(Debug)]
pub(crate) struct Criterion {
    loss: Loss,
    /// One-hot rows, where they are needed: a vocabulary's would fill the memory. `(C, C)`
    one_hot: Option<Tensor>,
}

impl Criterion {
    /// `stacked` says whether [`targets`](Self::targets) will be asked for.
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

    /// The one-hot rows of `labels`, `(N)`.
    pub(crate) fn targets(&self, labels: &Tensor) -> Result<Tensor, TchError> {
        let unasked = || TchError::Kind("one-hot rows were not asked for".to_owned());
        self.one_hot.as_ref().ok_or_else(unasked)?.f_index_select(0, labels) // (N, C)
    }

    /// The loss of each label, `(N)`, from the logits `(N, C)`. Autograd follows it.
    pub(crate) fn each(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
        let residual = match self.loss {
            Loss::CrossEntropy => logits.f_log_softmax(-1, Kind::Float)?, // (N, C)
            Loss::Squared => logits.f_sub(&self.targets(labels)?)?,       // (N, C)
        };
        self.losses(&residual, labels)
    }

    /// What both the loss and its gradient are made of: log-probabilities, or the differences from the targets.
    /// It goes to `residual`, of the same shape `(…, C)` as `logits` and `targets`.
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

    /// What [`gradient`](Self::gradient) needs of the targets: `shares`, `(N, 1)`, are the weights of the examples in the sum.
    pub(crate) fn pulls(&self, targets: &Tensor, shares: &Tensor) -> Result<Tensor, TchError> {
        match self.loss {
            Loss::CrossEntropy => targets.f_mul(&shares.f_neg()?), // (N, C)
            Loss::Squared => shares.f_mul_scalar(2.0),             // (N, 1)
        }
    }

    /// The gradient by the logits of Σ shareᵢ·lossᵢ, from the residual and the pulls.
    pub(crate) fn gradient(&self, residual: &Tensor, pulls: &Tensor) -> Result<Tensor, TchError> {
        match self.loss {
            // pull − softmax · Σ_c pull = share · (softmax − target)
            Loss::CrossEntropy => {
                Tensor::f_internal_log_softmax_backward_data(pulls, residual, -1, Kind::Float)
            }
            Loss::Squared => residual.f_mul(pulls),
        }
    }

    /// The loss of each example, from the residual `(N, C)` and the labels `(N)`.
    pub(crate) fn losses(&self, residual: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
        match self.loss {
            Loss::CrossEntropy => {
                residual.f_gather(1, &labels.f_unsqueeze(1)?, false)?.f_squeeze_dim(1)?.f_neg() // (N)
            }
            Loss::Squared => residual.f_square()?.f_sum_dim_intlist(1, false, Kind::Float), // (N)
        }
    }
}
