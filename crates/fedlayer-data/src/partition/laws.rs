//! The laws of each partition, for any labels, clients and seed.

use std::collections::BTreeSet;

use fedlayer_core::Seed;
use proptest::{prelude::*, sample::Index};

use super::*;

const CLASSES: usize = 6;

/// Labels of a pool in which some classes may be rare or missing.
fn pool() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![
        proptest::collection::vec(0..CLASSES as u32, 1..200),
        proptest::collection::vec(prop_oneof![9 => Just(0_u32), 1 => 1..CLASSES as u32], 1..200),
    ]
}

/// Tells whether `check` accepts a partition of the pool among `clients` clients.
fn good(pool: usize, partition: Partition, clients: u32) -> bool {
    let pool = PoolFacts { set: "a set", examples: pool, classes: CLASSES, owners: Some(CLASSES) };
    check_value(&partition).and_then(|()| check(&partition, pool, clients)).is_ok()
}

/// A pool, a partition and a number of clients that go together.
fn case() -> impl Strategy<Value = (Vec<u32>, Partition, u32)> {
    let partition = prop_oneof![
        Just(Partition::Iid),
        (-4.0..3.0).prop_map(|exponent| Partition::Dirichlet(10_f64.powf(exponent))),
        (1_u32..6).prop_map(Partition::Shards),
        (1..=CLASSES as u32).prop_map(Partition::Classes),
        (0.01..5.0).prop_map(Partition::Quantity),
    ];
    (pool(), partition, any::<Index>())
        .prop_map(|(labels, partition, clients)| {
            let clients = clients.index(labels.len()) as u32 + 1;
            (labels, partition, clients)
        })
        .prop_filter("the pool suffices", |(labels, partition, clients)| {
            good(labels.len(), partition.clone(), *clients)
        })
}

/// Returns examples of one feature; the owner of each is the number of its class.
fn examples(labels: &[u32]) -> Examples {
    let one = Examples::new(vec![1], CLASSES, vec![0.0; labels.len()], labels.to_vec());
    Examples { groups: Some(labels.to_vec()), ..one }
}

fn shares(partition: &Partition, labels: &[u32], clients: u32, seed: u64) -> Vec<Vec<u32>> {
    deal(partition, &examples(labels), clients, &mut Seed::new(seed).generator()).unwrap()
}

fn classes_of(share: &[u32], labels: &[u32]) -> usize {
    share.iter().map(|&example| labels[example as usize]).collect::<BTreeSet<_>>().len()
}

/// Returns `(classes)` labels, `each` of every class.
fn balanced(each: usize) -> Vec<u32> {
    (0..(each * CLASSES) as u32).map(|example| example % CLASSES as u32).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_example_goes_to_one_client_and_no_client_is_empty(
        (labels, partition, clients) in case(),
        seed: u64,
    ) {
        let shares = shares(&partition, &labels, clients, seed);
        prop_assert_eq!(shares.len(), clients as usize);
        prop_assert!(shares.iter().all(|share| !share.is_empty()), "{:?}", shares);
        let mut all = shares.concat();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..labels.len() as u32));
    }

    #[test]
    fn a_seed_gives_one_partition((labels, partition, clients) in case(), seed: u64) {
        let first = shares(&partition, &labels, clients, seed);
        prop_assert_eq!(first, shares(&partition, &labels, clients, seed));
    }

    #[test]
    fn another_seed_gives_another_partition(
        partition in prop_oneof![
            Just(Partition::Iid),
            Just(Partition::Dirichlet(0.5)),
            Just(Partition::Shards(2)),
            Just(Partition::Classes(2)),
            Just(Partition::Quantity(1.0)),
        ],
        (seed, other) in any::<(u64, u64)>(),
    ) {
        prop_assume!(seed != other);
        let labels = balanced(50);
        let first = shares(&partition, &labels, 8, seed);
        prop_assert_ne!(first, shares(&partition, &labels, 8, other));
    }

    #[test]
    fn iid_sizes_differ_by_at_most_one(labels in pool(), clients: Index, seed: u64) {
        let clients = clients.index(labels.len()) as u32 + 1;
        let sizes = shares(&Partition::Iid, &labels, clients, seed).into_iter().map(|share| share.len());
        let (least, most) = sizes.fold((usize::MAX, 0), |(a, b), size| (a.min(size), b.max(size)));
        prop_assert!(most - least <= 1, "{} to {}", least, most);
    }

    #[test]
    fn shards_are_of_one_size_and_of_few_classes(
        each in 10_usize..50,
        clients in 1_u32..10,
        per_client in 1_u32..6,
        seed: u64,
    ) {
        let labels = balanced(each);
        let shard = labels.len() / (clients * per_client) as usize;
        for share in shares(&Partition::Shards(per_client), &labels, clients, seed) {
            let bounds = shard * per_client as usize..=(shard + 1) * per_client as usize;
            prop_assert!(bounds.contains(&share.len()));
            // A shard that is not larger than a class has examples of two classes at most.
            if shard < each {
                prop_assert!(classes_of(&share, &labels) <= 2 * per_client as usize);
            }
        }
    }

    #[test]
    fn a_client_has_exactly_k_classes_where_the_labels_allow(
        extra in proptest::collection::vec(0..CLASSES as u32, 0..100),
        clients in 1_u32..20,
        asked in 1..=CLASSES as u32,
        seed: u64,
    ) {
        // Every class has an example for every client.
        let labels = [balanced(clients as usize), extra].concat();
        prop_assume!(good(labels.len(), Partition::Classes(asked), clients));
        for share in shares(&Partition::Classes(asked), &labels, clients, seed) {
            prop_assert_eq!(classes_of(&share, &labels), asked as usize);
        }
    }

    #[test]
    fn a_client_never_has_more_than_k_classes(
        labels in pool(),
        clients in 1_u32..20,
        asked in 1..=CLASSES as u32,
        seed: u64,
    ) {
        prop_assume!(good(labels.len(), Partition::Classes(asked), clients));
        for share in shares(&Partition::Classes(asked), &labels, clients, seed) {
            prop_assert!(classes_of(&share, &labels) <= asked as usize);
        }
    }

    #[test]
    fn sizes_follow_the_power_law_within_rounding(
        exponent in 0.01_f64..1.5,
        clients in 1_usize..20,
        each in 100_usize..200,
        seed: u64,
    ) {
        let labels = balanced(each);
        let weights = (1..=clients).map(|rank| (rank as f64).powf(-exponent));
        let total: f64 = weights.clone().sum();
        let shares = shares(&Partition::Quantity(exponent), &labels, clients as u32, seed);
        prop_assert!(shares.is_sorted_by(|a, b| a.len() >= b.len()));
        for (share, weight) in shares.iter().zip(weights) {
            let exact = weight / total * labels.len() as f64;
            prop_assert!((share.len() as f64 - exact).abs() <= 1.0, "{} {}", share.len(), exact);
            // Stratified: 1 + p · C with p = 1 / C.
            for class in 0..CLASSES as u32 {
                let found = share.iter().filter(|&&e| labels[e as usize] == class).count() as f64;
                prop_assert!((found - share.len() as f64 / CLASSES as f64).abs() <= 2.0 + 1e-9);
            }
        }
    }

    /// The rule: whole owners, the largest first, each to the client with the fewest examples.
    #[test]
    fn natural_gives_whole_owners_the_largest_first(owners in pool(), clients: Index) {
        let mut sizes = [0_usize; CLASSES];
        owners.iter().for_each(|&owner| sizes[owner as usize] += 1);
        let mut order: Vec<usize> = (0..CLASSES).filter(|&owner| sizes[owner] > 0).collect();
        let clients = clients.index(order.len()) + 1;
        let shares = shares(&Partition::Natural, &owners, clients as u32, 0);
        let mut all = shares.concat();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..owners.len() as u32));
        let mut home = [None; CLASSES];
        for (client, share) in shares.iter().enumerate() {
            prop_assert!(!share.is_empty());
            for &example in share {
                let home = &mut home[owners[example as usize] as usize];
                prop_assert!(home.is_none_or(|home| home == client), "an owner of two clients");
                *home = Some(client);
            }
        }
        // The sort is stable: owners of equal size stay in the order of their numbers.
        order.sort_by(|&a, &b| sizes[b].cmp(&sizes[a]));
        let mut held = vec![0; clients];
        for owner in order {
            let fewest = (0..clients).min_by_key(|&client| (held[client], client)).unwrap();
            prop_assert_eq!(home[owner], Some(fewest));
            held[fewest] += sizes[owner];
        }
    }

    #[test]
    fn whole_gives_everyone_everything(labels in pool(), clients in 1_u32..300) {
        for share in shares(&Partition::Whole, &labels, clients, 0) {
            prop_assert!(share.into_iter().eq(0..labels.len() as u32));
        }
    }

    #[test]
    fn rounded_shares_add_up(
        count in 0_usize..1000,
        weights in proptest::collection::vec(1e-12..1.0, 1..50),
    ) {
        let sizes = apportion(count, &weights);
        prop_assert_eq!(sizes.iter().sum::<usize>(), count);
        let total: f64 = weights.iter().sum();
        for (size, weight) in sizes.iter().zip(&weights) {
            prop_assert!((*size as f64 - weight / total * count as f64).abs() <= 1.0 + 1e-9);
        }
    }
}

#[test]
fn the_steepest_power_law_leaves_the_others_one_example() {
    let sizes: Vec<_> = shares(&Partition::Quantity(1e308), &balanced(10), 50, 1)
        .into_iter()
        .map(|share| share.len())
        .collect();
    assert_eq!(sizes[0], 11);
    assert!(sizes[1..].iter().all(|&size| size == 1));
}

/// Returns the mean over the clients of the share of a client's commonest class.
fn skew(concentration: f64, seed: u64) -> f64 {
    let labels = balanced(200);
    let shares = shares(&Partition::Dirichlet(concentration), &labels, 10, seed);
    let of = |share: &Vec<u32>| {
        let counts = (0..CLASSES as u32)
            .map(|class| share.iter().filter(|&&e| labels[e as usize] == class).count());
        counts.max().unwrap() as f64 / share.len() as f64
    };
    shares.iter().map(of).sum::<f64>() / shares.len() as f64
}

#[test]
fn a_smaller_concentration_is_more_unequal() {
    for seed in 0..10 {
        let skews = [0.02, 0.3, 3.0, 1000.0].map(|concentration| skew(concentration, seed));
        assert!(skews.is_sorted_by(|a, b| a > b), "seed {seed}: {skews:?}");
        assert!(skews[0] > 0.8 && skews[3] < 0.25, "seed {seed}: {skews:?}");
    }
}
