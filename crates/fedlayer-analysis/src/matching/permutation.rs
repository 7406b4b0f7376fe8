//! [`Permutation`]: an order of units.

use fedlayer_core::Generator;
use rand::seq::SliceRandom;

/// An order of units: place u takes the unit that was at place `sources()[u]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Permutation(Vec<usize>);

impl Permutation {
    /// The order that takes `sources[u]` to place u; none where not each of the places 0, 1, … is there once.
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

    /// Every unit where it is.
    pub fn identity(units: usize) -> Self {
        Self((0..units).collect())
    }

    /// One of the n! orders, each as likely.
    pub fn random(units: usize, generator: &mut Generator) -> Self {
        let mut sources: Vec<usize> = (0..units).collect();
        sources.shuffle(generator);
        Self(sources)
    }

    /// How many units it orders.
    pub fn units(&self) -> usize {
        self.0.len()
    }

    /// Which unit each place takes.
    pub fn sources(&self) -> &[usize] {
        &self.0
    }

    /// Whether every unit stays where it is.
    pub fn is_identity(&self) -> bool {
        self.0.iter().enumerate().all(|(place, &source)| place == source)
    }

    /// This order, then another one of what came out of it; both of as many units.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        Self(next.0.iter().map(|&source| self.0[source]).collect())
    }

    /// The order that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut places = vec![0; self.0.len()];
        self.0.iter().enumerate().for_each(|(place, &source)| places[source] = place);
        Self(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedlayer_core::Seed;

    #[test]
    fn an_order_names_each_place_once() {
        assert!(Permutation::new(vec![2, 0, 1]).is_some());
        assert_eq!(Permutation::new(vec![0, 0, 1]), None);
        assert_eq!(Permutation::new(vec![0, 3, 1]), None);
    }

    #[test]
    fn orders_follow_one_another() {
        let (a, b) = (Permutation(vec![2, 0, 1]), Permutation(vec![1, 0, 2]));
        assert_eq!(a.then(&b).sources(), [0, 2, 1], "the second takes places of the first");
        let random = Permutation::random(20, &mut Seed::new(1).generator());
        assert!(!random.is_identity());
        assert!(random.then(&random.inverse()).is_identity());
        assert!(random.inverse().then(&random).is_identity());
    }
}
