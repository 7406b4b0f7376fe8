//! The clients' updates layer by layer: norms and cosines.

use fedlayer_core::{
    model::{Layout, Params, Role},
    record::LayerMovement,
    round::{Moved, layer_movements},
};
use proptest::prelude::*;

use crate::support::{layout, near, params};

fn measure(clients: &[(f64, &Params, &Params)]) -> Vec<LayerMovement> {
    let clients = clients.iter().map(|&(weight, start, end)| Moved { weight, start, end });
    layer_movements(&clients.collect::<Vec<_>>())
}

/// Layer `a`: updates (3, 4) and (−3, 4), each of norm 5; the mean is (0, 4) and the cosines are
/// 16 / 20. Layer `b`: updates 1 and 0.
#[test]
fn two_clients_of_equal_weight_are_measured_by_hand() {
    let layout = layout(&[("a", 2), ("b", 1)]);
    let start = params(&layout, &[1.0, -1.0, 2.0]);
    let ends = [params(&layout, &[4.0, 3.0, 3.0]), params(&layout, &[-2.0, 3.0, 2.0])];
    let [a, b] = &measure(&[(7.0, &start, &ends[0]), (7.0, &start, &ends[1])])[..] else {
        panic!("two layers")
    };
    assert_eq!((a.layer.as_str(), a.mean_update_norm, a.update_norm), ("a", 4.0, 5.0));
    near(a.cosine.unwrap(), 0.8, 1e-15, "cosine");
    assert_eq!((b.mean_update_norm, b.update_norm), (0.5, 0.5));
    assert_eq!(b.cosine, Some(1.0), "the client that did not move has no direction");
}

/// Updates 4 and −1 from different starts at weights 1 and 3: the mean is 1/4, the mean norm 7/4,
/// the cosines are 1 and −1, and their mean is −1/2.
#[test]
fn clients_count_by_their_weight_and_from_their_own_start() {
    let layout = layout(&[("a", 1)]);
    let model = |value: f32| params(&layout, &[value]);
    let found = &measure(&[(1.0, &model(1.0), &model(5.0)), (3.0, &model(-1.0), &model(-2.0))])[0];
    assert_eq!((found.mean_update_norm, found.update_norm), (0.25, 1.75));
    assert_eq!(found.cosine, Some(-0.5));
}

#[test]
fn updates_that_cancel_have_no_cosine() {
    let layout = layout(&[("a", 1)]);
    let model = |value: f32| params(&layout, &[value]);
    let found = &measure(&[(1.0, &model(0.0), &model(2.0)), (1.0, &model(0.0), &model(-2.0))])[0];
    assert_eq!((found.mean_update_norm, found.update_norm, found.cosine), (0.0, 2.0, None));
    assert!(measure(&[]).is_empty());
}

/// Every value moves by 1 or by −1 with the same sign in all clients: ‖Δ‖² is the number of values.
#[test]
fn a_layer_of_many_values_is_measured_whole() {
    let layout = layout(&[("a", 5000), ("b", 2049)]);
    let start = params(&layout, &vec![1.0; 7049]);
    let signs: Vec<f32> = (0..7049).map(|i| if i % 3 == 0 { 2.0 } else { 0.0 }).collect();
    let end = params(&layout, &signs);
    let found = measure(&[(1.0, &start, &end), (2.0, &start, &end)]);
    for (layer, values) in found.iter().zip([5000.0_f64, 2049.0]) {
        near(layer.mean_update_norm, values.sqrt(), 1e-12, "norm of the mean");
        near(layer.update_norm, values.sqrt(), 1e-12, "norm");
        near(layer.cosine.unwrap(), 1.0, 1e-12, "cosine");
    }
}

#[test]
fn running_statistics_do_not_count() {
    let tensors =
        [("n.weight", vec![1], Role::Trained), ("n.running_mean", vec![1], Role::Statistic)];
    let layout = std::sync::Arc::new(Layout::with_roles(tensors).unwrap());
    let (start, end) = (params(&layout, &[0.0, 0.0]), params(&layout, &[3.0, 4.0]));
    assert_eq!(measure(&[(1.0, &start, &end)])[0].update_norm, 3.0);
}

proptest! {
    #[test]
    fn equal_updates_agree_and_the_mean_is_never_longer_than_the_updates(
        models in prop::collection::vec((1_u32..50, prop::collection::vec(-10_f32..10.0, 5)), 1..6),
    ) {
        let layout = layout(&[("a", 2), ("b", 3)]);
        let start = params(&layout, &[0.0; 5]);
        let ends: Vec<_> = models.iter().map(|(_, values)| params(&layout, values)).collect();
        let clients: Vec<(f64, &Params, &Params)> =
            models.iter().zip(&ends).map(|((n, _), end)| (f64::from(*n), &*start, &**end)).collect();
        for layer in measure(&clients) {
            prop_assert!(layer.mean_update_norm <= layer.update_norm * (1.0 + 1e-12));
            prop_assert!(layer.cosine.is_none_or(|cosine| cosine.abs() <= 1.0 + 1e-12));
        }
        let same: Vec<_> = clients.iter().map(|&(weight, start, _)| (weight, start, &*ends[0])).collect();
        for layer in measure(&same) {
            near(layer.mean_update_norm, layer.update_norm, 1e-12, "norms");
            near(layer.cosine.unwrap_or(1.0), 1.0, 1e-12, "cosine");
        }
    }
}
