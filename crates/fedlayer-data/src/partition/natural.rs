//! The natural partition: the examples of a speaker, an article or a writer stay together at one
//! client (LEAF, Caldas et al. 2018).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// Returns the number of different owners.
pub(crate) fn owners(groups: &[u32]) -> usize {
    by_owner(groups).len()
}

/// Returns the examples of each client. Owners are dealt whole in the order of their size, the
/// largest first, each to the client that has the fewest examples at that moment (the first, if
/// several have). With as many clients as owners each client is one owner.
pub(super) fn deal(groups: &[u32], clients: usize) -> Vec<Vec<u32>> {
    let mut owned: Vec<Vec<u32>> = by_owner(groups).into_values().collect();
    // The sort is stable: owners of equal size stay in the order of their numbers.
    owned.sort_by_key(|examples| Reverse(examples.len()));
    let mut smallest: BinaryHeap<Reverse<(usize, usize)>> =
        (0..clients).map(|client| Reverse((0, client))).collect();
    let mut shares = vec![Vec::new(); clients];
    for examples in owned {
        let Some(Reverse((size, client))) = smallest.pop() else { break };
        smallest.push(Reverse((size + examples.len(), client)));
        shares[client].extend(examples);
    }
    shares
}

fn by_owner(groups: &[u32]) -> BTreeMap<u32, Vec<u32>> {
    let mut owned: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (example, &owner) in (0..).zip(groups) {
        owned.entry(owner).or_default().push(example);
    }
    owned
}
