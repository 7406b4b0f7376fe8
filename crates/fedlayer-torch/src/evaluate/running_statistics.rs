//! Running statistics measured anew before an evaluation, and set right for a mix (REPAIR).

use fedlayer_core::{Mix, Point, Role, Split, spec::Statistics};
use tch::{TchError, Tensor};

use crate::{
    engine::{Alone, Body, Engine},
    evaluate::{Seen, host},
    gather::Batch,
    graph::Mode,
};

/// The most training examples on which statistics are measured: every k-th of all clients' together.
const MEASURED: usize = 2048;

/// How many of them at once; as in training, a batch is normalised by its own statistics.
const BATCH: usize = 256;

/// The training examples on which the running statistics of a point are measured, of `all` of the clients together.
pub fn measured_examples(all: usize) -> usize {
    all.div_ceil(stride(all))
}

/// Every how many of `all` training examples one is taken.
fn stride(all: usize) -> usize {
    all.div_ceil(MEASURED).max(1)
}

/// Whether running statistics are measured anew for every point, so that each has its own in every layer.
pub(crate) fn measured(engine: &Engine) -> bool {
    matches!(&engine.body, Body::Alone(alone) if measures(alone))
}

fn measures(alone: &Alone) -> bool {
    let has = alone.tensors().iter().any(|tensor| tensor.role == Role::Statistic);
    has && matches!(alone.statistics, Statistics::Recompute | Statistics::Repair)
}

/// Sets the running statistics of a placed network as the plan's policy wants them for an evaluation of `point`.
pub(crate) fn prepare(
    engine: &Engine,
    alone: &Alone,
    views: &[Tensor],
    point: &Point,
) -> Result<(), TchError> {
    if !measures(alone) {
        return Ok(());
    }
    let _guard = tch::no_grad_guard();
    measure(engine, alone, views)?;
    match point {
        Point::Mix(mix) if alone.statistics == Statistics::Repair => repair(alone, views, mix),
        _ => Ok(()),
    }
}

/// The mean over batches of their own statistics, as `torch.optim.swa_utils.update_bn` takes it.
fn measure(engine: &Engine, alone: &Alone, views: &[Tensor]) -> Result<(), TchError> {
    let Seen::Host(examples, Some(rows)) = host(engine, Split::Train) else { return Ok(()) };
    let every = stride(rows.len());
    let spread: Vec<usize> = rows.iter().step_by(every).map(|&row| row as usize).collect();
    for (index, rows) in spread.chunks(BATCH).enumerate() {
        // A batch of one place and one example has no variance.
        if index > 0 && rows.len() < 2 {
            break;
        }
        let batch = Batch::plain(&examples, rows.iter().copied(), engine.device.into())?;
        let share = 1.0 / (index + 1) as f64;
        let _ = alone.logits(views, &batch.inputs, &mut Mode::Measure(share))?;
    }
    Ok(())
}

/// Has every channel of a mix come out with the standard deviation (1 − w)·σ_base + w·σ_other that lies between those of the two models.
///
/// Behind a convolution a batch normalisation with the statistics measured anew gives each channel the mixed scale and shift, which is the mean that
/// REPAIR wants. Its standard deviation is the mixed scale times σ_t/σ, σ² being the mixed variance and σ_t the mixed deviation of the two models: the measured
/// variance is divided by that ratio's square.
fn repair(alone: &Alone, views: &[Tensor], mix: &Mix) -> Result<(), TchError> {
    for (view, tensor) in views.iter().zip(alone.tensors()) {
        let mixed = mix.set.ranges().iter().any(|range| range.contains(&tensor.range.start));
        if !tensor.is_variance() || !mixed {
            continue;
        }
        let ends = mix.base.range(&tensor.range).iter().zip(mix.other.range(&tensor.range));
        let squares: Vec<f32> =
            ends.map(|(&base, &other)| narrowing(base.into(), other.into(), mix.weight)).collect();
        let squares = Tensor::f_from_slice(&squares)?.f_to_device(view.device())?;
        let _ = view.shallow_clone().f_mul_(&squares)?;
    }
    Ok(())
}

/// (mixed variance) / (mixed standard deviation)², at least 1; 1 where a model has no variance.
fn narrowing(base: f64, other: f64, w: f64) -> f32 {
    let mixed = (1.0 - w) * base + w * other;
    let deviation = (1.0 - w) * base.max(0.0).sqrt() + w * other.max(0.0).sqrt();
    let square = deviation * deviation;
    if square > 0.0 && mixed > 0.0 { (mixed / square) as f32 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::{measured_examples, narrowing, stride};

    #[test]
    fn statistics_are_measured_on_every_kth_example() {
        let found = [0, 1, 2048, 2049, 5000].map(measured_examples);
        assert_eq!(found, [0, 1, 2048, 1025, 1667]);
        let every = (0..5000).step_by(stride(5000)).count();
        assert_eq!(every, measured_examples(5000));
    }

    #[test]
    fn a_mix_of_equal_variances_stays_and_of_unequal_ones_is_widened() {
        assert_eq!(narrowing(4.0, 4.0, 0.5), 1.0);
        assert_eq!(narrowing(4.0, 9.0, 0.0), 1.0);
        // Variances 1 and 9: mixed 5, deviations 1 and 3: mixed 2.
        assert_eq!(narrowing(1.0, 9.0, 0.5), 1.25);
        assert_eq!(narrowing(0.0, 0.0, 0.5), 1.0);
    }
}
