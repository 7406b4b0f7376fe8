//! The channels behind a normalisation under `statistics = "recompute"` and `"repair"`, observed
//! through losses alone.
//!
//! The head of the network returns the normalised values z and one 0. The cross-entropy of an image
//! with label c is L − z_c, and with the last label L. The value z_c is thus the difference of two
//! losses.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    data::{Examples, FederatedData, Split},
    model::{LayerSet, Mix, Params, Point},
    spec::*,
    trainer::{Probe, Trainer},
};
use fedlayer_torch::TorchTrainer;
use rand::RngExt;

use crate::setup::*;

const CHANNELS: usize = 3;

/// Images of 4 × 4 pixels give maps of 2 × 2 values.
const PIXELS: usize = 16;
const PLACES: usize = 4;

/// A class per normalised value, and one for the 0.
const CLASSES: usize = CHANNELS * PLACES + 1;

/// The number of images of both clients: one batch, so that the statistics are those of all images.
const IMAGES: usize = 64;

/// The value that PyTorch adds to variances.
const EPSILON: f64 = 1e-5;

/// Two clients; the images of the second one are three times as bright. The test set has all of
/// their images with every label.
fn data() -> Arc<FederatedData> {
    let mut generator = Seed::new(6).child("images").generator();
    let mut image = |index: usize| -> Vec<f32> {
        let brightness = if index < IMAGES / 2 { 1.0 } else { 3.0 };
        (0..PIXELS).map(|_| brightness * (generator.random::<f32>() - 0.2)).collect()
    };
    let images: Vec<Vec<f32>> = (0..IMAGES).map(&mut image).collect();
    let of = |values, labels| Arc::new(Examples::new(vec![1, 4, 4], CLASSES, values, labels));
    let pool = of(images.concat(), (0..IMAGES).map(|index| (index % CLASSES) as u32).collect());
    let each = images.iter().flat_map(|image| image.repeat(CLASSES)).collect();
    let test = of(each, (0..IMAGES * CLASSES).map(|index| (index % CLASSES) as u32).collect());
    let half = IMAGES as u32 / 2;
    let clients = [((0..half).collect(), vec![]), ((half..2 * half).collect(), vec![])];
    Arc::new(FederatedData::new(pool, test, clients))
}

fn network() -> ModelSpec {
    let out = CHANNELS as u32;
    ModelSpec::Layers(vec![
        LayerSpec::Conv(ConvSpec {
            out_channels: out,
            kernel: 3,
            stride: 1,
            padding: 0,
            bias: true,
            name: None,
        }),
        LayerSpec::Norm(NormSpec { kind: NormKind::Batch, groups: None, name: None }),
        LayerSpec::Flatten,
        LayerSpec::Linear(LinearSpec { out_features: CLASSES as u32, bias: true, name: None }),
    ])
}

/// The values of a tensor.
fn tensor<'a>(params: &'a Params, name: &str) -> &'a [f32] {
    let tensor = params.layout().tensors().find(|tensor| tensor.name == name).unwrap();
    params.range(&tensor.range)
}

fn set(params: &mut Params, name: &str, values: &[f32]) {
    let layout = params.layout().clone();
    let tensor = layout.tensors().find(|tensor| tensor.name == name).unwrap();
    params.values_mut()[tensor.range.clone()].copy_from_slice(values);
}

/// A trainer with this policy and the models of its two clients, with the head described above. The
/// scale of channel 0 is negative.
fn ends(statistics: Statistics) -> (TorchTrainer, [Arc<Params>; 2]) {
    let data = data();
    let local = LocalSpec { epochs: Some(20), ..local(momentum(0.05)) };
    let mut plan = plan(network(), &data, local);
    plan.strategy.statistics = statistics;
    plan.layout = Arc::new(plan.layout.with_ownership(statistics.ownership()));
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    let shown = |params: &Arc<Params>| {
        let mut params = (**params).clone();
        let width = CLASSES - 1;
        let one = |at: usize| if at / width == at % width { 1.0 } else { 0.0 };
        set(&mut params, "fc1.weight", &(0..CLASSES * width).map(one).collect::<Vec<f32>>());
        set(&mut params, "fc1.bias", &[0.0; CLASSES]);
        let mut scale = tensor(&params, "norm1.weight").to_vec();
        scale[0] *= -1.0;
        set(&mut params, "norm1.weight", &scale);
        Arc::new(params)
    };
    let updates = train(&mut trainer, &[job(0, &start), job(1, &start)]);
    (trainer, [shown(&updates[0].params), shown(&updates[1].params)])
}

/// Mean and standard deviation of each channel over all images and positions.
fn channels(trainer: &mut TorchTrainer, point: Point) -> Vec<(f64, f64)> {
    let probe = Probe { point, split: Split::Test };
    let losses = trainer.evaluate(&[probe]).unwrap().remove(0).losses;
    let value = |image: usize, class: usize| {
        let of = |class| f64::from(losses[image * CLASSES + class]);
        of(CLASSES - 1) - of(class)
    };
    let of = |channel: usize| {
        let places =
            move |image| (0..PLACES).map(move |place| value(image, channel * PLACES + place));
        let values: Vec<f64> = (0..IMAGES).flat_map(places).collect();
        moments(&values)
    };
    (0..CHANNELS).map(of).collect()
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / values.len() as f64).sqrt())
}

/// The standard deviation of each channel of the convolution, computed by hand.
fn convolved(params: &Params) -> Vec<f64> {
    let pool = data().pool().unwrap().all_values();
    let (weight, bias) = (tensor(params, "conv1.weight"), tensor(params, "conv1.bias"));
    let of = |channel: usize| {
        let at = |image: usize, place: usize| {
            let (y, x) = (place / 2, place % 2);
            let square = (0..9).map(|k| {
                let pixel = pool[image * PIXELS + (y + k / 3) * 4 + x + k % 3];
                f64::from(weight[channel * 9 + k]) * f64::from(pixel)
            });
            square.sum::<f64>() + f64::from(bias[channel])
        };
        let values = (0..IMAGES).flat_map(|image| (0..PLACES).map(move |place| (image, place)));
        moments(&values.map(|(image, place)| at(image, place)).collect::<Vec<_>>()).1
    };
    (0..CHANNELS).map(of).collect()
}

/// Compares the means of a point's channels with its mixed shift, and their standard deviations
/// with |mixed scale| times `ratio`.
///
/// The running variance of n values per channel is divided by n − 1, plus ε, and in a mix divided
/// by `ratio`². With the variance s² of the convolution, a channel has the standard deviation
/// |scale|·s / √(s²·n/(n − 1)/ratio² + ε).
#[track_caller]
fn hold(found: &[(f64, f64)], params: &Params, ratio: impl Fn(usize) -> f64) {
    let (scale, shift) = (tensor(params, "norm1.weight"), tensor(params, "norm1.bias"));
    let count = (IMAGES * PLACES) as f64;
    for (channel, (&(mean, deviation), s)) in found.iter().zip(convolved(params)).enumerate() {
        let (scale, shift) = (f64::from(scale[channel]).abs(), f64::from(shift[channel]));
        let variance = s * s * count / (count - 1.0) / ratio(channel).powi(2) + EPSILON;
        let expected = scale * s / variance.sqrt();
        assert!((mean - shift).abs() < 1e-4, "channel {channel}: mean {mean}, shift {shift}");
        assert!(
            (deviation / expected - 1.0).abs() < 1e-4,
            "channel {channel}: deviation {deviation}, expected {expected}"
        );
        // Without the terms 1/(2·n) and ε, this is |scale| times the ratio.
        assert!((deviation / (scale * ratio(channel)) - 1.0).abs() < 0.005, "channel {channel}");
    }
}

fn mix(ends: &[Arc<Params>; 2], weight: f64) -> Mix {
    let [base, other] = ends.clone();
    Mix { set: LayerSet::all(base.layout()), base, other, weight }
}

/// σ_t/σ of a channel: the mixed standard deviation over the root of the mixed variance of the two
/// models.
fn narrowed(ends: &[Arc<Params>; 2], weight: f64, channel: usize) -> f64 {
    let variance = |end: usize| f64::from(tensor(&ends[end], "norm1.running_var")[channel]);
    let mixed = |base: f64, other: f64| (1.0 - weight) * base + weight * other;
    mixed(variance(0).sqrt(), variance(1).sqrt()) / mixed(variance(0), variance(1)).sqrt()
}

#[test]
fn recomputed_channels_have_the_scale_and_the_shift_of_their_normalisation() {
    let (mut trainer, ends) = ends(Statistics::Recompute);
    for end in &ends {
        hold(&channels(&mut trainer, Point::Model(end.clone())), end, |_| 1.0);
    }
    for weight in [0.25, 0.5] {
        let mix = mix(&ends, weight);
        let params = mix.params();
        hold(&channels(&mut trainer, Point::Mix(mix)), &params, |_| 1.0);
    }
}

#[test]
fn repaired_channels_have_the_mixed_shift_and_a_deviation_between_those_of_the_two_models() {
    let (mut trainer, ends) = ends(Statistics::Repair);
    for end in &ends {
        hold(&channels(&mut trainer, Point::Model(end.clone())), end, |_| 1.0);
    }
    for weight in [0.25, 0.5] {
        let mix = mix(&ends, weight);
        let params = mix.params();
        let ratio = |channel| narrowed(&ends, weight, channel);
        assert!(
            (0..CHANNELS).all(|channel| ratio(channel) < 0.95),
            "the ends differ enough to tell"
        );
        hold(&channels(&mut trainer, Point::Mix(mix)), &params, ratio);
    }
    // At its ends, a mix is one of the models.
    for (weight, end) in [(0.0, 0), (1.0, 1)] {
        let mixed = channels(&mut trainer, Point::Mix(mix(&ends, weight)));
        hold(&mixed, &ends[end], |_| 1.0);
    }
}

#[test]
fn averaged_statistics_are_not_those_of_a_mix() {
    // This is the variance collapse that the other policies undo: with averaged statistics, the
    // channels of the half mix have another standard deviation.
    let (mut trainer, ends) = ends(Statistics::Average);
    let half = mix(&ends, 0.5);
    let scale = tensor(&half.params(), "norm1.weight").to_vec();
    let found = channels(&mut trainer, Point::Mix(half));
    let off =
        |(&(_, deviation), scale): (&(f64, f64), &f32)| deviation / f64::from(scale.abs()) - 1.0;
    assert!(found.iter().zip(&scale).map(off).any(|off| off.abs() > 0.05), "{found:?}");
}
