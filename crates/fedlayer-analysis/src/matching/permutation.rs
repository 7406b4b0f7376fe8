//! [`Permutation`]: an order of units.

use fedlayer_core::Generator;
use rand::seq::SliceRandom;

/// An order of units: position u takes the unit from position `sources()[u]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Permutation(Vec<usize>);

impl Permutation {
    /// Makes the permutation that takes `sources[u]` to position u. Returns `None` if `sources`
    /// does not contain each of 0, 1, … once.
    pub fn new(sources: Vec<usize>) -> Option<Self> {
        let mut seen = vec![false; sources.len()];
        for &source in &sources {
            match seen.get_mut(source) {
                Some(seen) if !*seen => *seen = true,
                _ => return None,
            }
        }
        Some(Self(sources))
    }

    /// Makes the identity.
    pub fn identity(units: usize) -> Self {
        Self((0..units).collect())
    }

    /// Draws one of the n! permutations uniformly.
    pub fn random(units: usize, generator: &mut Generator) -> Self {
        let mut sources: Vec<usize> = (0..units).collect();
        sources.shuffle(generator);
        Self(sources)
    }

    /// Returns the number of units.
    pub fn units(&self) -> usize {
        self.0.len()
    }

    /// Returns the unit that each position takes.
    pub fn sources(&self) -> &[usize] {
        &self.0
    }

    /// Returns whether it is the identity.
    pub fn is_identity(&self) -> bool {
        self.0.iter().enumerate().all(|(position, &source)| position == source)
    }

    /// Composes two permutations of the same number of units: this one, then `next`.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        Self(next.0.iter().map(|&source| self.0[source]).collect())
    }

    /// Returns the inverse permutation.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut positions = vec![0; self.0.len()];
        self.0.iter().enumerate().for_each(|(position, &source)| positions[source] = position);
        Self(positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedlayer_core::Seed;

    #[test]
    fn a_permutation_names_each_position_once() {
        assert!(Permutation::new(vec![2, 0, 1]).is_some());
        assert_eq!(Permutation::new(vec![0, 0, 1]), None);
        assert_eq!(Permutation::new(vec![0, 3, 1]), None);
    }

    #[test]
    fn orders_follow_one_another() {
        let (a, b) = (Permutation(vec![2, 0, 1]), Permutation(vec![1, 0, 2]));
        assert_eq!(a.then(&b).sources(), [0, 2, 1], "the second takes positions of the first");
        let random = Permutation::random(20, &mut Seed::new(1).generator());
        assert!(!random.is_identity());
        assert!(random.then(&random.inverse()).is_identity());
        assert!(random.inverse().then(&random).is_identity());
    }
}
