//! Measures running statistics anew before an evaluation, and corrects the variances of a mix
//! (REPAIR, Jordan et al., ICLR 2023).

use fedlayer_core::{
    data::Split,
    model::{Mix, Point},
    spec::Statistics,
};
use tch::{TchError, Tensor};

use crate::{
    engine::Engine,
    examples::Batch,
    network::{LayerTensors, Mode},
};

use super::split_data::{SplitData, on_host};

/// The largest number of training examples on which statistics are measured: every k-th example of
/// all clients together.
const MEASURED: usize = 2048;

/// The size of a batch. As in training, a batch is normalised by its own statistics.
const BATCH: usize = 256;

/// The number of training examples, of `all` examples of the clients together, on which the running
/// statistics of a point are measured.
pub fn measured_examples(all: usize) -> usize {
    all.div_ceil(stride(all))
}

/// The distance k between two measured examples, of `all` training examples.
fn stride(all: usize) -> usize {
    all.div_ceil(MEASURED).max(1)
}

/// Returns whether running statistics are measured anew for every point. Each point then has
/// statistics of its own in every layer.
pub(super) fn are_measured(engine: &Engine) -> bool {
    engine.layout.statistics().next().is_some()
        && matches!(engine.statistics, Statistics::Recompute | Statistics::Repair)
}

/// Overwrites the running statistics in `layers`, the layers of `point` on the device, as the
/// plan's policy says.
pub(super) fn measure(
    engine: &Engine,
    layers: &[LayerTensors],
    point: &Point,
) -> Result<(), TchError> {
    let _guard = tch::no_grad_guard();
    recalibrate(engine, layers)?;
    match point {
        Point::Mix(mix) if engine.statistics == Statistics::Repair => repair(engine, layers, mix),
        _ => Ok(()),
    }
}

/// Sets the running statistics to the mean of the statistics of the batches, as
/// `torch.optim.swa_utils.update_bn` does.
fn recalibrate(engine: &Engine, layers: &[LayerTensors]) -> Result<(), TchError> {
    let SplitData::Host(examples, Some(rows)) = on_host(engine, Split::Train) else {
        return Ok(());
    };
    let stride = stride(rows.len());
    let spread: Vec<usize> = rows.iter().step_by(stride).map(|&row| row as usize).collect();
    for (index, rows) in spread.chunks(BATCH).enumerate() {
        // One value per channel has no variance.
        if index > 0 && rows.len() < 2 {
            break;
        }
        let batch = Batch::new(&examples, rows.iter().copied(), engine.device.into())?;
        let share = 1.0 / (index + 1) as f64;
        let _ = engine.network.logits(layers, &batch.inputs, &mut Mode::Recalibrate(share))?;
    }
    Ok(())
}

/// Gives every channel of a mix the standard deviation (1 − w)·σ_base + w·σ_other, between those of
/// the two models.
///
/// A batch normalisation behind a convolution, with statistics measured anew, gives each channel
/// the mixed scale and shift. The shift is the mean that REPAIR asks for. The standard deviation is
/// the mixed scale times σ_t/σ, with the mixed variance σ² and the mixed standard deviation σ_t of
/// the two models. The measured variance is therefore divided by (σ_t/σ)².
fn repair(engine: &Engine, layers: &[LayerTensors], mix: &Mix) -> Result<(), TchError> {
    let tensors = layers.iter().flat_map(|layer| layer.iter());
    for (values, tensor) in tensors.zip(engine.layout.tensors()) {
        let is_mixed = mix.set.ranges().iter().any(|range| range.contains(&tensor.range.start));
        if !tensor.is_variance() || !is_mixed {
            continue;
        }
        let ends = mix.base.range(&tensor.range).iter().zip(mix.other.range(&tensor.range));
        let factors: Vec<f32> = ends
            .map(|(&base, &other)| variance_ratio(base.into(), other.into(), mix.weight))
            .collect();
        let factors = Tensor::f_from_slice(&factors)?.f_to_device(values.device())?;
        let _ = values.shallow_clone().f_mul_(&factors)?;
    }
    Ok(())
}

/// Returns (mixed variance) / (mixed standard deviation)², which is at least 1; 1 if neither model
/// has a variance.
fn variance_ratio(base: f64, other: f64, w: f64) -> f32 {
    let mixed = (1.0 - w) * base + w * other;
    let deviation = (1.0 - w) * base.max(0.0).sqrt() + w * other.max(0.0).sqrt();
    let square = deviation * deviation;
    if square > 0.0 && mixed > 0.0 { (mixed / square) as f32 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::{measured_examples, stride, variance_ratio};

    #[test]
    fn statistics_are_measured_on_every_kth_example() {
        let found = [0, 1, 2048, 2049, 5000].map(measured_examples);
        assert_eq!(found, [0, 1, 2048, 1025, 1667]);
        let every = (0..5000).step_by(stride(5000)).count();
        assert_eq!(every, measured_examples(5000));
    }

    #[test]
    fn a_mix_of_equal_variances_is_unchanged_and_one_of_unequal_variances_is_widened() {
        assert_eq!(variance_ratio(4.0, 4.0, 0.5), 1.0);
        assert_eq!(variance_ratio(4.0, 9.0, 0.0), 1.0);
        // Variances 1 and 9: mixed 5, deviations 1 and 3: mixed 2.
        assert_eq!(variance_ratio(1.0, 9.0, 0.5), 1.25);
        assert_eq!(variance_ratio(0.0, 0.0, 0.5), 1.0);
    }
}
