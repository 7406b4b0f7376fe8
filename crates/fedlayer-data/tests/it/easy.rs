//! Easier and harder data: classes that are kept, training labels that are drawn anew.

use fedlayer_core::{
    Seed,
    data::{ClientId, Examples, FederatedData},
    spec::{DataSet, DataSpec, Partition, Synthetic, Text},
};
use rand::RngExt;

use crate::{
    digits, library, load,
    memory::{MemoryFiles, first},
    pool_of, synthetic,
};

/// The number of images of each digit.
const DIGITS: [usize; 10] = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];

fn kept(classes: u32) -> DataSpec {
    DataSpec { keep_classes: Some(classes), ..digits(Partition::Iid) }
}

fn noisy(share: f64) -> DataSpec {
    DataSpec { label_noise: share, ..digits(Partition::Dirichlet(0.3)) }
}

fn of(spec: &DataSpec) -> FederatedData {
    load(spec, 6, Seed::new(1)).unwrap()
}

/// Returns the values and the label of an example.
fn example(examples: &Examples, index: u32) -> (Vec<u32>, u32) {
    let mut values = Vec::new();
    examples.read(index as usize, &mut values);
    (values.into_iter().map(f32::to_bits).collect(), examples.labels[index as usize])
}

fn sorted<'a>(sets: impl IntoIterator<Item = &'a Examples>) -> Vec<(Vec<u32>, u32)> {
    let all = |set: &'a Examples| (0..set.len() as u32).map(|index| example(set, index));
    let mut all: Vec<_> = sets.into_iter().flat_map(all).collect();
    all.sort_unstable();
    all
}

/// Returns a client's training examples and its own test examples.
fn own(data: &FederatedData, client: u32) -> [Vec<(Vec<u32>, u32)>; 2] {
    let own = data.client(ClientId(client));
    let examples = |list: &[u32]| list.iter().map(|&index| example(&own.examples, index)).collect();
    [examples(&own.train), examples(&own.test)]
}

#[test]
fn the_first_classes_are_kept_whole_and_no_other() {
    let all = of(&digits(Partition::Iid));
    for classes in [2, 5, 9] {
        let data = of(&kept(classes));
        let count: usize = DIGITS[..classes as usize].iter().sum();
        let facts = library().facts(&kept(classes)).unwrap();
        assert_eq!((facts.classes, facts.pool + facts.test), (classes as usize, count));
        assert_eq!(data.facts(), facts);
        let mut expected = sorted([&*pool_of(&all), &*all.test]);
        expected.retain(|(_, label)| *label < classes);
        assert_eq!(sorted([&*pool_of(&data), &*data.test]), expected);
    }
}

#[test]
fn keeping_all_classes_keeps_the_set() {
    let (all, same) = (of(&digits(Partition::Iid)), of(&kept(10)));
    assert_eq!(all.fingerprint(), same.fingerprint());
    assert_ne!(all.fingerprint(), of(&kept(9)).fingerprint());
}

#[test]
fn kept_classes_are_counted() {
    let spec = DataSpec { partition: Partition::Classes(3), ..kept(2) };
    let error = library().check(&spec, 6).unwrap_err();
    assert_eq!(error.to_string(), "a client cannot have 3 classes; the data set has 2");
}

#[test]
fn classes_are_kept_out_of_the_examples_that_are_taken() {
    let taken = DataSpec { train: Some(100), ..digits(Partition::Iid) };
    let taken = of(&taken);
    let below = |set: &Examples| set.labels.iter().filter(|&&label| label < 3).count();
    let expected = below(&pool_of(&taken)) + below(&taken.test);
    let facts = library().facts(&DataSpec { train: Some(100), ..kept(3) }).unwrap();
    assert_eq!(facts.pool + facts.test, expected);
}

#[test]
fn a_test_part_keeps_the_same_classes_as_training() {
    let files =
        [("a.csv", "x,kind\n1,lily\n2,rose\n3,tulip\n"), ("b.csv", "x,kind\n4,tulip\n5,lily\n")];
    let stored = MemoryFiles::of(files.map(|(name, text)| (name, text.as_bytes().to_vec())));
    let own = crate::tables::files("a.csv");
    let label = Some("kind".to_owned());
    let own = fedlayer_core::spec::Files { test: Some("b.csv".to_owned()), label, ..own };
    let spec = DataSpec { keep_classes: Some(2), ..DataSpec::new(DataSet::Files(own)) };
    let data = stored.load(&spec, 2).unwrap();
    assert_eq!((pool_of(&data).all_values(), data.test.all_values()), (vec![1.0, 2.0], vec![5.0]));
    assert_eq!(data.test.class_names.as_deref(), Some(&["lily", "rose"].map(str::to_owned)[..]));
    assert_eq!(data.facts(), stored.facts(&spec).unwrap());
}

#[test]
fn images_are_read_where_their_labels_count() {
    let stored = MemoryFiles::of(crate::images::few("mnist"));
    let spec = |classes| DataSpec { keep_classes: Some(classes), ..first(DataSet::Mnist, 3, 2) };
    // The labels are 3, 1 and 4 in training, 5 and 9 in the test part.
    let facts = stored.facts(&spec(6)).unwrap();
    assert_eq!((facts.classes, facts.pool, facts.test), (6, 3, 1));
    let error = stored.facts(&spec(5)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "0 of 2 test examples are of the first 5 classes; at least 1 are needed"
    );
    assert_eq!(stored.facts(&spec(1)).unwrap_err().key(), "data.keep_classes");
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let text = DataSpec::new(DataSet::Text(Text { file: "t.txt".to_owned() }));
    let drawn = "`data.keep_classes` would have no effect: a drawn set has as many classes as `data.set` says";
    let no_classes = "`data.keep_classes` would have no effect: a text has no classes";
    for (spec, message) in [
        (kept(11), "`data.keep_classes` asks for 11 classes; the set has 10"),
        (kept(0), "`data.keep_classes` is 0; it must be at least 2"),
        (DataSpec { keep_classes: Some(2), ..synthetic(Synthetic::default()) }, drawn),
        (DataSpec { keep_classes: Some(2), ..text.clone() }, no_classes),
        (
            DataSpec { train: Some(1), ..kept(2) },
            "1 of 1 training examples are of the first 2 classes; at least 2 are needed",
        ),
    ] {
        let error = library().facts(&spec).unwrap_err();
        assert_eq!((error.key(), error.to_string().as_str()), ("data.keep_classes", message));
    }
    for (spec, message) in [
        (noisy(1.5), "`data.label_noise` is 1.5; it must be from 0 to 1"),
        (noisy(f64::NAN), "`data.label_noise` is NaN; it must be from 0 to 1"),
        (
            DataSpec { label_noise: 0.1, ..text },
            "`data.label_noise` would have no effect: a text has no classes",
        ),
    ] {
        let error = library().facts(&spec).unwrap_err();
        assert_eq!((error.key(), error.to_string().as_str()), ("data.label_noise", message));
    }
}

/// Returns the noise draws for the pool, which depend on the seed alone: each example's number from
/// 0 to 1, and its label.
fn draws(examples: usize) -> Vec<(f64, u32)> {
    let mut generator = Seed::new(1).child("data").child("label noise").generator();
    (0..examples)
        .map(|_| (generator.random::<f64>(), generator.random_range(0..10_usize) as u32))
        .collect()
}

#[test]
fn the_noise_is_that_of_its_seed_and_leaves_every_test_label() {
    let clean = of(&noisy(0.0));
    let pool = pool_of(&clean);
    let draws = draws(pool.len());
    let mut changed = Vec::new();
    for share in [0.1, 0.4, 1.0] {
        let data = of(&noisy(share));
        let labels = &pool_of(&data).labels;
        let trained = clean.union_train();
        let mut expected = pool.labels.clone();
        for &example in &trained {
            let (number, label) = draws[example as usize];
            if number < share {
                expected[example as usize] = label;
            }
        }
        assert_eq!(*labels, expected);
        assert_eq!(data.test, clean.test);
        for client in 0..6 {
            let (before, after) = (clean.client(ClientId(client)), data.client(ClientId(client)));
            assert_eq!((before.train, before.test), (after.train, after.test));
            assert_eq!(own(&data, client)[1], own(&clean, client)[1]);
        }
        let noisy = trained.iter().filter(|&&e| draws[e as usize].0 < share).count();
        let differ = labels.iter().zip(&pool.labels).filter(|(a, b)| a != b).count();
        changed.push((noisy, differ));
    }
    // There are 1,151 training examples; about a tenth of the new labels equal the old ones.
    assert_eq!(changed, COUNTS);
}

/// The numbers of labels that are drawn anew at 0.1, 0.4 and 1, and of labels that change.
const COUNTS: [(usize, usize); 3] = [(129, 116), (467, 422), (1151, 1021)];

#[test]
fn a_label_that_is_noisy_at_one_share_is_so_at_every_larger_one() {
    let clean = pool_of(&of(&noisy(0.0))).labels.clone();
    let mut before = clean.clone();
    for share in [0.05, 0.1, 0.3, 0.8, 1.0] {
        let labels = pool_of(&of(&noisy(share))).labels.clone();
        let went_back = before.iter().zip(&clean).zip(&labels);
        assert!(
            went_back.into_iter().all(|((before, clean), now)| before == clean || before == now)
        );
        before = labels;
    }
}

#[test]
fn another_seed_has_other_noise_and_the_hash_knows_of_it() {
    let prints = [
        of(&noisy(0.0)).fingerprint(),
        of(&noisy(0.1)).fingerprint(),
        of(&noisy(0.2)).fingerprint(),
    ];
    assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
    assert_eq!(prints[1], of(&noisy(0.1)).fingerprint());
}

#[test]
fn of_kept_classes_the_noise_draws_no_other() {
    let data = of(&DataSpec { label_noise: 1.0, ..kept(3) });
    let mut counts = [0; 3];
    pool_of(&data).labels.iter().for_each(|&label| counts[label as usize] += 1);
    assert!(counts.iter().all(|&count| count > 100), "{counts:?}");
}

#[test]
fn clients_that_share_all_examples_test_on_clean_labels() {
    let whole = |label_noise| DataSpec { label_noise, ..digits(Partition::Whole) };
    let (clean, data) = (of(&whole(0.0)), of(&whole(0.5)));
    let values = |examples: &[(Vec<u32>, u32)]| -> Vec<Vec<u32>> {
        examples.iter().map(|(values, _)| values.clone()).collect()
    };
    let mut differ = 0;
    for client in 0..6 {
        let ([clean_train, clean_test], [train, test]) = (own(&clean, client), own(&data, client));
        assert_eq!(clean_test, test);
        assert_eq!(values(&clean_train), values(&train));
        differ += clean_train.iter().zip(&train).filter(|(a, b)| a != b).count();
    }
    // Half of the labels of 6 clients of 1,150 change, except a tenth that are drawn as they were.
    let share = differ as f64 / (6.0 * 1150.0);
    assert!((share - 0.45).abs() < 0.03, "{share}");
    assert_eq!(data.union_train().len(), clean.union_train().len());
    assert_eq!(data.test, clean.test);
}

#[test]
fn drawn_clients_have_noise_of_their_own() {
    let set = Synthetic { per_client: Some(50), classes: 5, ..Synthetic::default() };
    let of = |label_noise| of(&DataSpec { label_noise, ..synthetic(set.clone()) });
    let (clean, some, all) = (of(0.0), of(0.3), of(1.0));
    assert_eq!(clean.test, all.test);
    let labels = |data: &FederatedData, client, part: usize| -> Vec<u32> {
        own(data, client)[part].iter().map(|(_, label)| *label).collect()
    };
    for client in 0..6 {
        assert_eq!(own(&clean, client)[1], own(&all, client)[1]);
        let [clean, some, all] = [&clean, &some, &all].map(|data| labels(data, client, 0));
        assert_ne!(clean, some);
        let nested = clean.iter().zip(&some).zip(&all);
        assert!(nested.into_iter().all(|((clean, some), all)| some == clean || some == all));
    }
    assert_ne!(labels(&all, 0, 0), labels(&all, 1, 0));
}

#[test]
fn a_drawn_set_in_one_piece_has_clean_tests_too() {
    let of = |label_noise| of(&DataSpec { label_noise, ..synthetic(Synthetic::default()) });
    let (clean, all) = (of(0.0), of(1.0));
    assert_eq!(clean.test, all.test);
    assert_ne!(pool_of(&clean).labels, pool_of(&all).labels);
    for client in 0..6 {
        assert_eq!(own(&clean, client)[1], own(&all, client)[1]);
    }
}
