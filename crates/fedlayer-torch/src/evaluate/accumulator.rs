//! [`Accumulator`]: the losses and hits of a split, batch by batch.

use fedlayer_core::trainer::Evaluation;
use tch::{Kind, TchError, Tensor};

use crate::engine::Engine;

/// The losses and hits of the batches of a split, on the device.
#[derive(Debug, Default)]
pub(super) struct Accumulator {
    /// Per batch: the mean loss of each example's labels. `(B)`
    losses: Vec<Tensor>,
    /// Per batch: the share of each example's labels that were predicted. `(B)`
    correct: Vec<Tensor>,
}

impl Accumulator {
    /// Adds a batch, from its logits `(B·targets, C)` and labels `(B·targets)`.
    pub(super) fn add(
        &mut self,
        engine: &Engine,
        logits: &Tensor,
        labels: &Tensor,
    ) -> Result<(), TchError> {
        let losses = engine.criterion.each(logits, labels)?; // (B·targets)
        // Of equal logits, the first one is the prediction.
        let hits = logits.f_argmax(1, false)?.f_eq_tensor(labels)?; // (B·targets)
        let by_example = |of_labels: &Tensor| {
            let rows = of_labels.f_to_kind(Kind::Float)?;
            rows.f_view([-1, engine.facts.targets as i64])?.f_mean_dim(1, false, Kind::Float)
        };
        self.losses.push(by_example(&losses)?);
        self.correct.push(by_example(&hits)?);
        Ok(())
    }

    /// Copies the results to the host.
    pub(super) fn evaluation(self) -> Result<Evaluation, TchError> {
        let joined = |batches: Vec<Tensor>| -> Result<Vec<f32>, TchError> {
            match batches.is_empty() {
                true => Ok(Vec::new()),
                false => Tensor::f_cat(&batches, 0)?.f_to_device(tch::Device::Cpu)?.try_into(),
            }
        };
        Ok(Evaluation { losses: joined(self.losses)?, correct: Some(joined(self.correct)?) })
    }
}
