//! Held-out examples: the common test set, and each client's own test data.

use fedlayer_core::Seed;
use rand::seq::SliceRandom;

use crate::stratify::stratified;

/// Returns how many of `examples` are held out: `share` of them, rounded, at least one, and at
/// least one is left. A single example is not held out.
pub(crate) fn held_out(examples: usize, share: f64) -> usize {
    match examples {
        0 | 1 => 0,
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

/// Splits a client's examples into training and own test examples, each ascending.
pub(crate) fn train_and_own_test(
    mut own: Vec<u32>,
    share: f64,
    seed: Seed,
) -> (Vec<u32>, Vec<u32>) {
    own.sort_unstable();
    own.shuffle(&mut seed.generator());
    let mut test = own.split_off(own.len() - held_out(own.len(), share));
    own.sort_unstable();
    test.sort_unstable();
    (own, test)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
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
    }
}
