//! Examples of k classes per client, as in McMahan et al. (2017) and Li et al. (2022), "Federated
//! learning on non-IID data silos", where the partition is called `#C = k`.

use std::collections::BTreeSet;

use fedlayer_core::Generator;
use rand::seq::SliceRandom;

use super::even_cuts;
use crate::stratify::by_class;

/// Returns the examples of each client: of exactly `per_client` classes if the labels allow it.
///
/// The numbers of clients per class differ by at most one, except that a class never has more
/// clients than examples; the examples of a class are shared evenly among its clients. A client
/// gets fewer classes only if all classes together have too few examples.
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

/// Returns how many clients each class has: `total` altogether, as evenly as `most` of each class
/// allows, and fewer than `total` if `most` allows no more.
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

/// Deals classes to clients in turn: every client gets its n-th class before any gets its n + 1st.
struct Turn {
    clients: u32,
    /// The clients that are still to get a class in this turn, the next one last.
    waiting: Vec<u32>,
}

impl Turn {
    /// Returns the clients that get the next class: `count` different ones, at most all of them.
    fn next(&mut self, count: usize, generator: &mut Generator) -> Vec<u32> {
        let mut holders = Vec::with_capacity(count);
        while holders.len() < count {
            if self.waiting.is_empty() {
                self.waiting = (0..self.clients).collect();
                self.waiting.shuffle(generator);
                // A client that has this class already comes last in the next turn, after this
                // class is dealt.
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
