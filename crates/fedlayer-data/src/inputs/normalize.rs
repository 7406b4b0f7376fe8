//! [`Moments`]: `data.normalize`, the mean and the standard deviation of every channel.

use std::sync::Arc;

use fedlayer_core::data::{ExampleValues, Examples};

use crate::set_part::SetPart;

/// The mean and the standard deviation of a channel, in 64 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) mean: f64,
    pub(super) std: f64,
}

/// The largest mean, in deviations, that is subtracted in `f32`: rounding errs by at most 6e-5 of a
/// deviation.
const LARGEST_MEAN: f64 = 1024.0;

impl Moments {
    /// Returns (x − mean) / std of a 32-bit float.
    fn normalize(self, value: f32) -> f32 {
        if self.mean.abs() > LARGEST_MEAN * self.std {
            return self.normalize_exact(value.into());
        }
        (value - self.mean as f32) / self.std as f32
    }

    /// Returns (x − mean) / std, rounded once.
    fn normalize_exact(self, value: f64) -> f32 {
        ((value - self.mean) / self.std) as f32
    }
}

/// Returns the number of channels of examples of this shape, and the number of neighbouring values
/// that belong to one channel. An image `[channels, height, width]` has its channels, a row
/// `[columns]` has a channel per column, any other shape has one channel.
pub(super) fn channels_of(shape: &[usize]) -> (usize, usize) {
    match *shape {
        [channels, height, width] => (channels, height * width),
        [columns] => (columns, 1),
        _ => (1, shape.iter().product()),
    }
}

/// Computes the mean and the standard deviation (n in the denominator) of each channel over the
/// `trained` examples, summed in `f64`. A constant channel gets the deviation 1 and becomes 0, not
/// 0/0.
pub(super) fn measured(pool: &SetPart, trained: &[bool]) -> Vec<Moments> {
    let (channels, run) = channels_of(&pool.examples.shape);
    let rows = || (0..pool.examples.len()).filter(|&row| trained[row]);
    let mut values = Vec::with_capacity(pool.examples.features());
    // For exact values the sums are taken relative to the first example: they stay small, and the
    // mean of a constant is exact.
    let mut origins = vec![0.0; channels];
    if let Some(first) = rows().next().filter(|_| pool.exact.is_some()) {
        read(pool, first, &mut values);
        origins.iter_mut().zip(values.chunks(run.max(1))).for_each(|(at, part)| *at = part[0]);
    }
    let mut over = |add: &mut dyn FnMut(usize, f64)| {
        for row in rows() {
            read(pool, row, &mut values);
            for (channel, part) in values.chunks_exact(run.max(1)).enumerate() {
                part.iter().for_each(|&value| add(channel, value));
            }
        }
    };
    let (mut counts, mut sums) = (vec![0.0_f64; channels], vec![0.0; channels]);
    over(&mut |channel, value| {
        counts[channel] += 1.0;
        sums[channel] += value - origins[channel];
    });
    let means = sums.iter().zip(&counts).zip(&origins);
    let means: Vec<f64> = means.map(|((sum, count), origin)| origin + sum / count).collect();
    let mut squares = vec![0.0; channels];
    over(&mut |channel, value| squares[channel] += (value - means[channel]).powi(2));
    let moments = |((mean, squares), count): ((f64, f64), f64)| {
        let std = (squares / count).sqrt();
        Moments { mean, std: if (std as f32).is_normal() { std } else { 1.0 } }
    };
    means.into_iter().zip(squares).zip(counts).map(moments).collect()
}

/// Reads the exact values of an example.
fn read(part: &SetPart, row: usize, values: &mut Vec<f64>) {
    values.clear();
    let width = part.examples.features();
    match &part.exact {
        Some(exact) => values.extend_from_slice(&exact[row * width..(row + 1) * width]),
        None => {
            let mut singles = Vec::with_capacity(width);
            part.examples.read(row, &mut singles);
            values.extend(singles.into_iter().map(f64::from));
        }
    }
}

/// Returns the examples with (x − mean) / std for x, channel by channel. Bytes stay as they are.
pub(super) fn normalized(SetPart { examples, exact }: SetPart, channels: &[Moments]) -> Examples {
    let mut examples = Arc::unwrap_or_clone(examples);
    let (_, run) = channels_of(&examples.shape);
    let width = examples.features().max(1);
    let channel = |at: usize| channels[at % width / run.max(1)];
    if let ExampleValues::Floats(values) = &mut examples.values {
        match exact {
            Some(exact) => values
                .iter_mut()
                .zip(exact.iter())
                .enumerate()
                .for_each(|(at, (value, exact))| *value = channel(at).normalize_exact(*exact)),
            None => values
                .iter_mut()
                .enumerate()
                .for_each(|(at, value)| *value = channel(at).normalize(*value)),
        }
    }
    examples
}
