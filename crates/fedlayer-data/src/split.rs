//! Held-out examples: the common test and validation sets, and each client's own test and validation
//! data.

use fedlayer_core::{Seed, data::ClientRows, spec::DataSpec};
use rand::seq::SliceRandom;

use crate::stratify::{stratified, stratified_draw};

/// Returns how many of `examples` are held out: `share` of them, rounded, at least one, and at
/// least one is left. A single example is not held out, and a share of 0 holds nothing out.
pub(crate) fn held_out(examples: usize, share: f64) -> usize {
    match examples {
        0 | 1 => 0,
        _ if share == 0.0 => 0,
        _ => ((examples as f64 * share).round() as usize).clamp(1, examples - 1),
    }
}

/// Splits examples into the pool and the common test set, as indices into `labels`, each in random
/// order. The test set is stratified by class.
///
/// If examples have natural `owners`, the pool has an example of every owner (or of as many owners
/// as it has examples), because a client may be any of them. For that, single examples are swapped
/// between pool and test set, and the strata are exact except for these.
pub(crate) fn pool_and_test(
    labels: &[u32],
    classes: usize,
    owners: Option<&[u32]>,
    share: f64,
    seed: Seed,
) -> (Vec<u32>, Vec<u32>) {
    let mut generator = seed.generator();
    let mut test = stratified(labels, classes, &mut generator);
    let mut pool = test.split_off(held_out(labels.len(), share));
    test.shuffle(&mut generator);
    pool.shuffle(&mut generator);
    if let Some(owners) = owners {
        keep_owners(&mut pool, &mut test, owners);
    }
    (pool, test)
}

/// Swaps an example of each owner that is missing in the pool with one of an owner that has several
/// there.
fn keep_owners(pool: &mut [u32], test: &mut [u32], owners: &[u32]) {
    let mut owned = vec![0_usize; owners.iter().max().map_or(0, |&last| last as usize + 1)];
    pool.iter().for_each(|&example| owned[owners[example as usize] as usize] += 1);
    // An owner that has one example when it is passed never gains a second one later.
    let mut position = 0;
    for example in test {
        let missing = owners[*example as usize] as usize;
        if owned[missing] > 0 {
            continue;
        }
        let donor = |example: u32| owners[example as usize] as usize;
        while pool.get(position).is_some_and(|&example| owned[donor(example)] < 2) {
            position += 1;
        }
        let Some(given) = pool.get_mut(position) else { return };
        owned[donor(*given)] -= 1;
        owned[missing] = 1;
        std::mem::swap(given, example);
    }
}

/// Splits the pool into the rest and the common validation set, as indices into `labels`, each
/// ascending. The validation set is stratified by class: every class has its proportion, rounded
/// down or up.
///
/// With natural `owners` the rest has an example of every owner, as in [`pool_and_test`].
pub(crate) fn rest_and_validation(
    labels: &[u32],
    classes: usize,
    owners: Option<&[u32]>,
    share: f64,
    seed: Seed,
) -> (Vec<u32>, Vec<u32>) {
    let mut generator = seed.generator();
    let count = held_out(labels.len(), share);
    let mut validation = stratified_draw(labels, classes, count, &mut generator);
    let mut is_taken = vec![false; labels.len()];
    validation.iter().for_each(|&example| is_taken[example as usize] = true);
    let all = 0..labels.len() as u32;
    let mut rest: Vec<u32> = all.filter(|&example| !is_taken[example as usize]).collect();
    if let Some(owners) = owners {
        keep_owners(&mut rest, &mut validation, owners);
        rest.sort_unstable();
        validation.sort_unstable();
    }
    (rest, validation)
}

/// Returns how many of a client's examples become its own validation data, if `held_out` are
/// already its test data: the share of all its examples, rounded, at least one, and at least one is
/// left for training. Of a single one that is left none is taken.
pub(crate) fn own_validation(examples: usize, held_out: usize, share: f64) -> usize {
    match examples - held_out {
        0 | 1 => 0,
        _ if share == 0.0 => 0,
        left => ((examples as f64 * share).round() as usize).clamp(1, left - 1),
    }
}

/// The seeds that decide which examples a client holds out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnSeeds {
    pub(crate) test: Seed,
    pub(crate) validation: Seed,
}

/// Splits a client's examples into its parts, each ascending. The test examples do not depend on
/// the share of validation examples.
pub(crate) fn parts_of_client(own: Vec<u32>, spec: &DataSpec, seeds: OwnSeeds) -> ClientRows {
    let examples = own.len();
    let count = held_out(examples, spec.client_test_share);
    let (left, test) = set_apart(own, count, seeds.test);
    let count = own_validation(examples, test.len(), spec.client_validation_share);
    let (train, validation) = set_apart(left, count, seeds.validation);
    ClientRows { train, validation, test }
}

/// Draws `count` of the examples and returns the rest and them, each ascending.
fn set_apart(mut own: Vec<u32>, count: usize, seed: Seed) -> (Vec<u32>, Vec<u32>) {
    own.sort_unstable();
    if count == 0 {
        return (own, Vec::new());
    }
    own.shuffle(&mut seed.generator());
    let mut apart = own.split_off(own.len() - count);
    own.sort_unstable();
    apart.sort_unstable();
    (own, apart)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fedlayer_core::spec::DataSet;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_rest_has_examples_of_every_owner_that_it_has_room_for(
            owners in proptest::collection::vec(0_u32..30, 2..100),
            share in 0.01..0.99,
            seed: u64,
        ) {
            let seed = Seed::new(seed);
            let (rest, validation) = rest_and_validation(&owners, 30, Some(&owners), share, seed);
            let of = |part: &[u32]| -> BTreeSet<u32> {
                part.iter().map(|&example| owners[example as usize]).collect()
            };
            let all: BTreeSet<u32> = owners.iter().copied().collect();
            prop_assert_eq!(of(&rest).len(), all.len().min(rest.len()));
            prop_assert_eq!(validation.len(), held_out(owners.len(), share));
            let mut both = [rest, validation].concat();
            both.sort_unstable();
            prop_assert!(both.into_iter().eq(0..owners.len() as u32));
        }

        #[test]
        fn validation_data_change_no_test_data_and_come_from_the_training_data(
            examples in 1_u32..200,
            (client_test_share, client_validation_share) in (0.0..0.5, 0.001..0.499),
            seed: u64,
        ) {
            let seed = Seed::new(seed);
            let seeds = OwnSeeds { test: seed.child("test"), validation: seed.child("validation") };
            let without = DataSpec { client_test_share, ..DataSpec::new(DataSet::Digits) };
            let with = DataSpec { client_validation_share, ..without.clone() };
            let own: Vec<u32> = (0..examples).map(|example| 3 * example).collect();
            let before = parts_of_client(own.clone(), &without, seeds);
            let after = parts_of_client(own, &with, seeds);
            prop_assert_eq!(&before.test, &after.test);
            prop_assert!(before.validation.is_empty() && !after.train.is_empty());
            let mut both = [after.train, after.validation].concat();
            both.sort_unstable();
            prop_assert_eq!(both, before.train);
        }

        #[test]
        fn the_pool_has_examples_of_every_owner_that_it_has_room_for(
            owners in proptest::collection::vec(0_u32..30, 2..100),
            share in 0.01..0.99,
            seed: u64,
        ) {
            let (pool, test) = pool_and_test(&owners, 30, Some(&owners), share, Seed::new(seed));
            let of = |part: &[u32]| -> BTreeSet<u32> {
                part.iter().map(|&example| owners[example as usize]).collect()
            };
            let all: BTreeSet<u32> = owners.iter().copied().collect();
            prop_assert_eq!(of(&pool).len(), all.len().min(pool.len()));
            prop_assert_eq!(test.len(), held_out(owners.len(), share));
            let mut both = [pool, test].concat();
            both.sort_unstable();
            prop_assert!(both.into_iter().eq(0..owners.len() as u32));
        }
    }

    #[test]
    fn what_is_held_out_is_rounded_and_leaves_one() {
        let counts =
            [(0, 0.5), (1, 0.9), (2, 0.001), (2, 0.999), (10, 0.24), (10, 0.26), (1797, 0.2)];
        assert_eq!(
            counts.map(|(examples, share)| held_out(examples, share)),
            [0, 0, 1, 1, 2, 3, 359]
        );
        assert_eq!([0, 1, 2, 1797].map(|examples| held_out(examples, 0.0)), [0; 4]);
    }

    #[test]
    fn validation_data_of_a_client_leave_it_one_to_train_on() {
        // Examples, those of the test part, and the share.
        let cases = [
            (10, 2, 0.2, 2),
            (10, 2, 0.0, 0),
            (10, 2, 0.01, 1),
            (10, 2, 0.79, 7),
            (3, 1, 0.5, 1),
            (2, 1, 0.5, 0),
            (2, 0, 0.5, 1),
            (1, 0, 0.5, 0),
        ];
        for (examples, test, share, expected) in cases {
            assert_eq!(
                own_validation(examples, test, share),
                expected,
                "{examples} {test} {share}"
            );
        }
    }
}
