//! A network with permuted units is the same function, also after it was aligned with another one.

use std::sync::Arc;

use fedlayer_analysis::matching::{Permutation, Symmetry, align};
use fedlayer_core::{
    Seed,
    data::{Examples, FederatedData, Split},
    model::{Params, Role, architecture::Architecture},
    spec::*,
    trainer::Trainer,
};
use fedlayer_torch::TorchTrainer;
use rand::RngExt;

use crate::setup::*;

/// One client with a few random examples, and as many test examples. A text has a label per token.
fn examples(shape: &[usize], texts: bool) -> Arc<FederatedData> {
    let mut generator = Seed::new(4).child("examples").generator();
    let (count, classes) = (6, 10);
    let targets = if texts { shape[0] } else { 1 };
    let values = (0..count * shape.iter().product::<usize>()).map(|_| {
        let value: f32 = generator.random();
        if texts { (value * 10.0).floor() } else { 2.0 * value - 1.0 }
    });
    let values: Vec<f32> = values.collect();
    let labels = (0..count * targets).map(|at| (at * 7 % classes) as u32).collect();
    let plain = Examples::new(shape.to_vec(), classes, values, labels);
    let examples = Arc::new(Examples { targets, ..plain });
    Arc::new(FederatedData::new(examples.clone(), examples, [((0..4).collect(), vec![4, 5])]))
}

/// An initial model with changed biases, scales and running statistics, so that each of them
/// matters.
fn model(trainer: &mut TorchTrainer, seed: u64) -> Arc<Params> {
    let mut params = trainer.initial(Seed::new(seed)).unwrap();
    let mut generator = Seed::new(seed).child("shift").generator();
    for tensor in params.layout().clone().tensors() {
        let shift = if tensor.shape.len() > 1 { 0.0 } else { 0.3 };
        for value in &mut params.values_mut()[tensor.range.clone()] {
            *value += shift * (generator.random::<f32>() - 0.5);
        }
    }
    Arc::new(params)
}

fn losses(trainer: &mut TorchTrainer, params: Params) -> Vec<f32> {
    trainer.evaluate(&[probe(&Arc::new(params), Split::Test)]).unwrap().remove(0).losses
}

/// Larger networks are permuted, but not aligned: the search is slow without the release profile.
const SMALL: usize = 1_000_000;

#[track_caller]
fn check(model_spec: ModelSpec, shape: &[usize]) {
    let data = examples(shape, matches!(model_spec, ModelSpec::Gpt(_)));
    let symmetry = Symmetry::of(&Architecture::new(&model_spec, &data.facts()).unwrap()).unwrap();
    let plan = plan(model_spec.clone(), &data, local(sgd(0.1)));
    let mut trainer = trainer(&plan, &data);
    let (fixed, moved) = (model(&mut trainer, 1), model(&mut trainer, 2));
    let before = losses(&mut trainer, (*moved).clone());
    assert!(before.iter().all(|loss| loss.is_finite()));

    let orders = symmetry.random(Seed::new(3));
    let shuffled = symmetry.permuted(&moved, &orders).unwrap();
    assert_ne!(shuffled, *moved);
    let what = format!("{model_spec:?} in a random order");
    assert_near(&losses(&mut trainer, shuffled), &before, 1e-5, &what);

    if moved.values().len() > SMALL {
        return;
    }
    let aligned = align(&symmetry, &fixed, &moved, Seed::new(4)).unwrap();
    assert!(aligned.after > aligned.before);
    let what = format!("{model_spec:?} aligned");
    assert_near(&losses(&mut trainer, aligned.params), &before, 1e-5, &what);

    // If only one tensor of a group were permuted, the function would change.
    for (index, group) in symmetry.groups().iter().enumerate() {
        let alone: Vec<Permutation> =
            symmetry
                .groups()
                .iter()
                .enumerate()
                .map(|(at, group)| {
                    if at == index {
                        orders[at].clone()
                    } else {
                        Permutation::identity(group.units)
                    }
                })
                .collect();
        let mut params = symmetry.permuted(&moved, &alone).unwrap();
        let first = group.axes.iter().find(|axis| axis.tensor.role == Role::Trained).unwrap();
        params.values_mut()[first.tensor.range.clone()]
            .copy_from_slice(moved.range(&first.tensor.range));
        let found = losses(&mut trainer, params);
        let off = found.iter().zip(&before).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off > 1e-4, "{model_spec:?}: the test does not see the group of `{}`", group.name);
    }
}

fn residual(norm: NormKind) -> Residual {
    Residual { norm, groups: None }
}

#[test]
fn fully_connected_networks_stay_the_same_function() {
    check(mlp(&[16, 12]), &[6]);
    check(ModelSpec::DeepLinear(vec![9, 9]), &[6]);
}

#[test]
fn convolutions_that_are_flattened_stay_the_same_function() {
    check(ModelSpec::Lenet5, &[1, 28, 28]);
    check(ModelSpec::PflCnn, &[3, 12, 12]);
    check(ModelSpec::Vgg11(Vgg { hidden: 32, pool: 2, dropout: 0.5 }), &[3, 32, 32]);
}

#[test]
fn residual_networks_stay_the_same_function() {
    for norm in [NormKind::None, NormKind::Batch] {
        check(ModelSpec::Resnet20(residual(norm)), &[3, 8, 8]);
        check(ModelSpec::Resnet18(residual(norm)), &[3, 8, 8]);
    }
}

#[test]
fn a_transformer_stays_the_same_function() {
    for tied in [true, false] {
        check(ModelSpec::Gpt(Gpt { depth: 2, width: 12, heads: 2, dropout: 0.0, tied }), &[7]);
    }
}
