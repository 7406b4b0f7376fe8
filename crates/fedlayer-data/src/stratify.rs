//! [`stratified`]: an order of examples in which every stretch has every class in its proportion;
//! [`stratified_draw`]: examples with every class in its proportion, within one example.

use fedlayer_core::Generator;
use rand::{RngExt, seq::SliceRandom};

/// Returns the examples of each class, ascending: `(classes)` lists of indices into `labels`.
pub(crate) fn by_class(labels: &[u32], classes: usize) -> Vec<Vec<u32>> {
    let mut members = vec![Vec::new(); classes];
    for (example, &label) in (0..).zip(labels) {
        members[label as usize].push(example);
    }
    members
}

/// Orders all examples, as indices into `labels`, such that every stretch has every class in its
/// proportion.
///
/// The n examples of a class are shuffled and laid at even distances 1/n on a line of length 1,
/// from a random start below 1/n; the order is that along the line. A stretch of s examples has s·p
/// examples of a class with share p of all N, up to 1 + p·C for C classes.
pub(crate) fn stratified(labels: &[u32], classes: usize, generator: &mut Generator) -> Vec<u32> {
    let mut line: Vec<(f64, u32)> = Vec::with_capacity(labels.len());
    for mut members in by_class(labels, classes) {
        members.shuffle(generator);
        let start: f64 = generator.random();
        let count = members.len() as f64;
        let positions = members.iter().enumerate().map(|(i, &m)| ((i as f64 + start) / count, m));
        line.extend(positions);
    }
    line.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    line.into_iter().map(|(_, example)| example).collect()
}

/// Returns how many of the `count` examples that are set apart come from each class: `(classes)`.
///
/// A class with share p of all examples gives p · `count` of them, rounded down or up. Classes with
/// the largest remainders are rounded up (the method of Hamilton); of equal remainders, those of
/// the first classes.
pub(crate) fn apportioned(sizes: &[usize], count: usize) -> Vec<usize> {
    let all = sizes.iter().sum::<usize>().max(1) as u128;
    let exact = |size: usize| size as u128 * count as u128;
    let mut shares: Vec<usize> = sizes.iter().map(|&size| (exact(size) / all) as usize).collect();
    let missing = count.saturating_sub(shares.iter().sum());
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(exact(sizes[class]) % all));
    order.into_iter().take(missing).for_each(|class| shares[class] += 1);
    shares
}

/// Draws `count` examples with every class in its proportion, as indices into `labels`, ascending.
pub(crate) fn stratified_draw(
    labels: &[u32],
    classes: usize,
    count: usize,
    generator: &mut Generator,
) -> Vec<u32> {
    let mut members = by_class(labels, classes);
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let mut drawn = Vec::with_capacity(count);
    for (members, share) in members.iter_mut().zip(apportioned(&sizes, count)) {
        members.shuffle(generator);
        drawn.extend_from_slice(&members[..share]);
    }
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use fedlayer_core::Seed;
    use proptest::prelude::*;

    use super::*;

    /// Counted by hand: of 10, 5 and 3 examples 6 are drawn. The exact shares are 3 1/3, 1 2/3 and
    /// 1; the largest remainder is that of the second class.
    #[test]
    fn the_largest_remainders_are_rounded_up() {
        assert_eq!(apportioned(&[10, 5, 3], 6), [3, 2, 1]);
        // Exact shares of 3/4 each: the first three of four equal classes give one.
        assert_eq!(apportioned(&[2, 2, 2, 2], 3), [1, 1, 1, 0]);
        assert_eq!(apportioned(&[7, 0, 1], 4), [4, 0, 0]);
        assert_eq!(apportioned(&[0, 0], 0), [0, 0]);
    }

    proptest! {
        #[test]
        fn a_draw_has_every_class_within_one_example(
            labels in proptest::collection::vec(0_u32..4, 1..300),
            share in 0.0..1.0,
            seed: u64,
        ) {
            let count = (share * labels.len() as f64) as usize;
            let drawn = stratified_draw(&labels, 4, count, &mut Seed::new(seed).generator());
            prop_assert_eq!(drawn.len(), count);
            prop_assert!(drawn.is_sorted_by(|a, b| a < b));
            for (class, members) in by_class(&labels, 4).iter().enumerate() {
                let exact = members.len() as f64 * count as f64 / labels.len() as f64;
                let found = drawn.iter().filter(|&&e| labels[e as usize] == class as u32).count();
                prop_assert!((found as f64 - exact).abs() < 1.0, "{}: {} of {}", class, found, exact);
            }
        }

        #[test]
        fn every_stretch_has_every_class_in_its_proportion(
            labels in proptest::collection::vec(0_u32..4, 1..300),
            seed: u64,
            (from, to) in (0.0..1.0, 0.0..1.0),
        ) {
            let order = stratified(&labels, 4, &mut Seed::new(seed).generator());
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert!(sorted.into_iter().eq(0..labels.len() as u32));
            let at = |share: f64| (share * labels.len() as f64) as usize;
            let stretch = &order[at(f64::min(from, to))..at(f64::max(from, to))];
            for (class, members) in by_class(&labels, 4).iter().enumerate() {
                let share = members.len() as f64 / labels.len() as f64;
                let found = stretch.iter().filter(|&&e| labels[e as usize] == class as u32).count();
                let exact = share * stretch.len() as f64;
                prop_assert!((found as f64 - exact).abs() <= 1.0 + 4.0 * share + 1e-9);
            }
        }
    }
}
