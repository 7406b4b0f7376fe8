//! Exact claims about barriers (SCIENCE §5), through libtorch.

use std::sync::Arc;

use fedlayer_core::{
    Examples, FederatedData, LayerSet, Mix, Params, Plan, Point, Probe, Split, Trainer, spec::*,
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
    let data = data(6, 3, &[24, 15], 200);
    let local = LocalSpec { loss, epochs: Some(15), ..local(momentum(0.02)) };
    let plan = plan(model, &data, local);
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    let updates = train(&mut trainer, &[job(0, &start), job(1, &start)]);
    (plan, [0, 1].map(|client: usize| updates[client].params.clone()), Box::new(trainer))
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
