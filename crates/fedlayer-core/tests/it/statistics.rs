//! Running statistics in layer sets and in a federation: averaged with their layer, or each
//! client's own (SiloBN, Andreux et al. 2020).

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use fedlayer_core::{
    Seed,
    data::ClientId,
    model::{LayerSet, Layout, Ownership, Params, Role, TensorSpec},
    round::Federation,
    spec::{Statistics, Weighting},
};
use proptest::prelude::*;
use rand::RngExt;

use crate::support::{bits, update};

/// Layers with a few small tensors; each tensor is trained or a statistic.
fn any_layout() -> impl Strategy<Value = Layout> {
    let role = prop_oneof![Just(Role::Trained), Just(Role::Statistic)];
    let layer = prop::collection::vec((1_usize..4, role), 1..4);
    prop::collection::vec(layer, 1..6).prop_map(|layers| {
        let tensors = layers.into_iter().enumerate().flat_map(|(at, tensors)| {
            let named = tensors.into_iter().enumerate();
            named.map(move |(t, (len, role))| (format!("layer{at}.t{t}"), vec![len], role))
        });
        Layout::with_roles(tensors).unwrap()
    })
}

fn any_ownership() -> impl Strategy<Value = Ownership> {
    prop_oneof![Just(Ownership::Layer), Just(Ownership::Model)]
}

/// Returns the set of the layers with a set bit.
fn chosen(layout: &Arc<Layout>, bits: u8) -> LayerSet {
    LayerSet::new(layout.clone(), (0..8).filter(|layer| bits >> layer & 1 == 1))
}

/// Returns for each value if one of the ranges holds it.
fn held<'a>(ranges: impl IntoIterator<Item = &'a Range<usize>>, count: usize) -> Vec<bool> {
    let mut held = vec![false; count];
    for range in ranges {
        assert!(!range.is_empty());
        for value in range.clone() {
            assert!(!std::mem::replace(&mut held[value], true), "value {value} is held twice");
        }
    }
    held
}

proptest! {
    #[test]
    fn a_set_and_its_rest_share_out_every_value(
        layout in any_layout(),
        ownership in any_ownership(),
        members in any::<u8>(),
    ) {
        let layout = Arc::new(layout.with_ownership(ownership));
        let set = chosen(&layout, members);
        let (inside, rest) = (set.ranges(), set.rest());
        let (held_inside, held_outside) = (held(inside, layout.value_count()), held(&rest, layout.value_count()));
        let tensors: Vec<Range<usize>> = set.rest_tensors().map(|t| t.range.clone()).collect();
        prop_assert_eq!(&held(&tensors, layout.value_count()), &held_outside);
        for (at, layer) in layout.layers().iter().enumerate() {
            for TensorSpec { name, range, role, .. } in &layer.tensors {
                let moves = set.contains(at) && (*role == Role::Trained || ownership == Ownership::Layer);
                for value in range.clone() {
                    prop_assert_eq!(held_inside[value], moves, "{} value {}", name, value);
                    prop_assert_eq!(held_outside[value], !moves, "{} value {}", name, value);
                }
            }
        }
        let moving = held_inside.iter().filter(|&&inside| inside).count();
        prop_assert_eq!(set.bytes(), 4 * moving as u64);
        // Trained values are measured, whoever owns the statistics.
        let held_trained = held(set.trained(), layout.value_count());
        prop_assert_eq!(set.parameters(), held_trained.iter().filter(|&&trained| trained).count());
        for (at, layer) in layout.layers().iter().enumerate() {
            for tensor in &layer.tensors {
                let trained = set.contains(at) && tensor.is_trained();
                prop_assert!(tensor.range.clone().all(|value| held_trained[value] == trained));
            }
        }
        let every = moving == layout.value_count();
        prop_assert_eq!(set.holds_every_value(), every);
        // Adjacent ranges are merged.
        for ranges in [inside, &rest] {
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "{:?}", ranges);
        }
    }

    #[test]
    fn statistics_of_the_model_are_in_no_set_and_everything_else_is_in_one_of_two_halves(
        layout in any_layout(),
        members in any::<u8>(),
    ) {
        let layout = Arc::new(layout.with_ownership(Ownership::Model));
        let set = chosen(&layout, members);
        let sets = [&set, &set.complement(), &LayerSet::all(&layout), &LayerSet::none(&layout)];
        for statistic in layout.statistics() {
            for set in sets {
                let touched = |range: &Range<usize>| {
                    range.start < statistic.range.end && statistic.range.start < range.end
                };
                prop_assert!(!set.ranges().iter().any(touched), "{set:?} holds {}", statistic.name);
            }
        }
        let statistics: usize = layout.statistics().map(|tensor| tensor.range.len()).sum();
        prop_assert_eq!(set.parameters() + set.complement().parameters() + statistics, layout.value_count());
    }

    /// The model of a client is its last trained one, overlaid with every later average.
    #[test]
    fn a_clients_model_is_its_own_with_every_average_laid_over(
        layout in any_layout(),
        ownership in any_ownership(),
        rounds in prop::collection::vec((any::<u8>(), 1_u8..16), 1..6),
        seed in any::<u64>(),
    ) {
        let layout = Arc::new(layout.with_ownership(ownership));
        let mut generator = Seed::new(seed).generator();
        let mut random = || -> Vec<f32> {
            (0..layout.value_count()).map(|_| generator.random::<f32>() - 0.5).collect()
        };
        let initial = Arc::new(Params::new(layout.clone(), random()).unwrap());
        let mut federation = Federation::new(initial.clone());
        let mut expected = vec![initial.values().to_vec(); 5]; // of clients 0 to 4; the last never takes part
        for (round, (members, cohort)) in rounds.into_iter().enumerate() {
            let set = chosen(&layout, members);
            let cohort: Vec<usize> = (0..4).filter(|client| cohort >> client & 1 == 1).collect();
            let updates: Vec<_> = cohort
                .iter()
                .map(|&client| {
                    expected[client] = random();
                    let params = Params::new(layout.clone(), expected[client].clone()).unwrap();
                    update(client as u32, &Arc::new(params), 1)
                })
                .collect();
            federation.commit(round as u32 + 1, &set, Weighting::Equal, &updates).unwrap();
            for value in set.ranges().iter().cloned().flatten() {
                let sum: f64 = cohort.iter().map(|&client| f64::from(expected[client][value])).sum();
                let mean = (sum / cohort.len() as f64) as f32;
                expected.iter_mut().for_each(|model| model[value] = mean);
            }
            for (client, expected) in expected.iter().enumerate() {
                let model = federation.model(ClientId(client as u32));
                for TensorSpec { name, range, role, .. } in layout.tensors() {
                    let own = *role == Role::Statistic && ownership == Ownership::Model;
                    // The weights 1/n are rounded, so a mean may be off in its last bits; the
                    // client's own values are exact.
                    let tolerance = if own { 0.0 } else { 1e-6 };
                    for (&found, &expected) in model.range(range).iter().zip(&expected[range.clone()]) {
                        let near = (found - expected).abs() <= tolerance;
                        prop_assert!(near, "client {client}, `{name}`: {found}, expected {expected}");
                    }
                }
            }
        }
    }
}

/// A convolution, its normalisation and a head, with the owner of the statistics that the policy
/// gives.
fn normalised(statistics: Statistics) -> Arc<Layout> {
    let layout = Layout::with_roles([
        ("conv.weight", vec![2], Role::Trained),
        ("norm.weight", vec![2], Role::Trained),
        ("norm.bias", vec![2], Role::Trained),
        ("norm.running_mean", vec![2], Role::Statistic),
        ("norm.running_var", vec![2], Role::Statistic),
        ("norm.num_batches_tracked", vec![], Role::Statistic),
        ("fc.weight", vec![3], Role::Trained),
    ]);
    Arc::new(layout.unwrap().with_ownership(statistics.ownership()))
}

/// The range of the statistics.
const STATISTICS: Range<usize> = 6..11;

/// Averages all layers in three rounds. Client 2 misses two of them and client 3 all; client c
/// returns c + 10·round in every value.
fn three_rounds(statistics: Statistics) -> (Federation, BTreeMap<u32, Arc<Params>>) {
    let layout = normalised(statistics);
    let mut federation = Federation::new(Arc::new(Params::zeros(layout.clone())));
    for (round, cohort) in [(1, &[0, 1, 2][..]), (2, &[0, 1]), (3, &[1])] {
        let updates: Vec<_> = cohort
            .iter()
            .map(|&client| {
                let values = vec![(client + 10 * round) as f32; layout.value_count()];
                let params = Params::new(layout.clone(), values).unwrap();
                update(client, &Arc::new(params), 1)
            })
            .collect();
        federation.commit(round, &LayerSet::all(&layout), Weighting::Equal, &updates).unwrap();
    }
    let models = (0..4).map(|client| (client, federation.model(ClientId(client)))).collect();
    (federation, models)
}

#[test]
fn under_keep_every_client_has_its_own_statistics_and_shares_everything_else() {
    let (federation, models) = three_rounds(Statistics::Keep);
    // The clients' last rounds: 2, 3, 1, none.
    for (client, own) in [(0, 20.0), (1, 31.0), (2, 12.0), (3, 0.0)] {
        let values = models[&client].values();
        for (at, &value) in values.iter().enumerate() {
            let expected = if STATISTICS.contains(&at) { own } else { 31.0 };
            assert_eq!(value, expected, "client {client}, value {at}");
        }
    }
    // A client keeps only its statistics, and the shared model holds none.
    assert!(federation.clients().values().all(|state| state.values.len() == STATISTICS.len()));
    assert_eq!(bits(federation.shared().range(&STATISTICS)), [0; 5]);
    assert_eq!(LayerSet::all(federation.shared().layout()).bytes(), 4 * 9, "of 14 values 5 stay");
}

#[test]
fn under_the_other_policies_statistics_are_averaged_with_their_layer() {
    for policy in [Statistics::Average, Statistics::Recompute, Statistics::Repair] {
        let (federation, models) = three_rounds(policy);
        assert!(models.values().all(|model| model.values() == [31.0; 14]), "{policy:?}");
        assert!(federation.clients().values().all(|state| state.values.is_empty()));
    }
    // The statistics of `norm` are averaged with `norm`, and with no other layer.
    let layout = normalised(Statistics::Average);
    let set = |layer| LayerSet::new(layout.clone(), [layer]);
    assert_eq!(set(1).ranges()[..], *std::slice::from_ref(&(2..11)));
    assert_eq!(
        LayerSet::new(normalised(Statistics::Keep), [1]).ranges()[..],
        *std::slice::from_ref(&(2..6))
    );
    assert_eq!(set(0).rest()[..], *std::slice::from_ref(&(2..14)));
}
