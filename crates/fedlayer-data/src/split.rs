//! What is held out: the common test set, and each client's own test data.

use fedlayer_core::Seed;
use rand::seq::SliceRandom;

use crate::stratify::stratified;

/// How many of `examples` are held out: `share` of them, rounded, at least one, and one at least is left. None of a single one.
pub(crate) fn held_out(examples: usize, share: f64) -> usize {
    match examples {
        0 | 1 => 0,
        _ => ((examples as f64 * share).round() as usize).clamp(1, examples - 1),
    }
}

/// The pool and the common test set, as indices into `labels`, each in random order. The test set is stratified by class.
pub(crate) fn pool_and_test(
    labels: &[u32],
    classes: usize,
    share: f64,
    seed: Seed,
) -> (Vec<u32>, Vec<u32>) {
    let mut generator = seed.generator();
    let mut test = stratified(labels, classes, &mut generator);
    let mut pool = test.split_off(held_out(labels.len(), share));
    test.shuffle(&mut generator);
    pool.shuffle(&mut generator);
    (pool, test)
}

/// A client's training examples and its own test examples, each ascending, out of all that it has.
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
    use super::held_out;

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
