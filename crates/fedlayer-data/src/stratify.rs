//! [`stratified`]: an order of examples in which every stretch has every class in its proportion.

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

#[cfg(test)]
mod tests {
    use fedlayer_core::Seed;
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
