//! `data.label_noise`: training labels that are drawn anew. Labels of test examples stay as they are, those of the clients' own too.

use std::sync::Arc;

use fedlayer_core::{Examples, Generator, Seed};
use rand::RngExt;

use crate::set_part::gather;

/// Each client's training and own test examples, as indices into a pool.
pub(crate) type Shares = Vec<(Vec<u32>, Vec<u32>)>;

/// Draws the labels of a `share` of all training examples anew, each class as likely as any other.
///
/// For every example of the pool, whoever has it, a number from 0 to 1 and a label are drawn; it takes that label where the number is below
/// `share`. So whoever is noisy at some share is so at every larger one, with the same label: common random numbers.
///
/// Where clients share examples (`whole`), one client's own test example may be another's training example. It then points to a clean twin
/// behind the pool.
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
    for &example in shares.iter().flat_map(|(train, _)| train) {
        trained[example as usize] = true;
    }
    let mut rows: Vec<u32> = (0..pool.len() as u32).collect();
    let mut twins = vec![None; pool.len()];
    for example in shares.iter_mut().flat_map(|(_, test)| test) {
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

/// The same for the first `train` examples of a client that is drawn by itself.
pub(crate) fn on_first(examples: &mut Examples, train: usize, share: f64, seed: Seed) {
    if share == 0.0 {
        return;
    }
    let drawn = DrawnLabels::of(train, examples.classes, share, &mut seed.generator());
    for (label, drawn) in examples.labels.iter_mut().zip(drawn.0) {
        *label = drawn.unwrap_or(*label);
    }
}

/// For each example the label that it takes, or nothing where it keeps its own.
struct DrawnLabels(Vec<Option<u32>>);

impl DrawnLabels {
    fn of(examples: usize, classes: usize, share: f64, generator: &mut Generator) -> Self {
        let draw = |_| {
            // Both are drawn for every example, so that the share moves nobody else's draw.
            let (number, label) = (generator.random::<f64>(), generator.random_range(0..classes));
            (number < share).then_some(label as u32)
        };
        Self((0..examples).map(draw).collect())
    }
}
