//! Clients that are drawn when they take part.

use std::collections::BTreeSet;

use fedlayer_core::{
    Seed,
    data::{ClientId, Examples, FederatedData},
    spec::{DataSpec, Partition, Synthetic},
};

use crate::{library, load, synthetic};

const CLASSES: u32 = 6;

fn set(each: u32) -> Synthetic {
    Synthetic { per_client: Some(each), classes: CLASSES, label_noise: 0.0, ..Synthetic::default() }
}

fn spec(partition: Partition, each: u32) -> DataSpec {
    DataSpec { partition, ..synthetic(set(each)) }
}

fn examples(data: &FederatedData, client: u32) -> Examples {
    (*data.client(ClientId(client)).examples).clone()
}

fn classes(examples: &Examples) -> BTreeSet<u32> {
    examples.labels.iter().copied().collect()
}

#[test]
fn a_client_of_a_million_is_the_same_whoever_was_drawn_before() {
    let spec = spec(Partition::Dirichlet(0.3), 20);
    let facts = library().check(&spec, 1_000_000).unwrap();
    assert_eq!((facts.pool, facts.test), (20_000_000, 1000));
    let data = load(&spec, 1_000_000, Seed::new(1)).unwrap();
    assert_eq!((data.clients(), data.facts()), (1_000_000, facts));
    assert_eq!(data.pool(), None);
    assert_eq!(data.all_train_examples(), 16_000_000);
    let last = data.client(ClientId(999_999));
    assert_eq!((last.train.len(), last.test.len()), (16, 4));
    assert_eq!(
        last.train.iter().chain(&last.test).copied().collect::<Vec<_>>(),
        (0..20).collect::<Vec<_>>()
    );
    let others = load(&spec, 1_000_000, Seed::new(1)).unwrap();
    (0..50).for_each(|client| drop(others.client(ClientId(client))));
    assert_eq!(examples(&others, 999_999), *last.examples);
    // The number of clients changes no client's examples.
    assert_eq!(examples(&load(&spec, 3, Seed::new(1)).unwrap(), 2), examples(&data, 2));
    assert_ne!(examples(&data, 1), examples(&data, 2));
    assert_ne!(examples(&load(&spec, 3, Seed::new(2)).unwrap(), 2), examples(&data, 2));
}

#[test]
fn classes_are_as_the_partition_says() {
    let count = |partition, each| {
        let data = load(&spec(partition, each), 200, Seed::new(3)).unwrap();
        (0..200).map(|client| classes(&examples(&data, client)).len()).collect::<Vec<_>>()
    };
    assert!(count(Partition::Iid, 200).iter().all(|&classes| classes == CLASSES as usize));
    assert!(count(Partition::Classes(2), 200).iter().all(|&classes| classes == 2));
    let narrow = count(Partition::Dirichlet(0.01), 200).iter().filter(|&&n| n <= 2).count();
    assert!(narrow > 180, "{narrow}");
    let wide = count(Partition::Dirichlet(1000.0), 200).iter().filter(|&&n| n == 6).count();
    assert!(wide > 195, "{wide}");
}

/// For K classes and concentration a, a share has variance (K − 1) / (K² (K a + 1)); n draws of it
/// add p(1 − p) / n.
#[test]
fn shares_vary_as_the_distribution_says() {
    let (a, k, each, clients) = (0.5, f64::from(CLASSES), 400, 3000);
    let data = load(&spec(Partition::Dirichlet(a), each), clients, Seed::new(4)).unwrap();
    let share = |client| {
        let labels = examples(&data, client).labels;
        labels.iter().filter(|&&label| label == 0).count() as f64 / f64::from(each)
    };
    let shares: Vec<f64> = (0..clients).map(share).collect();
    let mean = shares.iter().sum::<f64>() / f64::from(clients);
    let variance = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / f64::from(clients);
    let of_shares = (k - 1.0) / (k * k * (k * a + 1.0));
    let expected = of_shares + (1.0 / k * (1.0 - 1.0 / k) - of_shares) / f64::from(each);
    assert!((mean - 1.0 / k).abs() < 0.02, "{mean}");
    assert!((variance / expected - 1.0).abs() < 0.1, "{variance} {expected}");
}

#[test]
fn all_clients_and_the_test_set_lie_on_the_same_clusters() {
    let separation = 20.0;
    let set = Synthetic { separation, noise: 0, redundant: 0, clusters_per_class: 1, ..set(50) };
    let data = load(&synthetic(set), 100, Seed::new(5)).unwrap();
    // At this separation the signs of the features name the cluster.
    let corners = |examples: &Examples| -> BTreeSet<(u32, Vec<bool>)> {
        let values = examples.all_values();
        let width = examples.features();
        let sign = |row: &[f32]| row.iter().map(|&value| value > 0.0).collect();
        examples.labels.iter().copied().zip(values.chunks(width).map(sign)).collect()
    };
    let expected = corners(&data.test);
    assert_eq!(expected.len(), CLASSES as usize);
    for client in 0..100 {
        assert!(corners(&examples(&data, client)).is_subset(&expected));
    }
}

#[test]
fn label_noise_replaces_its_share_of_the_labels() {
    let noisy = Synthetic { label_noise: 0.5, ..set(1000) };
    let data =
        load(&DataSpec { partition: Partition::Classes(1), ..synthetic(noisy) }, 20, Seed::new(6));
    let data = data.unwrap();
    for client in 0..20 {
        let labels = examples(&data, client).labels;
        let mut counts = [0; CLASSES as usize];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        // Half of the examples keep the label of their class, and a sixth of the others draw it
        // again.
        let kept = f64::from(*counts.iter().max().unwrap()) / 1000.0;
        assert!((kept - 7.0 / 12.0).abs() < 0.08, "{kept}");
    }
}

#[track_caller]
fn refused(spec: &DataSpec, clients: u32, key: &str, message: &str) {
    let error = library().check(spec, clients).unwrap_err();
    assert_eq!((error.key(), error.to_string()), (key, message.to_owned()));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let message = "clients that are drawn one by one cannot be partitioned like this";
    for partition in
        [Partition::Shards(2), Partition::Quantity(1.0), Partition::Whole, Partition::Natural]
    {
        refused(&spec(partition, 10), 5, "data.partition", message);
    }
    let classes = "a client cannot have 7 classes; the data set has 6";
    refused(&spec(Partition::Classes(7), 10), 5, "data.partition.classes", classes);
    let key = "data.set.synthetic.per_client";
    refused(
        &spec(Partition::Iid, 1),
        5,
        key,
        "`data.set.synthetic.per_client` is 1; it must be at least 2",
    );
    let both = synthetic(Synthetic { examples: Some(100), ..set(10) });
    let key = "data.set.synthetic.examples";
    let message = "`data.set.synthetic.examples` would have no effect: with `per_client` every client has as many";
    refused(&both, 5, key, message);
    refused(
        &spec(Partition::Iid, 10),
        0,
        "clients.count",
        "`clients.count` is 0; it must be at least 1",
    );
}
