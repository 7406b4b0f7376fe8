//! Each client has examples of so many classes, as in McMahan et al. (2017) and Li et al. (2022), "Federated learning on non-IID data
//! silos", where it is `#C = k`.

use std::collections::BTreeSet;

use fedlayer_core::Generator;
use rand::seq::SliceRandom;

use super::even_cuts;
use crate::stratify::by_class;

/// The examples of each client: exactly `per_client` classes where the labels allow it.
///
/// Every class goes to as many clients as any other, give or take one, but to no more than it has examples; its examples are shared
/// evenly among them. Only where all classes together have too few examples for that does a client get fewer classes.
pub(super) fn deal(
    per_client: usize,
    labels: &[u32],
    classes: usize,
    clients: usize,
    generator: &mut Generator,
) -> Vec<Vec<u32>> {
    let mut members = by_class(labels, classes);
    members.shuffle(generator);
    let most: Vec<usize> = members.iter().map(|members| members.len().min(clients)).collect();
    let mut turn = Turn { clients: clients as u32, waiting: Vec::new() };
    let mut shares = vec![Vec::new(); clients];
    for (mut members, holders) in members.into_iter().zip(holders(&most, clients * per_client)) {
        members.shuffle(generator);
        let holders = turn.next(holders, generator);
        for (holder, cut) in holders.iter().zip(even_cuts(members.len(), holders.len())) {
            shares[*holder as usize].extend_from_slice(&members[cut]);
        }
    }
    shares
}

/// How many clients each class goes to: `total` altogether, as evenly as `most` of each class allows, and fewer if it allows no more.
fn holders(most: &[usize], total: usize) -> Vec<usize> {
    let mut rest = total;
    let mut holders = vec![0; most.len()];
    let mut ascending: Vec<usize> = (0..most.len()).collect();
    ascending.sort_by_key(|&class| most[class]);
    for (done, class) in ascending.into_iter().enumerate() {
        holders[class] = most[class].min(rest / (most.len() - done));
        rest -= holders[class];
    }
    holders
}

/// Deals classes to clients in turn: everyone has had n before anyone gets one more than n.
struct Turn {
    clients: u32,
    /// The clients that have had one class fewer than the others, the next at the end.
    waiting: Vec<u32>,
}

impl Turn {
    /// The clients that get the next class: `count` different ones, at most all of them.
    fn next(&mut self, count: usize, generator: &mut Generator) -> Vec<u32> {
        let mut holders = Vec::with_capacity(count);
        while holders.len() < count {
            if self.waiting.is_empty() {
                self.waiting = (0..self.clients).collect();
                self.waiting.shuffle(generator);
                // Whoever has this class already comes last, which is after this class is dealt.
                let have: BTreeSet<u32> = holders.iter().copied().collect();
                self.waiting.sort_by_key(|client| !have.contains(client));
            }
            holders.extend(self.waiting.pop());
        }
        holders
    }
}

#[cfg(test)]
mod tests {
    use super::holders;

    #[test]
    fn classes_go_to_as_many_clients_as_they_have_examples_for() {
        assert_eq!(holders(&[9, 9, 9], 7), [2, 2, 3]);
        assert_eq!(holders(&[1, 9, 0, 9], 7), [1, 3, 0, 3]);
        assert_eq!(holders(&[3, 1], 9), [3, 1]);
        assert_eq!(holders(&[4, 4], 8), [4, 4]);
    }
}
