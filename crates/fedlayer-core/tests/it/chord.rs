//! The chord barrier is ≤ 0 for every layer of a deep linear network under any convex loss, and for
//! the last linear layer of any network, because the output is affine in the weights of that layer.

use fedlayer_core::{
    record::{BarrierKind, BarrierRow, Metric},
    spec::{BarrierSpec, Baseline, Between, Weighting},
};
use proptest::prelude::*;

use crate::support::{Outcomes, cohort, cross_entropy, dense, ends, forward, measure};

/// Inputs, two hidden widths, classes.
const WIDTHS: [usize; 4] = [3, 4, 3, 2];
const PARAMETERS: usize = 4 * 4 + 3 * 5 + 2 * 4;

#[derive(Debug, Clone, Copy)]
enum Loss {
    Squared,
    CrossEntropy,
}

/// Seven fixed inputs, labelled in turn.
fn outcomes(values: &[f32], activation: fn(f64) -> f64, loss: Loss) -> Outcomes {
    let one = |k: u32| {
        let input = [1.3, 2.1, 0.7].map(|speed| (speed * f64::from(k + 1)).sin());
        let output = forward(&WIDTHS, values, &input, activation);
        let label = (k % 2) as usize;
        let loss = match loss {
            Loss::Squared => {
                let target = |class| if class == label { 1.0 } else { 0.0 };
                output.iter().enumerate().map(|(class, f)| (f - target(class)).powi(2)).sum()
            }
            Loss::CrossEntropy => cross_entropy(&output, label),
        };
        (loss as f32, output[label] > output[1 - label])
    };
    (0..7).map(one).collect()
}

/// Measures the chord barriers of single layers between three models, on a grid of α.
fn chords(
    models: &[Vec<f32>],
    between: Between,
    activation: fn(f64) -> f64,
    loss: Loss,
) -> (Vec<BarrierRow>, f64) {
    let spec = BarrierSpec {
        alpha: vec![0.25, 0.5, 0.75],
        baselines: vec![Baseline::Chord],
        between,
        ..cohort()
    };
    let models: Vec<_> = models.iter().zip([1, 4, 2]).map(|(m, n)| (m.as_slice(), n)).collect();
    let ends = ends(&dense(&WIDTHS), &models);
    let measured =
        measure(&spec, Weighting::Examples, &ends, |values| outcomes(values, activation, loss));
    let scale = measured.scale;
    (
        measured.of(BarrierKind::Layer).filter(|row| row.metric == Metric::Loss).cloned().collect(),
        scale,
    )
}

fn models() -> impl Strategy<Value = Vec<Vec<f32>>> {
    prop::collection::vec(prop::collection::vec(-2.0_f32..2.0, PARAMETERS), 3)
}

fn relu(x: f64) -> f64 {
    x.max(0.0)
}

fn identity(x: f64) -> f64 {
    x
}

proptest! {
    #[test]
    fn every_layer_of_a_deep_linear_network_is_convex(models in models()) {
        for loss in [Loss::Squared, Loss::CrossEntropy] {
            for between in [Between::Pairs, Between::Cohort] {
                let (rows, scale) = chords(&models, between, identity, loss);
                prop_assert_eq!(rows.len(), 3 * 3 * if between == Between::Pairs { 8 } else { 5 });
                for row in rows {
                    prop_assert!(row.value.unwrap() <= 1e-5 * scale, "{:?} {:?}", loss, row);
                }
            }
        }
    }

    #[test]
    fn the_last_layer_of_any_network_is_convex(models in models()) {
        for (loss, activation) in [(Loss::Squared, relu as fn(f64) -> f64), (Loss::CrossEntropy, f64::tanh)] {
            let (rows, scale) = chords(&models, Between::Pairs, activation, loss);
            for row in rows.iter().filter(|row| row.set == "out") {
                prop_assert!(row.value.unwrap() <= 1e-5 * scale, "{:?} {:?}", loss, row);
            }
        }
    }
}

/// The two claims would be empty if chord barriers were never positive: an inner layer of a tanh
/// network has positive ones.
#[test]
fn an_inner_layer_of_a_tanh_network_need_not_be_convex() {
    let model = |speed: f32| (0..PARAMETERS).map(|k| 2.0 * (speed * k as f32).sin()).collect();
    let models = [model(0.7), model(1.9), model(3.1)];
    let (rows, scale) = chords(&models, Between::Pairs, f64::tanh, Loss::Squared);
    let inner = rows.iter().filter(|row| row.set != "out");
    assert!(inner.filter(|row| row.value > Some(0.01 * scale)).count() > 0, "{rows:#?}");
}
