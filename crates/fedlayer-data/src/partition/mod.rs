//! Shares the pool out among the clients: one file for each partition, and here the code that they
//! share.
//!
//! Every partition except `whole` gives every example of the pool to exactly one client, and none
//! leaves a client empty.

mod classes;
pub(crate) mod dirichlet;
mod iid;
#[cfg(test)]
mod laws;
pub(crate) mod natural;
mod quantity;
mod shards;

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

use fedlayer_core::{Generator, data::Examples, spec::Partition};
use rand::RngExt;

use crate::{
    DataError,
    error::{at_least_one, positive},
};

/// Checks the partition's own value, whatever the clients.
pub(crate) fn check_value(partition: &Partition) -> Result<(), DataError> {
    match *partition {
        Partition::Iid | Partition::Whole | Partition::Natural => Ok(()),
        Partition::Dirichlet(concentration) => positive("data.partition.dirichlet", concentration),
        Partition::Shards(shards) => at_least_one("data.partition.shards", shards),
        Partition::Classes(asked) => at_least_one("data.partition.classes", asked),
        Partition::Quantity(exponent) => positive("data.partition.quantity", exponent),
    }
}

/// The properties of a pool that decide how it can be shared out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolFacts<'a> {
    /// The name in messages: the data set or the file.
    pub(crate) set: &'a str,
    /// The number of examples.
    pub(crate) examples: usize,
    /// The number of classes; for a text, of owners.
    pub(crate) classes: usize,
    /// The number of natural owners, if the examples have owners.
    pub(crate) owners: Option<usize>,
}

/// Checks that `clients` clients can share a pool by this partition.
pub(crate) fn check(
    partition: &Partition,
    pool: PoolFacts<'_>,
    clients: u32,
) -> Result<(), DataError> {
    let PoolFacts { set, examples: pool, classes, owners } = pool;
    at_least_one("clients.count", clients)?;
    if clients as usize > pool && *partition != Partition::Whole {
        return Err(DataError::MoreClientsThanExamples { clients, pool });
    }
    let needed = |each: u32| u64::from(clients) * u64::from(each);
    match *partition {
        Partition::Shards(shards) if needed(shards) > pool as u64 => {
            Err(DataError::MoreShardsThanExamples { clients, shards, pool })
        }
        Partition::Classes(asked) if asked as usize > classes => {
            Err(DataError::MoreClassesThanThereAre { asked, classes })
        }
        Partition::Classes(asked) if needed(asked) < classes as u64 => {
            Err(DataError::ClassWithoutClient { clients, asked, classes })
        }
        Partition::Classes(asked) if needed(asked) > pool as u64 => {
            Err(DataError::FewerExamplesThanClientClasses { clients, asked, pool })
        }
        Partition::Natural => match owners {
            None => Err(DataError::NoOwners { set: set.to_owned() }),
            Some(owners) if owners < clients as usize => {
                Err(DataError::FewerOwners { set: set.to_owned(), owners, clients })
            }
            Some(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Returns the examples of each client, as indices into the pool. The partition has passed
/// [`check`].
pub(crate) fn deal(
    partition: &Partition,
    pool: &Examples,
    clients: u32,
    generator: &mut Generator,
) -> Result<Vec<Vec<u32>>, DataError> {
    let (strata, classes) = pool.strata();
    let labels = &*strata;
    let clients = clients as usize;
    Ok(match *partition {
        Partition::Whole => vec![(0..pool.len() as u32).collect(); clients],
        Partition::Natural => natural::deal(pool.groups.as_deref().unwrap_or_default(), clients),
        Partition::Iid => iid::deal(labels.len(), clients, generator),
        Partition::Dirichlet(concentration) => {
            dirichlet::deal(concentration, labels, classes, clients, generator)?
        }
        Partition::Shards(shards) => {
            shards::deal(shards as usize, labels, classes, clients, generator)
        }
        Partition::Classes(asked) => {
            classes::deal(asked as usize, labels, classes, clients, generator)
        }
        Partition::Quantity(exponent) => {
            quantity::deal(exponent, labels, classes, clients, generator)
        }
    })
}

/// Cuts a list of `count` elements into `parts` stretches; their sizes differ by at most one.
fn even_cuts(count: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    let cut = move |part: usize| (count as u128 * part as u128 / parts as u128) as usize;
    (0..parts).map(move |part| cut(part)..cut(part + 1))
}

/// Splits `count` elements in proportion to `weights`; every share is within one of its exact
/// value, because the running sum is rounded.
fn apportion(count: usize, weights: &[f64]) -> Vec<usize> {
    let total: f64 = weights.iter().sum();
    let (mut sum, mut before) = (0.0, 0);
    let mut sizes: Vec<usize> = Vec::with_capacity(weights.len());
    for weight in weights {
        sum += weight;
        let up_to = ((sum / total * count as f64).round() as usize).clamp(before, count);
        sizes.push(up_to - before);
        before = up_to;
    }
    // The sums above are added in the same order as `total`, so the last quotient is exactly 1.
    debug_assert_eq!(before, count);
    sizes
}

/// Gives every empty client, in ascending order, one random example of the client that has the most
/// at that moment (the first, if several have).
///
/// There must be as many examples as clients; then the donor has at least two.
fn fill_empty(shares: &mut [Vec<u32>], generator: &mut Generator) {
    let sizes = shares.iter().enumerate().map(|(client, share)| (share.len(), Reverse(client)));
    let mut largest: BinaryHeap<(usize, Reverse<usize>)> = sizes.collect();
    for empty in 0..shares.len() {
        if !shares[empty].is_empty() {
            continue;
        }
        let Some((size, Reverse(donor))) = largest.pop() else { return };
        let moved = shares[donor].swap_remove(generator.random_range(0..size));
        shares[empty].push(moved);
        largest.push((size - 1, Reverse(donor)));
    }
}
