//! [`Batches`]: which examples a client sees in which step of a round.

use fedlayer_core::{Seed, spec::LocalSpec};
use rand::seq::SliceRandom;

/// The batches of one client in one round: each epoch is a permutation of its examples, cut into batches; the last may be smaller.
#[derive(Debug, Clone)]
pub(crate) struct Batches {
    /// Indices into the pool, epoch after epoch.
    order: Vec<u32>,
    examples: usize,
    size: usize,
    steps: usize,
}

impl Batches {
    /// Draws the permutations, each epoch's from its own sub-seed.
    pub(crate) fn draw(examples: &[u32], local: &LocalSpec, seed: Seed) -> Self {
        let size = local.batch as usize;
        let per_epoch = examples.len().div_ceil(size);
        let steps = local.steps_of(per_epoch as u64) as usize;
        let epochs = steps.checked_div(per_epoch).map_or(0, |_| steps.div_ceil(per_epoch));
        let mut order = Vec::with_capacity(examples.len() * epochs);
        for epoch in 0..epochs {
            let start = order.len();
            order.extend_from_slice(examples);
            let mut generator = seed.child("batches").index(epoch as u64).generator();
            order[start..].shuffle(&mut generator);
        }
        Self { order, examples: examples.len(), size, steps }
    }

    /// Batches of `size` in a given order, which holds `examples` indices per epoch.
    #[cfg(test)]
    pub(crate) fn in_order(order: Vec<u32>, examples: usize, size: usize) -> Self {
        let steps = order.len() / examples * examples.div_ceil(size);
        Self { order, examples, size, steps }
    }

    /// The examples that all steps of the round see together, repetitions counted.
    pub(crate) fn seen(&self) -> usize {
        (0..self.steps).map(|step| self.of(step).len()).sum()
    }

    /// Steps of an epoch.
    pub(crate) fn per_epoch(&self) -> usize {
        self.examples.div_ceil(self.size)
    }

    /// Steps of the round.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// The examples of a step, which is below [`steps`](Self::steps).
    pub(crate) fn of(&self, step: usize) -> &[u32] {
        let epoch = step / self.per_epoch() * self.examples;
        let start = step % self.per_epoch() * self.size;
        &self.order[epoch + start..epoch + self.examples.min(start + self.size)]
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::spec::{Optimizer, Sgd};

    use super::*;

    #[test]
    fn an_epoch_shows_every_example_once_and_the_next_in_another_order() {
        let local = LocalSpec::new(2, 10, Optimizer::Sgd(Sgd::new(0.1)));
        let examples: Vec<u32> = (100..123).collect();
        let batches = Batches::draw(&examples, &local, Seed::new(1));
        assert_eq!((batches.per_epoch(), batches.steps()), (3, 6));
        let sizes: Vec<usize> = (0..6).map(|step| batches.of(step).len()).collect();
        assert_eq!(sizes, [10, 10, 3, 10, 10, 3]);
        let epoch = |steps: std::ops::Range<usize>| -> Vec<u32> {
            steps.flat_map(|step| batches.of(step).to_vec()).collect()
        };
        assert_ne!(epoch(0..3), epoch(3..6));
        for mut seen in [epoch(0..3), epoch(3..6)] {
            seen.sort_unstable();
            assert_eq!(seen, examples);
        }
        assert_eq!(Batches::draw(&[], &local, Seed::new(1)).steps(), 0);
        let four = LocalSpec { epochs: None, steps: Some(4), ..local };
        let cut = Batches::draw(&examples, &four, Seed::new(1));
        assert_eq!((cut.steps(), cut.seen()), (4, 33));
        assert!((0..4).all(|step| cut.of(step) == batches.of(step)));
        assert_eq!(Batches::draw(&[], &four, Seed::new(1)).steps(), 0);
    }
}
