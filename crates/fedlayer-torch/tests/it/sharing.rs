//! The common layers of probes are computed once, and the losses are the same bit for bit.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    data::{FederatedData, Split},
    model::{LayerSet, Layout, Mix, Params, Point},
    spec::*,
    trainer::{Evaluation, Probe, Trainer},
};
use fedlayer_torch::{Device, TorchTrainer};

use crate::{archive::net, setup::*};

/// Two models, layer-wise and cumulative mixes into both at every `stride`-th layer, one mix with
/// another weight, and a few twins.
fn points(trainer: &mut TorchTrainer, stride: usize, twins: u64) -> Vec<Point> {
    let draw = |seed| {
        let mut params = trainer.initial(Seed::new(seed)).unwrap();
        let statistics: Vec<_> = params.layout().statistics().cloned().collect();
        for tensor in statistics {
            let values = params.values_mut()[tensor.range].iter_mut();
            values.for_each(|value| *value += 0.2 * seed as f32);
        }
        Arc::new(params)
    };
    let models: [Arc<Params>; 2] = [1, 2].map(draw);
    let layout = models[0].layout().clone();
    let layers = layout.layers().len();
    let mut points: Vec<Point> = models.iter().cloned().map(Point::Model).collect();
    for (base, other) in [(0, 1), (1, 0)] {
        let mix = |set: std::ops::Range<usize>, weight| Mix {
            base: models[base].clone(),
            other: models[other].clone(),
            set: LayerSet::new(layout.clone(), set),
            weight,
        };
        for layer in (0..layers).step_by(stride) {
            points.push(Point::Mix(mix(layer..layer + 1, 0.5)));
            points.push(Point::Mix(mix(0..layer, 0.5)));
            points.push(Point::Mix(mix(layer..layers, 1.0)));
        }
        points.push(Point::Mix(mix(1..layers - 1, 0.3)));
        for twin in 0..twins {
            let set = twin as usize % layers;
            let mix = mix(set..layers.min(set + 2), 0.5);
            points.push(Point::Twin { mix, seed: Seed::new(twin) });
        }
    }
    points
}

fn probes(points: &[Point], splits: &[Split]) -> Vec<Probe> {
    let probe = |split| points.iter().map(move |point| Probe { point: point.clone(), split });
    splits.iter().flat_map(|&split| probe(split)).collect()
}

/// Checks that evaluations with and without sharing are the same bit for bit. Returns the share of
/// layers that were computed.
#[track_caller]
fn check(make: impl Fn() -> TorchTrainer, stride: usize, twins: u64, splits: &[Split]) -> f64 {
    let (mut shared, mut plain) = (make(), make().without_sharing());
    let probes = probes(&points(&mut shared, stride, twins), splits);
    let together = shared.evaluate(&probes).unwrap();
    let apart = plain.evaluate(&probes).unwrap();
    same(&together, &apart);
    assert!(together[0] != together[1], "the test sees which model is which");
    // In another order, and with other probes in the call.
    let some: Vec<usize> = (0..probes.len()).rev().step_by(3).collect();
    let fewer: Vec<Probe> = some.iter().map(|&at| probes[at].clone()).collect();
    let expected: Vec<Evaluation> = some.iter().map(|&at| apart[at].clone()).collect();
    let before = shared.layers_computed();
    same(&shared.evaluate(&fewer).unwrap(), &expected);
    before as f64 / plain.layers_computed() as f64
}

#[track_caller]
fn same(found: &[Evaluation], expected: &[Evaluation]) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let bits = |evaluation: &Evaluation| {
            evaluation.losses.iter().map(|loss| loss.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(bits(found), bits(expected), "probe {at}");
        assert_eq!(found.correct, expected.correct, "probe {at}");
    }
}

fn of(model: ModelSpec, data: &Arc<FederatedData>) -> impl Fn() -> TorchTrainer {
    let plan = plan(model, data, local(sgd(0.1)));
    move || trainer(&plan, data)
}

const BOTH: [Split; 2] = [Split::Test, Split::Train];

#[test]
fn fully_connected_networks_share_layers_bit_for_bit() {
    let data = data(6, 3, &[40], 1500);
    let tanh = r#"{ "mlp": { "hidden": [9, 8, 7], "activation": "tanh" } }"#;
    let gelu = r#"{ "mlp": { "hidden": [9, 8, 7], "activation": "gelu" } }"#;
    for model in [mlp(&[16, 8, 8]), model(tanh), model(gelu), ModelSpec::DeepLinear(vec![5, 5, 5])]
    {
        let ratio = check(of(model, &data), 1, 5, &BOTH);
        assert!(ratio < 0.75, "computed {ratio} of the layers");
    }
    check(of(ModelSpec::Linear, &data), 1, 2, &BOTH);
    check(of(ModelSpec::DiagonalLinear(3), &data), 1, 2, &BOTH);
}

#[test]
fn convolutional_and_residual_networks_share_layers_bit_for_bit() {
    let images = shaped(&[1, 8, 8], 3, 1, [40, 300]);
    for norm in ["group", "batch"] {
        let ratio = check(of(smooth_cnn(norm), &images), 1, 4, &BOTH);
        assert!(ratio < 0.7, "computed {ratio} of the layers");
    }
    let pictures = shaped(&[3, 32, 32], 10, 1, [2, 4]);
    let residual = model(r#"{ "resnet-18": { "norm": "group" } }"#);
    let ratio = check(of(residual, &pictures), 7, 1, &[Split::Test]);
    assert!(ratio < 0.75, "computed {ratio} of the layers");
}

#[test]
fn transformers_share_layers_bit_for_bit() {
    let texts = shaped(&[6], 7, 6, [10, 300]);
    for tied in [true, false] {
        let gpt = Gpt { depth: 2, width: 8, heads: 2, dropout: 0.1, tied };
        let ratio = check(of(ModelSpec::Gpt(gpt), &texts), 1, 4, &BOTH);
        assert!(ratio < 0.6, "computed {ratio} of the layers");
    }
}

#[test]
fn a_module_shares_nothing_and_still_answers_equal_probes_once() {
    let data = shaped(&[1, 8, 8], 3, 1, [40, 300]);
    let mut plan = plan(ModelSpec::Linear, &data, local(sgd(0.1)));
    plan.model = ModelSpec::Torchscript("net.pt".into());
    plan.layout = Arc::new(module(&net()).unwrap().layout().unwrap());
    let make = || {
        TorchTrainer::with_module(&plan, data.clone(), Device::Cpu, Some(&module(&net()).unwrap()))
            .unwrap()
    };
    let models = |layout: &Arc<Layout>, scale: f32| {
        let values = (0..layout.value_count()).map(|at| scale * (at as f32).sin()).collect();
        Arc::new(Params::new(layout.clone(), values).unwrap())
    };
    let (a, b) = (models(&plan.layout, 0.1), models(&plan.layout, 0.2));
    let set = LayerSet::new(plan.layout.clone(), [1]);
    let mix = Mix { base: a.clone(), other: b.clone(), set, weight: 0.5 };
    let points = [Point::Model(a.clone()), Point::Mix(mix), Point::Model(b), Point::Model(a)];
    let probes = probes(&points, &[Split::Test]);
    let (mut shared, mut plain) = (make(), make().without_sharing());
    same(&shared.evaluate(&probes).unwrap(), &plain.evaluate(&probes).unwrap());
    assert_eq!(4 * shared.layers_computed(), 3 * plain.layers_computed());
}

#[test]
fn statistics_of_the_base_are_not_shared_with_another_base() {
    let images = shaped(&[1, 8, 8], 3, 1, [40, 100]);
    for statistics in [Statistics::Keep, Statistics::Recompute, Statistics::Repair] {
        let mut plan: Plan = plan(smooth_cnn("batch"), &images, local(sgd(0.1)));
        plan.strategy.statistics = statistics;
        plan.layout = Arc::new(plan.layout.with_ownership(statistics.ownership()));
        let ratio = check(|| trainer(&plan, &images), 1, 2, &BOTH);
        assert_eq!(ratio < 0.7, statistics == Statistics::Keep, "{statistics:?}: {ratio}");
    }
}

/// The sweeps of one round between two models with equal layers compute slightly more than half of
/// the layers, for any number of layers.
#[test]
fn the_sweeps_of_a_deep_network_cost_half() {
    let data = data(6, 3, &[10], 30);
    for layers in [4, 8, 16, 32_usize] {
        let make = of(mlp(&vec![6; layers - 1]), &data);
        let (mut shared, mut plain) = (make(), make().without_sharing());
        let draw = |seed| Arc::new(shared.initial(Seed::new(seed)).unwrap());
        let [a, b] = [1, 2].map(draw);
        let layout = a.layout().clone();
        let mut points = vec![Point::Model(a.clone()), Point::Model(b.clone())];
        for (base, other) in [(&a, &b), (&b, &a)] {
            let mut add = |set: std::ops::Range<usize>| {
                let set = LayerSet::new(layout.clone(), set);
                let (base, other) = (base.clone(), other.clone());
                points.push(Point::Mix(Mix { base, other, set, weight: 0.5 }));
            };
            (0..layers).for_each(|layer| add(layer..layer + 1));
            (2..layers).for_each(|first| add(0..first));
            (1..layers - 1).for_each(|last| add(last..layers));
        }
        let set = LayerSet::all(&layout);
        points.push(Point::Mix(Mix { base: a.clone(), other: b.clone(), set, weight: 0.5 }));
        let probes = probes(&points, &[Split::Test]);
        same(&shared.evaluate(&probes).unwrap(), &plain.evaluate(&probes).unwrap());
        // Nodes at the l-th layer from 0: of both models and their mean; and l layer-wise, l deep
        // and l − 1 shallow mixes into each model.
        let nodes: usize = (0..layers).map(|l| 3 + 2 * (3 * l).saturating_sub(1)).sum();
        let examples = 30 * layers as u64;
        assert_eq!(plain.layers_computed(), examples * points.len() as u64);
        assert_eq!(shared.layers_computed(), 30 * nodes as u64);
    }
}
