//! Exact claims about barriers (SCIENCE §5), through libtorch.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    barrier::{BarrierStudy, EndModel},
    data::{Examples, FederatedData, Split},
    model::{LayerSet, Mix, Params, Point, distance},
    record::{BarrierKind, BarrierRow, Metric},
    spec::*,
    trainer::{Probe, Trainer, Update},
};

use crate::setup::*;

/// The mean test loss of the mix of `other` into `base` on the layers `set` at α.
fn mixed(
    trainer: &mut dyn Trainer,
    [base, other]: [&Arc<Params>; 2],
    set: &[usize],
    alpha: f64,
) -> f64 {
    let mix = Mix {
        base: base.clone(),
        other: other.clone(),
        set: LayerSet::new(base.layout().clone(), set.iter().copied()),
        weight: alpha,
    };
    let probe = Probe { point: Point::Mix(mix), split: Split::Test };
    trainer.evaluate(&[probe]).unwrap()[0].loss().unwrap()
}

/// f = w₁w₂, L = (1 − w₁w₂)², θ₁ = (a, 1/a), θ₂ = (b, 1/b), r = b/a = 4; both losses are 0.
#[test]
fn figure_4_a_layer_can_have_a_larger_barrier_than_the_whole() {
    let one = Examples::new(vec![1], 1, vec![1.0], vec![0]);
    let (pool, test) = (Arc::new(one.clone()), Arc::new(one));
    let data = Arc::new(FederatedData::new(pool, test, [(vec![0], vec![])]));
    let squared = LocalSpec { loss: Loss::Squared, ..local(sgd(0.1)) };
    let plan = plan(ModelSpec::DiagonalLinear(2), &data, squared);
    let mut trainer = trainer(&plan, &data);
    let params = |a: f32| Arc::new(Params::new(plan.layout.clone(), vec![a, 1.0 / a]).unwrap());
    for a in [1.0, 0.5, 2.0] {
        let (first, second) = (&params(a), &params(4.0 * a));
        let mut barrier = |ends, set: &[usize]| mixed(&mut trainer, ends, set, 0.5);
        assert_eq!(barrier([first, second], &[]), 0.0);
        assert_eq!(barrier([second, first], &[]), 0.0);
        assert_eq!(barrier([first, second], &[0, 1]), 0.316_406_25);
        assert_eq!(barrier([first, second], &[0]), 2.25);
        assert_eq!(barrier([first, second], &[1]), 0.140_625);
        assert_eq!(barrier([second, first], &[0, 1]), 0.316_406_25);
        assert_eq!(barrier([second, first], &[0]), 0.140_625);
        assert_eq!(barrier([second, first], &[1]), 2.25);
    }
}

/// Two clients of unequal data, trained for a while from the same start.
fn trained(model: ModelSpec, loss: Loss) -> (Plan, [Arc<Params>; 2], Box<dyn Trainer>) {
    let images = !matches!(
        model,
        ModelSpec::Linear
            | ModelSpec::DeepLinear(_)
            | ModelSpec::DiagonalLinear(_)
            | ModelSpec::Mlp(_)
    );
    let data = if images { pictures() } else { data(6, 3, &[24, 15], 200) };
    let epochs = Some(if images { 4 } else { 15 });
    let local = LocalSpec { loss, epochs, ..local(momentum(0.02)) };
    let plan = plan(model, &data, local);
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    let updates = train(&mut trainer, &[job(0, &start), job(1, &start)]);
    (plan, [0, 1].map(|client: usize| updates[client].params.clone()), Box::new(trainer))
}

/// Images of 8 × 8 pixels, distributed to two clients.
fn pictures() -> Arc<FederatedData> {
    let one = shaped(&[1, 8, 8], 3, 1, [24, 40]);
    let shares = [((0..14).collect(), vec![]), ((14..24).collect(), vec![])];
    Arc::new(FederatedData::new(one.pool().unwrap().clone(), one.test.clone(), shares))
}

/// A convolutional and two residual networks, each with a linear layer at its end.
fn convolutional() -> Vec<ModelSpec> {
    let conv = r#"{ "conv": { "out": 4, "kernel": 3 } }"#;
    let pool = r#"{ "max-pool": { "kernel": 2 } }"#;
    let head = r#""flatten", { "linear": { "out": 3 } }"#;
    let cnn = format!(r#"{{ "layers": [{conv}, "relu", {pool}, {head}] }}"#);
    vec![model(&cnn), smooth_cnn("group"), model(r#"{ "resnet-20": { "norm": "none" } }"#)]
}

/// A network of each kind.
fn every_kind() -> impl Iterator<Item = ModelSpec> {
    [ModelSpec::Linear, mlp(&[8, 5])].into_iter().chain(convolutional())
}

/// The records of the barriers between two clients: every sweep, at both ends and in the middle.
fn rows(
    trainer: &mut dyn Trainer,
    start: &Arc<Params>,
    ends: [&Arc<Params>; 2],
) -> Vec<BarrierRow> {
    let end = |client: u32, params: &Arc<Params>| EndModel {
        start: start.clone(),
        update: Update {
            client: fedlayer_core::data::ClientId(client),
            params: params.clone(),
            optimizer: None,
            examples: 1,
            steps: 1,
            loss: 0.0,
        },
    };
    let spec = BarrierSpec {
        sets: vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep],
        alpha: vec![0.0, 0.5, 1.0],
        splits: vec![SplitSpec::Test],
        between: Between::Pairs,
        ..BarrierSpec::default()
    };
    let ends = [end(0, ends[0]), end(1, ends[1])];
    let study = BarrierStudy::new(&spec, Weighting::Equal, 1, Seed::new(1), &ends).unwrap();
    study.rows(&trainer.evaluate(&study.probes()).unwrap())
}

/// L(mix at α) ≤ (1−α)L(base) + αL(mix at 1), up to rounding.
#[track_caller]
fn assert_convex(trainer: &mut dyn Trainer, ends: [&Arc<Params>; 2], layer: usize) {
    let from = mixed(trainer, ends, &[layer], 0.0);
    let to = mixed(trainer, ends, &[layer], 1.0);
    for alpha in [0.1, 0.25, 0.5, 0.75, 0.9] {
        let chord = (1.0 - alpha) * from + alpha * to;
        let between = mixed(trainer, ends, &[layer], alpha);
        assert!(between <= chord * (1.0 + 1e-5), "layer {layer}, α {alpha}: {between} > {chord}");
    }
}

#[test]
fn every_layer_of_a_deep_linear_network_is_convex() {
    for loss in [Loss::CrossEntropy, Loss::Squared] {
        let models =
            [ModelSpec::Linear, ModelSpec::DeepLinear(vec![8, 5]), ModelSpec::DiagonalLinear(3)];
        for model in models {
            let (plan, [a, b], mut trainer) = trained(model, loss);
            for layer in 0..plan.layout.layers().len() {
                assert_convex(&mut *trainer, [&a, &b], layer);
                assert_convex(&mut *trainer, [&b, &a], layer);
            }
        }
    }
}

#[test]
fn the_last_layer_of_any_network_is_convex() {
    for activation in [Activation::Relu, Activation::Tanh, Activation::Sigmoid] {
        for loss in [Loss::CrossEntropy, Loss::Squared] {
            let model = ModelSpec::Mlp(MlpForm::Full(Mlp { hidden: vec![8, 5], activation }));
            let (_, [a, b], mut trainer) = trained(model, loss);
            assert_convex(&mut *trainer, [&a, &b], 2);
            assert_convex(&mut *trainer, [&b, &a], 2);
        }
    }
}

#[test]
fn mixing_meets_both_ends_and_is_the_same_from_both_sides() {
    let (plan, [a, b], mut trainer) = trained(mlp(&[8, 5]), Loss::CrossEntropy);
    let all: Vec<usize> = (0..plan.layout.layers().len()).collect();
    let mut loss = |ends, set: &[usize], alpha| mixed(&mut *trainer, ends, set, alpha);
    let ends = [loss([&a, &b], &[], 0.5), loss([&b, &a], &[], 0.5)];
    assert_ne!(ends[0], ends[1]);
    assert_eq!([loss([&a, &b], &all, 0.0), loss([&a, &b], &all, 1.0)], ends);
    for alpha in [0.25, 0.5] {
        let both = [loss([&a, &b], &all, alpha), loss([&b, &a], &all, 1.0 - alpha)];
        assert_eq!(both[0], both[1], "α {alpha}");
        assert_eq!(loss([&a, &a], &all, alpha), ends[0], "a model mixed with itself");
    }
}

#[test]
fn the_last_layer_of_convolutional_and_residual_networks_is_convex() {
    for model in convolutional() {
        for loss in [Loss::CrossEntropy, Loss::Squared] {
            let (plan, [a, b], mut trainer) = trained(model.clone(), loss);
            let last = plan.layout.layers().len() - 1;
            assert_convex(&mut *trainer, [&a, &b], last);
            assert_convex(&mut *trainer, [&b, &a], last);
        }
    }
}

#[test]
fn a_sweep_begins_with_its_layer_and_ends_with_all() {
    for model in every_kind() {
        let (plan, [a, b], mut trainer) = trained(model, Loss::CrossEntropy);
        let rows = rows(&mut *trainer, &a, [&a, &b]);
        // In a model with one layer, that layer is all layers.
        let names: Vec<&str> = match plan.layout.layers().len() {
            1 => vec!["all"],
            _ => plan.layout.names().map(|name| name.as_str()).collect(),
        };
        let (first, last) = (names[0], names[names.len() - 1]);
        let value = |kind, set: &str, like: &BarrierRow| {
            let found = rows.iter().find(|row| {
                let same = (row.metric, &row.base, row.alpha, row.baseline);
                row.kind == kind
                    && row.set == set
                    && same == (like.metric, &like.base, like.alpha, like.baseline)
            });
            (
                found.unwrap_or_else(|| panic!("no {kind:?} of {set}")).value,
                found.unwrap().std_error,
            )
        };
        let of_first = rows.iter().filter(|row| {
            let measured = [Metric::Loss, Metric::Error].contains(&row.metric);
            row.kind == BarrierKind::Layer
                && row.set == first
                && measured
                && row.base.contains("<-")
        });
        let mut compared = 0;
        for row in of_first {
            let full = value(BarrierKind::Full, "all", row);
            assert_eq!(
                value(BarrierKind::Shallow, first, row),
                value(BarrierKind::Layer, first, row)
            );
            assert_eq!(value(BarrierKind::Deep, last, row), value(BarrierKind::Layer, last, row));
            assert_eq!(value(BarrierKind::Shallow, "all", row), full);
            assert_eq!(value(BarrierKind::Deep, "all", row), full);
            compared += 1;
        }
        // Two bases, three α, five baselines, two metrics.
        assert_eq!(compared, 2 * 3 * 5 * 2);
    }
}

#[test]
fn the_linear_baseline_is_met_at_both_ends_and_equal_models_have_no_barrier() {
    for model in every_kind() {
        let (_, [a, b], mut trainer) = trained(model, Loss::CrossEntropy);
        let linear = |row: &&BarrierRow| {
            row.kind == BarrierKind::Full
                && row.baseline == Some(Baseline::Linear)
                && row.alpha != Some(0.5)
                && row.base.contains("<-")
        };
        let found: Vec<BarrierRow> =
            rows(&mut *trainer, &a, [&a, &b]).iter().filter(linear).cloned().collect();
        assert_eq!(found.len(), 2 * 2 * 2);
        found.iter().for_each(|row| assert_eq!(row.value, Some(0.0), "{row:?}"));
        let mut between_equals = rows(&mut *trainer, &a, [&a, &a]);
        between_equals.retain(|row| row.baseline.is_some());
        assert!(between_equals.len() >= 60);
        between_equals.iter().for_each(|row| assert_eq!(row.value, Some(0.0), "{row:?}"));
    }
}

#[test]
fn a_mix_is_the_same_from_both_sides_in_every_network() {
    for model in every_kind() {
        let (plan, [a, b], mut trainer) = trained(model, Loss::CrossEntropy);
        let all: Vec<usize> = (0..plan.layout.layers().len()).collect();
        for alpha in [0.25, 0.5] {
            let into_first = mixed(&mut *trainer, [&a, &b], &all, alpha);
            assert_eq!(into_first, mixed(&mut *trainer, [&b, &a], &all, 1.0 - alpha));
        }
    }
}

#[test]
fn a_twin_goes_as_far_as_its_mix() {
    for model in every_kind() {
        let (plan, [a, b], _) = trained(model, Loss::CrossEntropy);
        let layers = plan.layout.layers().len();
        for set in [vec![0], vec![layers - 1], (0..layers).collect()] {
            let set = LayerSet::new(plan.layout.clone(), set);
            for weight in [0.25, 0.5, 1.0] {
                let mix = Mix { base: a.clone(), other: b.clone(), set: set.clone(), weight };
                let expected = weight * distance(&a, &b, set.ranges());
                let found = distance(&mix.twin(Seed::new(7)), &a, set.ranges());
                // The twin is rounded to f32 at the magnitude of the base's values.
                assert!((found - expected).abs() < 1e-6 * expected, "{set}: {found}, {expected}");
            }
        }
    }
}
