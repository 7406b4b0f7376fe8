//! [`Mode`]: the purpose of a forward pass, as PyTorch's `train()` and `eval()`.

use tch::Kind;

use super::dropout::Dropout;

/// The purpose of a forward pass.
#[derive(Debug)]
pub(crate) enum Mode<'a> {
    /// A training step: dropout is active, and batch normalisation uses the statistics of the batch
    /// and updates its running statistics.
    Train {
        /// Draws the dropout masks.
        dropout: &'a mut Dropout,
        /// The number type of convolutions, linear layers and attention.
        kind: Kind,
    },
    /// An evaluation.
    Evaluate,
    /// An evaluation that is differentiated once or twice. It uses only operations with a second
    /// derivative.
    Differentiate,
    /// Running statistics are measured anew: as in training, but without dropout. The value is the
    /// share of the current batch in the running statistics.
    Recalibrate(f64),
}

impl Mode<'_> {
    /// The number type of matrix products.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Train { kind, .. } => *kind,
            Self::Evaluate | Self::Differentiate | Self::Recalibrate(_) => Kind::Float,
        }
    }

    /// The number type of all other operations and of the logits: f32 beside products in bf16, and
    /// f64 beside products in f64.
    pub(crate) fn full_kind(&self) -> Kind {
        match self.kind() {
            Kind::Double => Kind::Double,
            _ => Kind::Float,
        }
    }
}
