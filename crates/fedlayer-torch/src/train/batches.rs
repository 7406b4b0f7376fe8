//! [`Batches`]: the examples of each training step of a client in a round.

use fedlayer_core::{Seed, spec::LocalSpec};
use rand::seq::SliceRandom;

/// The batches of one client in one round.
///
/// Each epoch is a permutation of its examples, cut into batches. The last batch of an epoch may be
/// smaller, or is left out if the plan says so.
#[derive(Debug, Clone)]
pub(crate) struct Batches {
    /// Indices of examples, epoch after epoch.
    order: Vec<u32>,
    examples: usize,
    size: usize,
    per_epoch: usize,
    steps: usize,
}

impl Batches {
    /// Draws the permutations. Each epoch has a sub-seed of its own.
    pub(crate) fn draw(examples: &[u32], local: &LocalSpec, seed: Seed) -> Self {
        let size = local.batch as usize;
        let per_epoch = local.batches_of(examples.len() as u64) as usize;
        let steps = local.steps_of(per_epoch as u64) as usize;
        let epochs = steps.checked_div(per_epoch).map_or(0, |_| steps.div_ceil(per_epoch));
        let mut order = Vec::with_capacity(examples.len() * epochs);
        for epoch in 0..epochs {
            let start = order.len();
            order.extend_from_slice(examples);
            let mut generator = seed.child("batches").index(epoch as u64).generator();
            order[start..].shuffle(&mut generator);
        }
        Self { order, examples: examples.len(), size, per_epoch, steps }
    }

    /// Cuts a given order of `examples` indices per epoch into the plan's batches.
    #[cfg(test)]
    pub(crate) fn in_order(order: Vec<u32>, examples: usize, local: &LocalSpec) -> Self {
        let per_epoch = local.batches_of(examples as u64) as usize;
        let steps = order.len() / examples * per_epoch;
        Self { order, examples, size: local.batch as usize, per_epoch, steps }
    }

    /// The size of the smallest batch; `None` without a batch.
    pub(crate) fn smallest(&self) -> Option<usize> {
        (0..self.steps).map(|step| self.of(step).len()).min()
    }

    /// The sum of the sizes of all batches of the round.
    pub(crate) fn seen(&self) -> usize {
        (0..self.steps).map(|step| self.of(step).len()).sum()
    }

    /// The steps of an epoch.
    pub(crate) fn per_epoch(&self) -> usize {
        self.per_epoch
    }

    /// The steps of the round.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// The examples of a step below [`steps`](Self::steps).
    pub(crate) fn of(&self, step: usize) -> &[u32] {
        let epoch = step / self.per_epoch() * self.examples;
        let start = step % self.per_epoch() * self.size;
        &self.order[epoch + start..epoch + self.examples.min(start + self.size)]
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::spec::{LastBatch, Optimizer, Sgd};

    use super::*;

    #[test]
    fn a_smaller_last_batch_is_left_out_if_the_plan_says_so() {
        let local = LocalSpec {
            last_batch: LastBatch::Drop,
            ..LocalSpec::new(2, 10, Optimizer::Sgd(Sgd::new(0.1)))
        };
        let examples: Vec<u32> = (0..23).collect();
        let batches = Batches::draw(&examples, &local, Seed::new(1));
        assert_eq!((batches.per_epoch(), batches.steps(), batches.seen()), (2, 4, 40));
        assert_eq!(batches.smallest(), Some(10));
        // The remaining batches are those of an epoch with its last batch. Each epoch leaves out
        // other examples.
        let kept = Batches::draw(
            &examples,
            &LocalSpec { last_batch: LastBatch::Keep, ..local },
            Seed::new(1),
        );
        assert_eq!(kept.smallest(), Some(3));
        for (step, other) in [(0, 0), (1, 1), (2, 3), (3, 4)] {
            assert_eq!(batches.of(step), kept.of(other));
        }
        assert_ne!(kept.of(2), kept.of(5));
    }

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
