//! The five parts of the data (training, validation, test, the clients' own validation and test
//! data): they share no example and cover all, for every partition and source of data.

use std::collections::BTreeSet;

use fedlayer_core::{
    Seed,
    data::{ClientId, Examples, FederatedData, PartSizes},
    spec::{DataSpec, Files, Partition, Synthetic},
};
use proptest::prelude::*;

use crate::{
    digits, library, load,
    memory::MemoryFiles,
    pool_of, synthetic,
    tables::{files, spec},
};

/// Writes a table with one example a line. Its only feature is a number that no other example has.
fn table(first: usize, labels: &[(u32, u32)]) -> Vec<u8> {
    let line = |(at, (label, owner)): (usize, &(u32, u32))| format!("{at},{label},{owner}\n");
    let lines: String = (first..).zip(labels).map(line).collect();
    ("x,label,group\n".to_owned() + &lines).into_bytes()
}

/// Returns the numbers of these examples.
fn numbers(examples: &Examples, rows: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let values = examples.all_values();
    rows.into_iter().map(|row| values[row as usize] as u32).collect()
}

fn all(examples: &Examples) -> Vec<u32> {
    numbers(examples, 0..examples.len() as u32)
}

/// The numbers of the examples in each part of a client.
struct Own {
    train: Vec<u32>,
    validation: Vec<u32>,
    test: Vec<u32>,
}

fn clients(data: &FederatedData) -> Vec<Own> {
    let own = |client| {
        let own = data.client(ClientId(client));
        let numbers = |rows| numbers(&own.examples, rows);
        Own {
            train: numbers(own.train.clone()),
            validation: numbers(own.validation.clone()),
            test: numbers(own.test.clone()),
        }
    };
    (0..data.clients() as u32).map(own).collect()
}

/// Checks that no number is twice in these lists, and returns all of them.
fn disjoint(parts: &[&[u32]]) -> Result<BTreeSet<u32>, TestCaseError> {
    let together: BTreeSet<u32> = parts.iter().flat_map(|part| part.iter().copied()).collect();
    let counted: usize = parts.iter().map(|part| part.len()).sum();
    prop_assert_eq!(together.len(), counted, "an example is in two parts");
    Ok(together)
}

/// A share that is often 0.
fn share() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.001..0.49_f64]
}

fn partition() -> impl Strategy<Value = Partition> {
    prop_oneof![
        Just(Partition::Iid),
        (-2.0..2.0).prop_map(|exponent| Partition::Dirichlet(10_f64.powf(exponent))),
        (1_u32..4).prop_map(Partition::Shards),
        (1_u32..4).prop_map(Partition::Classes),
        Just(Partition::Whole),
        Just(Partition::Natural),
        (0.1..3.0).prop_map(Partition::Quantity),
    ]
}

/// Files, the keys of `[data]`, a number of clients and the number of all examples.
fn case() -> impl Strategy<Value = (MemoryFiles, DataSpec, u32, u32)> {
    let rows = || prop::collection::vec((0_u32..4, 0_u32..8), 12..80);
    let shares = (0.05..0.5, share(), share(), share());
    (rows(), prop::option::of(rows()), partition(), shares, 1_u32..9)
        .prop_map(|(train, test, partition, shares, clients)| {
            let count = train.len() + test.as_ref().map_or(0, Vec::len);
            let mut stored = vec![("a.csv", table(0, &train))];
            stored.extend(test.as_ref().map(|test| ("b.csv", table(train.len(), test))));
            let own = Files {
                test: test.map(|_| "b.csv".to_owned()),
                classes: Some(4),
                ..files("a.csv")
            };
            let test_share = own.test.is_none().then_some(shares.0);
            let (client_test_share, validation_share) = (shares.1, shares.2);
            let spec = DataSpec {
                partition,
                test_share,
                client_test_share,
                validation_share,
                client_validation_share: shares.3,
                ..spec(own)
            };
            (MemoryFiles::of(stored), spec, clients, count as u32)
        })
        .prop_filter("possible", |(stored, spec, clients, _)| {
            stored.library().check(spec, *clients).is_ok()
        })
}

proptest! {
    #[test]
    fn the_five_parts_share_no_example_and_cover_all((stored, spec, count, examples) in case()) {
        let data = stored.load(&spec, count).unwrap();
        let validation = data.validation.as_deref().map_or(Vec::new(), all);
        let (test, clients) = (all(&data.test), clients(&data));
        let mut of_all: Vec<Vec<u32>> = Vec::new();
        for own in &clients {
            // Each client's own parts, and the common ones, share no example.
            let parts = [&*own.train, &own.validation, &own.test, &validation, &test];
            of_all.push(disjoint(&parts)?.into_iter().collect());
            prop_assert!(!own.train.is_empty());
        }
        if spec.partition == Partition::Whole {
            prop_assert!(of_all.iter().all(|own| own.iter().copied().eq(0..examples)));
        } else {
            // No client has an example of another one.
            let mut parts = vec![&*validation, &*test];
            parts.extend(clients.iter().flat_map(|own| [&*own.train, &own.validation, &own.test]));
            prop_assert!(disjoint(&parts)?.into_iter().eq(0..examples));
        }
        prop_assert_eq!(validation.is_empty(), spec.validation_share == 0.0);
        for (part, share) in [(0, spec.client_validation_share), (1, spec.client_test_share)] {
            let held_out = |own: &&Own| !if part == 0 { &own.validation } else { &own.test }.is_empty();
            prop_assert!(share > 0.0 || clients.iter().filter(held_out).count() == 0);
        }
        prop_assert_eq!(data.facts(), stored.library().check(&spec, count).unwrap());
    }

    /// The sizes that `fedlayer check` prints are those of the sets of examples.
    #[test]
    fn the_sizes_of_the_parts_are_counted((stored, spec, count, _) in case()) {
        let data = stored.load(&spec, count).unwrap();
        let clients = clients(&data);
        let union = |part: fn(&Own) -> &Vec<u32>| -> BTreeSet<u32> {
            clients.iter().flat_map(part).copied().collect()
        };
        let parts = [union(|own| &own.train), union(|own| &own.validation), union(|own| &own.test)];
        let shared = |number: &u32| parts.iter().filter(|part| part.contains(number)).count() > 1;
        let mut everywhere: BTreeSet<u32> = parts.iter().flatten().copied().collect();
        everywhere.retain(shared);
        let expected = PartSizes {
            train: parts[0].len(),
            validation: data.validation.as_ref().map_or(0, |part| part.len()),
            test: data.test.len(),
            client_validation: parts[1].len(),
            client_test: parts[2].len(),
            shared: everywhere.len(),
        };
        prop_assert_eq!(data.part_sizes(), expected);
        prop_assert!(spec.partition == Partition::Whole || expected.shared == 0);
    }

    /// Own validation data come out of the training data, and no other part changes.
    #[test]
    fn own_validation_data_change_no_other_part((stored, spec, count, _) in case()) {
        let without = DataSpec { client_validation_share: 0.0, ..spec.clone() };
        let (with, without) =
            (stored.load(&spec, count).unwrap(), stored.load(&without, count).unwrap());
        prop_assert_eq!(&with.test, &without.test);
        prop_assert_eq!(&with.validation, &without.validation);
        for (with, without) in clients(&with).into_iter().zip(clients(&without)) {
            let both: BTreeSet<u32> = with.train.into_iter().chain(with.validation).collect();
            prop_assert_eq!(both, without.train.into_iter().collect());
            prop_assert_eq!(with.test, without.test);
        }
    }
}

/// Counted by hand: of 18 training examples a third is set apart, 6. Of 10, 5 and 3 examples of the
/// classes that is 3 1/3, 1 2/3 and 1: the second class has the largest remainder.
#[test]
fn the_common_validation_set_is_stratified_within_one_example() {
    let labels: Vec<(u32, u32)> =
        (0..18).map(|row| (u32::from(row >= 10) + u32::from(row >= 15), 0)).collect();
    let own = Files { test: Some("b.csv".to_owned()), ..files("a.csv") };
    let stored =
        MemoryFiles::of([("a.csv", table(0, &labels)), ("b.csv", table(18, &labels[..12]))]);
    let spec = DataSpec { validation_share: 1.0 / 3.0, ..spec(own) };
    for seed in 0..10 {
        let data = stored.library().load(&spec, 2, Seed::new(seed)).unwrap();
        let validation = data.validation.unwrap();
        let of = |class| validation.labels.iter().filter(|&&label| label == class).count();
        assert_eq!([of(0), of(1), of(2)], [3, 2, 1], "seed {seed}");
    }
}

/// A common validation set leaves the others in their order: with the whole pool at one client,
/// nothing else changes.
#[test]
fn the_test_set_does_not_depend_on_the_validation_set() {
    let without = digits(Partition::Dirichlet(0.3));
    let with = DataSpec { validation_share: 0.1, ..without.clone() };
    let [without, with] = [without, with].map(|spec| load(&spec, 8, Seed::new(1)).unwrap());
    assert_eq!(with.test, without.test);
    assert_eq!((with.validation.as_ref().unwrap().len(), pool_of(&with).len()), (144, 1294));
    assert_ne!(with.fingerprint(), without.fingerprint(), "workers notice the difference");
}

#[test]
fn clients_train_on_all_their_examples_without_test_data() {
    let spec = DataSpec { client_test_share: 0.0, ..digits(Partition::Iid) };
    let data = load(&spec, 8, Seed::new(1)).unwrap();
    let train: usize = (0..8).map(|client| data.client(ClientId(client)).train.len()).sum();
    assert_eq!(train, 1438, "the whole pool");
    assert_eq!(data.part_sizes().client_test, 0);
}

#[test]
fn drawn_clients_have_validation_data_of_their_own_and_a_common_set() {
    let set = Synthetic { per_client: Some(20), ..Synthetic::default() };
    let without = DataSpec { label_noise: 0.5, ..synthetic(set) };
    let with = DataSpec { validation_share: 0.1, client_validation_share: 0.2, ..without.clone() };
    let [without, with] = [without, with].map(|spec| load(&spec, 1_000_000, Seed::new(1)).unwrap());
    assert_eq!(with.test, without.test);
    assert_eq!(with.validation.as_ref().unwrap().len(), 100, "a tenth of the test set's 1,000");
    assert_ne!(with.validation.as_ref().unwrap().labels, with.test.labels[..100]);
    let expected = PartSizes {
        train: 12_000_000,
        validation: 100,
        test: 1000,
        client_validation: 4_000_000,
        client_test: 4_000_000,
        shared: 0,
    };
    assert_eq!(with.part_sizes(), expected);
    let (before, after) = (without.client(ClientId(7)), with.client(ClientId(7)));
    let rows = |from: u32, to: u32| (from..to).collect::<Vec<_>>();
    assert_eq!((after.train, after.validation), (rows(0, 12), rows(12, 16)));
    assert_eq!((&after.test, &after.test), (&rows(16, 20), &before.test));
    assert_eq!(after.examples.all_values(), before.examples.all_values());
    // The noise of a training label does not depend on the validation data, which have none.
    let clean = DataSpec { label_noise: 0.0, ..spec_of_drawn() };
    let clean = load(&clean, 10, Seed::new(1)).unwrap().client(ClientId(7)).examples;
    assert_eq!(after.examples.labels[..12], before.examples.labels[..12]);
    assert_eq!(after.examples.labels[12..], clean.labels[12..]);
    assert_ne!(before.examples.labels[..16], clean.labels[..16]);
}

fn spec_of_drawn() -> DataSpec {
    synthetic(Synthetic { per_client: Some(20), ..Synthetic::default() })
}

#[test]
fn validation_labels_have_no_noise_and_normalisation_does_not_see_them() {
    let spec = |label_noise| DataSpec {
        label_noise,
        validation_share: 0.2,
        client_validation_share: 0.2,
        ..digits(Partition::Whole)
    };
    let [clean, noisy] = [0.0, 1.0].map(|noise| load(&spec(noise), 3, Seed::new(1)).unwrap());
    assert_eq!(clean.validation, noisy.validation);
    let labels = |data: &FederatedData, client| -> (Vec<u32>, Vec<u32>) {
        let own = data.client(ClientId(client));
        let of = |rows: &[u32]| rows.iter().map(|&row| own.examples.labels[row as usize]).collect();
        (of(&own.validation), of(&own.train))
    };
    for client in 0..3 {
        let (clean, noisy) = (labels(&clean, client), labels(&noisy, client));
        assert_eq!(clean.0, noisy.0, "validation");
        assert_ne!(clean.1, noisy.1, "training");
    }
}

#[test]
fn shares_that_leave_nothing_are_refused() {
    let base = || digits(Partition::Iid);
    let both = DataSpec { client_test_share: 0.5, client_validation_share: 0.5, ..base() };
    let drawn = DataSpec {
        client_validation_share: 0.5,
        ..synthetic(Synthetic { per_client: Some(2), ..Synthetic::default() })
    };
    let table = [
        (
            DataSpec { validation_share: 1.0, ..base() },
            "data.validation_share",
            "`data.validation_share` is 1; it must be at least 0 and below 1",
        ),
        (
            both,
            "data.client_validation_share",
            "`data.client_validation_share` is 0.5; it must be below 1 together with `data.client_test_share`",
        ),
        (
            drawn,
            "data.client_validation_share",
            "`data.client_validation_share` would have no effect: a client has too few examples (`data.set.synthetic.per_client`) to set one apart",
        ),
        (
            DataSpec { train: Some(2), validation_share: 0.5, ..base() },
            "data.validation_share",
            "`data.validation_share` would have no effect: there is a single training example, which is left to the clients",
        ),
    ];
    for (spec, key, message) in table {
        let error = library().check(&spec, 1).unwrap_err();
        assert_eq!((error.key(), error.to_string().as_str()), (key, message));
    }
}
