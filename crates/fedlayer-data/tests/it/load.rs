//! From a specification to every client's examples.

use std::collections::BTreeSet;

use fedlayer_core::{
    Seed,
    data::{ClientId, Examples, FederatedData},
    spec::{DataSpec, Partition, Synthetic},
};
use proptest::prelude::*;

use crate::{digits, library, load, pool_of, synthetic};

fn partitions() -> [Partition; 5] {
    [
        Partition::Iid,
        Partition::Dirichlet(0.1),
        Partition::Shards(2),
        Partition::Classes(2),
        Partition::Quantity(1.5),
    ]
}

fn clients(data: &FederatedData) -> impl Iterator<Item = (Vec<u32>, Vec<u32>)> {
    (0..data.clients() as u32).map(ClientId).map(|client| {
        let own = data.client(client);
        assert_eq!(own.train.len(), data.train_examples(client));
        assert_eq!(own.test.len(), data.test_examples(client));
        (own.train, own.test)
    })
}

/// Returns features and labels of every example, as bits that can be sorted.
fn multiset<'a>(sets: impl IntoIterator<Item = &'a Examples>) -> Vec<(Vec<u32>, u32)> {
    let of = |set: &'a Examples| {
        (0..set.len()).map(|i| {
            let mut values = Vec::new();
            set.read(i, &mut values);
            (values.into_iter().map(f32::to_bits).collect(), set.labels[i])
        })
    };
    let mut all: Vec<_> = sets.into_iter().flat_map(of).collect();
    all.sort_unstable();
    all
}

/// Checks every promise of `load` for any data.
fn keeps_its_promises(spec: &DataSpec, count: u32, data: &FederatedData) {
    let facts = library().facts(spec).unwrap();
    assert_eq!(library().check(spec, count).unwrap(), facts);
    assert_eq!(data.facts(), facts);
    for (set, size) in [(&pool_of(data), facts.pool), (&data.test, facts.test)] {
        assert_eq!((set.len(), &set.shape, set.classes), (size, &facts.shape, facts.classes));
        assert_eq!(set.all_values().len(), size * facts.features());
        assert!(set.labels.iter().all(|&label| (label as usize) < facts.classes));
    }
    assert_eq!(data.clients(), count as usize);
    let mut seen: Vec<u32> = Vec::new();
    for (train, own_test) in clients(data) {
        assert!(train.is_sorted() && own_test.is_sorted());
        let all = train.len() + own_test.len();
        let share = (all as f64 * spec.client_test_share).round() as usize;
        let expected = if all < 2 { 0 } else { share.clamp(1, all - 1) };
        assert_eq!(own_test.len(), expected);
        assert!(!train.is_empty());
        seen.extend(train.into_iter().chain(own_test));
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..facts.pool as u32));
}

#[test]
fn digits_are_shared_out_in_every_way() {
    for partition in partitions() {
        for count in
            [1, 8, 100].into_iter().filter(|&n| partition != Partition::Classes(2) || n > 4)
        {
            let spec = digits(partition.clone());
            keeps_its_promises(&spec, count, &load(&spec, count, Seed::new(1)).unwrap());
        }
    }
}

#[test]
fn every_digit_is_in_the_pool_or_in_the_test_set_and_scaled() {
    let of = |seed| load(&digits(Partition::Iid), 8, Seed::new(seed)).unwrap();
    let (one, two) = (of(1), of(2));
    let both = |data: &FederatedData| multiset([&*pool_of(data), &*data.test]);
    assert_eq!(both(&one), both(&two));
    assert_ne!(multiset([&*one.test]), multiset([&*two.test]));
    let pixels = pool_of(&one).all_values();
    let values: BTreeSet<u32> = pixels.iter().map(|v| (v * 16.0) as u32).collect();
    assert!(values.into_iter().eq(0..=16));
    assert!(pixels.iter().all(|v| (0.0..=1.0).contains(v)));
}

#[test]
fn the_common_test_set_is_stratified() {
    let counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
    for seed in 0..20 {
        let data = load(&digits(Partition::Iid), 8, Seed::new(seed)).unwrap();
        for (class, count) in (0..).zip(counts) {
            let found = data.test.labels.iter().filter(|&&label| label == class).count() as f64;
            let share = f64::from(count) / 1797.0;
            assert!((found - 359.0 * share).abs() <= 1.0 + 10.0 * share, "class {class}: {found}");
        }
    }
}

#[test]
fn the_examples_do_not_depend_on_the_partition_or_the_clients() {
    let reference = load(&digits(Partition::Iid), 8, Seed::new(1)).unwrap();
    for partition in partitions() {
        let other = load(&digits(partition), 20, Seed::new(1)).unwrap();
        assert_eq!(reference.pool(), other.pool());
        assert_eq!(reference.test, other.test);
    }
}

#[test]
fn a_thousand_clients_of_one_or_two_digits_each_have_one_to_train_on() {
    let spec = digits(Partition::Iid);
    let data = load(&spec, 1000, Seed::new(1)).unwrap();
    keeps_its_promises(&spec, 1000, &data);
    for (train, own_test) in clients(&data) {
        assert!(matches!((train.len(), own_test.len()), (1, 0) | (1, 1)));
    }
}

fn case() -> impl Strategy<Value = (DataSpec, u32, u64)> {
    let set = (20_u32..200, 1_u32..4, 0.0..1.0).prop_map(|(examples, classes, label_noise)| {
        Synthetic { examples: Some(examples), classes, label_noise, ..Synthetic::default() }
    });
    let partition = proptest::sample::select(partitions().to_vec());
    let shares = (0.001..0.999, 0.001..0.999);
    (set, partition, shares, 1_u32..50, any::<u64>())
        .prop_map(|(set, partition, (test_share, client_test_share), clients, seed)| {
            let test_share = Some(test_share);
            let spec = DataSpec { partition, test_share, client_test_share, ..synthetic(set) };
            (spec, clients, seed)
        })
        .prop_filter("possible", |(spec, clients, _)| library().check(spec, *clients).is_ok())
}

proptest! {
    #[test]
    fn whatever_check_lets_through_loads_as_promised((spec, count, seed) in case()) {
        let data = load(&spec, count, Seed::new(seed)).unwrap();
        keeps_its_promises(&spec, count, &data);
        let again = load(&spec, count, Seed::new(seed)).unwrap();
        prop_assert_eq!((data.pool(), &data.test), (again.pool(), &again.test));
        prop_assert!(clients(&data).eq(clients(&again)));
        let other = load(&spec, count, Seed::new(seed ^ 1)).unwrap();
        prop_assert_ne!(pool_of(&data).all_values(), pool_of(&other).all_values());
    }
}
