//! Every error: its key, its message and its advice.

use fedlayer_core::{
    Seed,
    spec::{DataSpec, Partition, Synthetic},
};

use crate::{digits, library, synthetic};

/// Checks the key, the message and the advice of `check` (and `load`) about `spec`.
#[track_caller]
fn refused(spec: &DataSpec, clients: u32, key: &str, message: &str, help: Option<&str>) {
    let library = library();
    let error = library.check(spec, clients).unwrap_err();
    assert_eq!(error.key(), key);
    assert_eq!(error.to_string(), message);
    assert_eq!(error.help().as_deref(), help);
    assert_eq!(library.load(spec, clients, Seed::new(1)).unwrap_err(), error);
}

/// Checks the same of `facts`, which knows no clients.
#[track_caller]
fn refused_at_once(spec: &DataSpec, key: &str, message: &str, help: Option<&str>) {
    assert_eq!(library().facts(spec).unwrap_err(), library().check(spec, 8).unwrap_err());
    refused(spec, 8, key, message, help);
}

#[test]
fn clients_and_examples() {
    refused(
        &digits(Partition::Iid),
        0,
        "clients.count",
        "`clients.count` is 0; it must be at least 1",
        None,
    );
    refused(
        &digits(Partition::Dirichlet(0.3)),
        2000,
        "clients.count",
        "2000 clients cannot share a pool of 1438 examples; every client needs at least one",
        Some(
            "lower `clients.count` to at most 1438, or give the pool more examples (a larger data set, a smaller `data.test_share`)",
        ),
    );
    assert!(library().check(&digits(Partition::Iid), 1438).is_ok());
}

#[test]
fn shards() {
    refused(
        &digits(Partition::Shards(15)),
        100,
        "data.partition.shards",
        "100 clients with 15 shards each need 1500 shards; the pool has 1438 examples, and every shard needs at least one",
        Some(
            "lower `data.partition.shards` to at most 14, lower `clients.count`, or give the pool more examples",
        ),
    );
    assert!(library().check(&digits(Partition::Shards(14)), 100).is_ok());
    assert!(library().check(&digits(Partition::Shards(u32::MAX)), 1438).is_err());
}

#[test]
fn classes() {
    let key = "data.partition.classes";
    refused(
        &digits(Partition::Classes(11)),
        8,
        key,
        "a client cannot have 11 classes; the data set has 10",
        Some("lower `data.partition.classes` to at most 10"),
    );
    refused(
        &digits(Partition::Classes(2)),
        4,
        key,
        "4 clients with 2 classes each have room for 8 classes; the data set has 10, and every class needs a client",
        Some("raise `data.partition.classes` to at least 3, or `clients.count` to at least 5"),
    );
    refused(
        &digits(Partition::Classes(2)),
        1000,
        key,
        "1000 clients with 2 classes each need 2000 examples; the pool has 1438",
        Some(
            "lower `data.partition.classes` to at most 1, lower `clients.count`, or give the pool more examples",
        ),
    );
    assert!(library().check(&digits(Partition::Classes(2)), 5).is_ok());
    assert!(library().check(&digits(Partition::Classes(10)), 1).is_ok());
}

#[test]
fn corners() {
    let set = |informative| Synthetic {
        classes: 4,
        clusters_per_class: 2,
        informative,
        ..Synthetic::default()
    };
    refused_at_once(
        &synthetic(set(2)),
        "data.set.synthetic.classes",
        "4 classes of 2 clusters need 8 corners of the hypercube; 2 informative features have 4",
        Some(
            "raise `data.set.synthetic.informative` to at least 3, or lower `classes` or `clusters_per_class` beside it",
        ),
    );
    assert!(library().facts(&synthetic(set(3))).is_ok());
    assert!(library().facts(&synthetic(set(64))).is_ok());
}

#[test]
fn fewer_examples_than_classes() {
    refused_at_once(
        &synthetic(Synthetic { examples: Some(3), ..Synthetic::default() }),
        "data.set.synthetic.examples",
        "3 examples cannot cover 4 classes; every class needs at least one",
        Some(
            "raise `data.set.synthetic.examples` to at least 4, or lower `data.set.synthetic.classes` to at most 3",
        ),
    );
}

#[test]
fn values_out_of_range() {
    let share = "above 0 and below 1";
    let positive = "above 0 and finite";
    let one = "at least 1";
    let base = || digits(Partition::Iid);
    let set = Synthetic::default;
    let table = [
        (DataSpec { test_share: Some(0.0), ..base() }, "data.test_share", "0", share),
        (DataSpec { test_share: Some(f64::NAN), ..base() }, "data.test_share", "NaN", share),
        (
            DataSpec { client_test_share: 1.0, ..base() },
            "data.client_test_share",
            "1",
            "at least 0 and below 1",
        ),
        (digits(Partition::Dirichlet(0.0)), "data.partition.dirichlet", "0", positive),
        (digits(Partition::Dirichlet(f64::INFINITY)), "data.partition.dirichlet", "inf", positive),
        (digits(Partition::Shards(0)), "data.partition.shards", "0", one),
        (digits(Partition::Classes(0)), "data.partition.classes", "0", one),
        (digits(Partition::Quantity(-1.0)), "data.partition.quantity", "-1", positive),
        (
            synthetic(Synthetic { examples: Some(1), ..set() }),
            "data.set.synthetic.examples",
            "1",
            "at least 2",
        ),
        (synthetic(Synthetic { classes: 0, ..set() }), "data.set.synthetic.classes", "0", one),
        (
            synthetic(Synthetic { informative: 0, ..set() }),
            "data.set.synthetic.informative",
            "0",
            one,
        ),
        (
            synthetic(Synthetic { clusters_per_class: 0, ..set() }),
            "data.set.synthetic.clusters_per_class",
            "0",
            one,
        ),
        (
            synthetic(Synthetic { separation: 0.0, ..set() }),
            "data.set.synthetic.separation",
            "0",
            "above 0 and at most 1e30",
        ),
        (
            synthetic(Synthetic { label_noise: 1.5, ..set() }),
            "data.set.synthetic.label_noise",
            "1.5",
            "from 0 to 1",
        ),
    ];
    for (spec, key, found, allowed) in table {
        let message = format!("`{key}` is {found}; it must be {allowed}");
        refused_at_once(&spec, key, &message, None);
    }
}
