//! `data.label_noise`: training labels that are drawn anew. The labels of all test and validation
//! examples stay as they are.

use std::sync::Arc;

use fedlayer_core::{
    Generator, Seed,
    data::{ClientRows, Examples},
};
use rand::RngExt;

use crate::set_part::gather;

/// The examples of each client, as indices into a pool.
pub(crate) type Shares = Vec<ClientRows>;

/// Draws the labels of a `share` of all training examples anew, all classes being equally likely.
///
/// A number from 0 to 1 and a label are drawn for every example of the pool, whichever client has
/// it; the example takes that label if the number is below `share`. An example that is noisy at one
/// share is therefore noisy at every larger one, with the same label (common random numbers).
///
/// If clients share examples (`whole`), one client's held-out example may be another's training
/// example. It is then replaced by a clean copy at the end of the pool.
pub(crate) fn on_training(
    pool: Arc<Examples>,
    mut shares: Shares,
    share: f64,
    seed: Seed,
) -> (Arc<Examples>, Shares) {
    if share == 0.0 {
        return (pool, shares);
    }
    let mut generator = seed.generator();
    let drawn = DrawnLabels::of(pool.len(), pool.classes, share, &mut generator);
    let mut trained = vec![false; pool.len()];
    for &example in shares.iter().flat_map(|rows| &rows.train) {
        trained[example as usize] = true;
    }
    let mut rows: Vec<u32> = (0..pool.len() as u32).collect();
    let mut twins = vec![None; pool.len()];
    for example in shares.iter_mut().flat_map(ClientRows::held_out_mut) {
        let at = *example as usize;
        if trained[at] && drawn.0[at].is_some() {
            *example = *twins[at].get_or_insert_with(|| {
                rows.push(at as u32);
                rows.len() as u32 - 1
            });
        }
    }
    let mut noisy = gather(&pool, &rows);
    for (at, label) in drawn.0.iter().enumerate() {
        if let Some(label) = label.filter(|_| trained[at]) {
            noisy.labels[at] = label;
        }
    }
    (Arc::new(noisy), shares)
}

/// Draws labels anew for the first `train` examples of a client that is drawn by itself, as
/// [`on_training`] does.
pub(crate) fn on_first(examples: &mut Examples, train: usize, share: f64, seed: Seed) {
    if share == 0.0 {
        return;
    }
    let drawn = DrawnLabels::of(train, examples.classes, share, &mut seed.generator());
    for (label, drawn) in examples.labels.iter_mut().zip(drawn.0) {
        *label = drawn.unwrap_or(*label);
    }
}

/// The new label of each example, or `None` if it keeps its own.
struct DrawnLabels(Vec<Option<u32>>);

impl DrawnLabels {
    fn of(examples: usize, classes: usize, share: f64, generator: &mut Generator) -> Self {
        let draw = |_| {
            // Both numbers are always drawn, so the share does not shift the draws of other
            // examples.
            let (number, label) = (generator.random::<f64>(), generator.random_range(0..classes));
            (number < share).then_some(label as u32)
        };
        Self((0..examples).map(draw).collect())
    }
}
