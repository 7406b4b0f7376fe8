//! Alignment by weight matching: which units may be permuted, that an exact copy is found again,
//! and that no step lowers the objective.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_analysis::matching::{AlignError, Alignment, Permutation, Symmetry, align};
use fedlayer_core::{
    Seed,
    data::DataFacts,
    model::{Params, Role, architecture::Architecture},
    spec::*,
};
use proptest::prelude::*;
use rand::RngExt;

fn symmetry(model: &ModelSpec, shape: &[usize], targets: usize) -> Symmetry {
    let data = DataFacts { shape: shape.to_vec(), classes: 10, targets, pool: 1, test: 1 };
    Symmetry::of(&Architecture::new(model, &data).unwrap()).unwrap()
}

/// Writes one line per group: its name, its number of units, and its axes as `tensor@axis`, with
/// the positions of a unit if there are several.
fn shown(symmetry: &Symmetry) -> String {
    let mut text = String::new();
    for group in symmetry.groups() {
        text += &format!("{} {}:", group.name, group.units);
        for axis in &group.axes {
            let places =
                if axis.positions > 1 { format!("/{}", axis.positions) } else { String::new() };
            text += &format!(" {}@{}{places}", axis.tensor.name, axis.axis);
        }
        text += "\n";
    }
    text
}

/// Returns the names of the groups and their numbers of units.
fn units(symmetry: &Symmetry) -> Vec<(&str, usize)> {
    symmetry.groups().iter().map(|group| (group.name.as_str(), group.units)).collect()
}

#[track_caller]
fn check(model: &ModelSpec, shape: &[usize], expected: &[&str]) {
    assert_eq!(shown(&symmetry(model, shape, 1)), expected.join("\n") + "\n");
}

fn mlp(hidden: &[u32]) -> ModelSpec {
    ModelSpec::Mlp(MlpForm::Hidden(hidden.to_vec()))
}

fn conv(out: u32) -> ConvSpec {
    ConvSpec { out_channels: out, kernel: 3, stride: 1, padding: 1, bias: false, name: None }
}

fn linear(out: u32) -> LayerSpec {
    LayerSpec::Linear(LinearSpec { out_features: out, bias: true, name: None })
}

fn norm(kind: NormKind, groups: Option<u32>) -> NormSpec {
    NormSpec { kind, groups, name: None }
}

fn layers(layers: &[LayerSpec]) -> ModelSpec {
    ModelSpec::Layers([layers, &[LayerSpec::Flatten, linear(10)]].concat())
}

fn resnet_18(norm: NormKind) -> ModelSpec {
    ModelSpec::Resnet18(Residual { norm, groups: None })
}

fn resnet_20(norm: NormKind) -> ModelSpec {
    ModelSpec::Resnet20(Residual { norm, groups: None })
}

fn gpt(tied: bool) -> ModelSpec {
    ModelSpec::Gpt(Gpt { depth: 2, width: 12, heads: 2, dropout: 0.0, tied })
}

#[test]
fn hidden_layers_may_be_reordered_and_inputs_and_outputs_not() {
    check(
        &mlp(&[8, 5]),
        &[1, 2, 3],
        &[
            "fc1 8: fc1.weight@0 fc1.bias@0 fc2.weight@1",
            "fc2 5: fc2.weight@0 fc2.bias@0 out.weight@1",
        ],
    );
    assert_eq!(shown(&symmetry(&ModelSpec::Linear, &[6], 1)), "");
    assert_eq!(units(&symmetry(&ModelSpec::DeepLinear(vec![4]), &[6], 1)), [("fc1", 4)]);
}

#[test]
fn a_channel_covers_its_positions_after_a_flattening() {
    check(
        &ModelSpec::Lenet5,
        &[1, 28, 28],
        &[
            "conv1 6: conv1.weight@0 conv1.bias@0 conv2.weight@1",
            "conv2 16: conv2.weight@0 conv2.bias@0 fc1.weight@1/25",
            "fc1 120: fc1.weight@0 fc1.bias@0 fc2.weight@1",
            "fc2 84: fc2.weight@0 fc2.bias@0 fc3.weight@1",
        ],
    );
    let batch = LayerSpec::Norm(norm(NormKind::Batch, None));
    check(
        &layers(&[LayerSpec::Conv(conv(6)), LayerSpec::Flatten, batch]),
        &[1, 2, 2],
        &[
            "conv1 6: conv1.weight@0 norm1.weight@0/4 norm1.bias@0/4 norm1.running_mean@0/4 norm1.running_var@0/4 fc1.weight@1/4",
        ],
    );
}

#[test]
fn a_residual_stream_is_one_group() {
    let body = [Block::Conv(conv(6)), Block::Relu, Block::Conv(conv(6))];
    let wider = [Block::Conv(conv(9)), Block::Norm(norm(NormKind::Batch, None))];
    let model = layers(&[
        LayerSpec::Conv(conv(6)),
        LayerSpec::Residual(body.to_vec()),
        LayerSpec::Residual(wider.to_vec()),
        LayerSpec::GlobalPool,
    ]);
    check(
        &model,
        &[1, 4, 4],
        &[
            "conv1 6: conv1.weight@0 conv2.weight@1 conv3.weight@0 conv4.weight@1 shortcut2.weight@1",
            "conv2 6: conv2.weight@0 conv3.weight@1",
            "conv4 9: conv4.weight@0 norm1.weight@0 norm1.bias@0 norm1.running_mean@0 norm1.running_var@0 shortcut2.weight@0 fc1.weight@1",
        ],
    );
}

#[test]
fn named_residual_networks_have_the_groups_of_their_shortcuts() {
    let convolution = [
        ("conv1", 64),
        ("layer1.0.conv1", 64),
        ("layer1.1.conv1", 64),
        ("layer2.0.conv1", 128),
        ("layer2.0.conv2", 128),
        ("layer2.1.conv1", 128),
        ("layer3.0.conv1", 256),
        ("layer3.0.conv2", 256),
        ("layer3.1.conv1", 256),
        ("layer4.0.conv1", 512),
        ("layer4.0.conv2", 512),
        ("layer4.1.conv1", 512),
    ];
    assert_eq!(units(&symmetry(&resnet_18(NormKind::Batch), &[3, 8, 8], 1)), convolution);
    // The zero padding of the missing channels fixes the stream; the units inside the nine blocks
    // are free.
    let padded = symmetry(&resnet_20(NormKind::None), &[3, 8, 8], 1);
    let inside = units(&padded);
    assert_eq!(inside.len(), 9);
    assert!(inside.iter().all(|(name, _)| name.ends_with(".conv1")), "{inside:?}");
}

#[test]
fn a_group_normalisation_ties_its_channels_unless_its_groups_are_trivial() {
    for (groups, free) in
        [(Some(3), vec![]), (None, vec![("conv1", 6)]), (Some(6), vec![("conv1", 6)])]
    {
        let behind = LayerSpec::Norm(norm(NormKind::Group, groups));
        let model = layers(&[LayerSpec::Conv(conv(6)), behind]);
        assert_eq!(units(&symmetry(&model, &[1, 4, 4], 1)), free, "{groups:?}");
    }
    assert_eq!(units(&symmetry(&resnet_18(NormKind::Group), &[3, 8, 8], 1)), []);
}

#[test]
fn a_transformer_has_its_stream_and_its_perceptrons() {
    let of = |tied| symmetry(&gpt(tied), &[7], 7);
    let groups = [
        ("transformer.wte", 12),
        ("transformer.h.0.mlp.c_fc", 48),
        ("transformer.h.1.mlp.c_fc", 48),
    ];
    assert_eq!(units(&of(true)), groups);
    assert_eq!(units(&of(false)), groups);
    let stream = |symmetry: &Symmetry| -> BTreeSet<String> {
        let axes = symmetry.groups()[0].axes.iter();
        axes.map(|axis| format!("{}@{}", axis.tensor.name, axis.axis)).collect()
    };
    let extra: Vec<String> = stream(&of(false)).difference(&stream(&of(true))).cloned().collect();
    assert_eq!(extra, ["lm_head.weight@1"]);
    assert!(stream(&of(true)).contains("transformer.h.1.attn.c_attn.weight@1"));
    assert!(!stream(&of(true)).contains("transformer.h.1.attn.c_attn.bias@0"));
}

/// Draws every value, including biases, scales and statistics.
fn random(symmetry: &Symmetry, seed: u64) -> Params {
    let mut generator = Seed::new(seed).child("weights").generator();
    let layout = symmetry.layout().clone();
    let values = (0..layout.value_count()).map(|_| generator.random::<f32>() - 0.5).collect();
    Params::new(layout, values).unwrap()
}

fn aligned(symmetry: &Symmetry, fixed: &Params, moved: &Params) -> Alignment {
    align(symmetry, fixed, moved, Seed::new(5)).unwrap()
}

#[track_caller]
fn assert_found_again(model: &ModelSpec, shape: &[usize], targets: usize) {
    let symmetry = symmetry(model, shape, targets);
    let original = random(&symmetry, 1);
    for seed in 0..4 {
        let orders = symmetry.random(Seed::new(seed));
        let copy = symmetry.permuted(&original, &orders).unwrap();
        assert_ne!(copy, original);
        let found = aligned(&symmetry, &original, &copy);
        assert!(found.params == original, "{model:?}: the copy was not found again");
        let undone: Vec<Permutation> = orders.iter().map(Permutation::inverse).collect();
        assert_eq!(found.permutations, undone);
        assert!(found.after > found.before && found.passes > 0);
        assert!(found.distances.iter().any(|layer| layer.before > 0.0));
        assert!(found.distances.iter().all(|layer| layer.after == 0.0));
    }
}

#[test]
fn a_copy_in_another_order_is_found_again_bit_for_bit() {
    let body = [Block::Conv(conv(8)), Block::Norm(norm(NormKind::Batch, None)), Block::Relu];
    let wider = [Block::Conv(conv(12)), Block::Relu, Block::Conv(conv(12))];
    let residual = layers(&[
        LayerSpec::Conv(conv(8)),
        LayerSpec::Residual(body.to_vec()),
        LayerSpec::Residual(wider.to_vec()),
    ]);
    assert_found_again(&mlp(&[16, 12, 9]), &[6], 1);
    assert_found_again(&ModelSpec::DeepLinear(vec![7, 7]), &[6], 1);
    assert_found_again(&ModelSpec::Lenet5, &[1, 28, 28], 1);
    assert_found_again(&residual, &[3, 4, 4], 1);
    assert_found_again(&resnet_20(NormKind::Batch), &[3, 8, 8], 1);
    assert_found_again(&gpt(true), &[7], 7);
}

#[test]
fn a_copy_is_found_again_where_descent_alone_is_lost() {
    let symmetry = symmetry(&mlp(&[16, 16, 16]), &[6], 1);
    let mut original = random(&symmetry, 1);
    // Each group acts on a layer with another permuted group, and the weights of this layer
    // dominate the weights that distinguish the units.
    for layer in
        symmetry.layout().layers().iter().filter(|l| ["fc2", "fc3"].contains(&l.name.as_str()))
    {
        original.values_mut()[layer.range.clone()].iter_mut().for_each(|value| *value *= 30.0);
    }
    for seed in 0..4 {
        let copy = symmetry.permuted(&original, &symmetry.random(Seed::new(seed))).unwrap();
        assert!(aligned(&symmetry, &original, &copy).params == original, "seed {seed}");
    }
}

#[test]
fn equal_models_stay_as_they_are() {
    let symmetry = symmetry(&ModelSpec::Lenet5, &[1, 28, 28], 1);
    let model = random(&symmetry, 1);
    let found = aligned(&symmetry, &model, &model);
    assert!(found.permutations.iter().all(Permutation::is_identity));
    assert_eq!((found.passes, found.before), (1, found.after));
    // If all units are equal, many permutations are best: the identity is kept.
    let zeros = Params::zeros(symmetry.layout().clone());
    assert!(aligned(&symmetry, &zeros, &model).permutations.iter().all(Permutation::is_identity));
}

#[test]
fn the_same_seed_gives_the_same_order() {
    let symmetry = symmetry(&mlp(&[12, 12, 12]), &[6], 1);
    let (a, b) = (random(&symmetry, 1), random(&symmetry, 2));
    assert_eq!(aligned(&symmetry, &a, &b), aligned(&symmetry, &a, &b));
    let others = (0..8).map(|seed| align(&symmetry, &a, &b, Seed::new(seed)).unwrap().after);
    let ends: BTreeSet<u64> = others.map(f64::to_bits).collect();
    assert!(ends.len() > 1, "the search has several local optima, and the seed chooses");
}

/// Computes ⟨a, b⟩ over the trained values.
fn inner(a: &Params, b: &Params) -> f64 {
    let tensors = a.layout().tensors().filter(|tensor| tensor.role == Role::Trained);
    let pairs =
        tensors.flat_map(|tensor| a.range(&tensor.range).iter().zip(b.range(&tensor.range)));
    pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Lists all permutations of this number of units.
fn orders(units: usize) -> Vec<Vec<usize>> {
    if units == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(units - 1);
    let longer = shorter.iter().flat_map(|order| {
        (0..units).map(move |at| {
            let mut order = order.clone();
            order.insert(at, units - 1);
            order
        })
    });
    longer.collect()
}

#[test]
fn of_one_group_the_best_of_all_orders_is_found() {
    let symmetry = symmetry(&mlp(&[5]), &[3], 1);
    for seed in 0..10 {
        let (a, b) = (random(&symmetry, seed), random(&symmetry, 100 + seed));
        let values = orders(5).into_iter().map(|order| {
            let order = Permutation::new(order).unwrap();
            inner(&a, &symmetry.permuted(&b, &[order]).unwrap())
        });
        let best = values.reduce(f64::max).unwrap();
        assert!((aligned(&symmetry, &a, &b).after - best).abs() < 1e-9);
    }
}

#[test]
fn statistics_move_with_their_channels_and_do_not_choose_the_order() {
    let behind = LayerSpec::Norm(norm(NormKind::Batch, None));
    let symmetry = symmetry(&layers(&[LayerSpec::Conv(conv(6)), behind]), &[1, 4, 4], 1);
    let (a, b) = (random(&symmetry, 1), random(&symmetry, 2));
    let mut other = a.clone();
    for tensor in a.layout().statistics() {
        other.values_mut()[tensor.range.clone()].iter_mut().for_each(|value| *value *= -100.0);
    }
    let (found, same) = (aligned(&symmetry, &a, &b), aligned(&symmetry, &other, &b));
    assert_eq!(found.permutations, same.permutations);
    assert_eq!(found.distances, same.distances, "distances are over trained values");
    let order = &found.permutations[0];
    assert!(!order.is_identity());
    let mean = b.layout().statistics().next().unwrap().range.clone();
    let moved: Vec<f32> = order.sources().iter().map(|&source| b.range(&mean)[source]).collect();
    assert_eq!(found.params.range(&mean), moved);
}

#[test]
fn a_model_of_other_layers_is_refused() {
    let own = symmetry(&mlp(&[8, 5]), &[6], 1);
    let model = random(&own, 1);
    let refused = |fixed: &Params, moved: &Params| {
        align(&own, fixed, moved, Seed::new(1)).unwrap_err().to_string()
    };
    let wider = random(&symmetry(&mlp(&[8, 6]), &[6], 1), 1);
    assert_eq!(
        refused(&model, &wider),
        "the moved model has `fc2.weight` of shape [6, 8] where the network has `fc2.weight` of shape [5, 8]; align models of this network"
    );
    let shorter = Params::zeros(Arc::new(
        fedlayer_core::model::Layout::new([("fc1.weight", vec![8, 6]), ("fc1.bias", vec![8])])
            .unwrap(),
    ));
    assert_eq!(
        refused(&shorter, &model),
        "the fixed model has no further tensor where the network has `fc2.weight` of shape [5, 8]; align models of this network"
    );
    let mut broken = model.clone();
    broken.values_mut()[50] = f32::NAN;
    assert_eq!(
        refused(&model, &broken),
        "the moved model: layer `fc1` holds NaN (tensor `fc1.bias`, element 2); every parameter must be finite"
    );
}

#[test]
fn orders_that_do_not_fit_are_refused() {
    let symmetry = symmetry(&mlp(&[8, 5]), &[6], 1);
    let model = random(&symmetry, 1);
    let refused =
        |orders: &[Permutation]| -> AlignError { symmetry.permuted(&model, orders).unwrap_err() };
    assert_eq!(
        refused(&[Permutation::identity(8)]).to_string(),
        "found 1 permutations for the network's 2 groups of units; give one for each"
    );
    assert_eq!(
        refused(&[Permutation::identity(8), Permutation::identity(8)]).to_string(),
        "found a permutation of 8 units for the group of `fc2`, which has 5"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_alignment_goes_back(
        hidden in prop::collection::vec(1u32..9, 1..4),
        residual in any::<bool>(),
        seed in 0u64..1000,
        nearness in 0.0f32..1.0,
    ) {
        let model = if residual {
            // The convolution of the body reads and writes the stream: one group acts on two axes
            // of its tensor.
            layers(&[LayerSpec::Conv(conv(hidden[0])), LayerSpec::Residual(vec![Block::Conv(conv(hidden[0]))])])
        } else {
            mlp(&hidden)
        };
        let symmetry = symmetry(&model, &[1, 2, 2], 1);
        let (a, mut b) = (random(&symmetry, seed), random(&symmetry, seed + 1000));
        for (b, a) in b.values_mut().iter_mut().zip(a.values()) {
            *b += nearness * (a - *b);
        }
        let found = align(&symmetry, &a, &b, Seed::new(seed)).unwrap();
        prop_assert!(found.after >= found.before);
        prop_assert!((found.before - inner(&a, &b)).abs() <= 1e-12 * found.before.abs().max(1.0));
        prop_assert!((found.after - inner(&a, &found.params)).abs() <= 1e-12 * found.after.abs().max(1.0));
        prop_assert_eq!(&found.params, &symmetry.permuted(&b, &found.permutations).unwrap());
        // ‖a − π(b)‖² = ‖a‖² + ‖b‖² − 2⟨a, π(b)⟩
        let square = |of: fn(&fedlayer_analysis::matching::LayerDistance) -> f64| -> f64 {
            found.distances.iter().map(|layer| of(layer).powi(2)).sum()
        };
        let gain = square(|layer| layer.before) - square(|layer| layer.after);
        prop_assert!((gain - 2.0 * (found.after - found.before)).abs() < 1e-4);
        // At the end, no step is left.
        let again = align(&symmetry, &a, &found.params, Seed::new(seed)).unwrap();
        prop_assert!(again.permutations.iter().all(Permutation::is_identity));
    }
}
