//! [`Seed`]: random numbers are arguments. A run's seed has named sub-seeds, made by hashing.

use std::fmt;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator of every draw: ChaCha with 8 rounds. It gives the same numbers on every platform.
pub type Generator = ChaCha8Rng;

/// The start of a stream of random numbers.
///
/// Sub-seeds have names, so one part of a run draws the same numbers no matter how much another
/// part has drawn: `Seed::new(7).child("client").index(3).child("batches")`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Makes the seed that a scenario gives as a number.
    pub fn new(number: u64) -> Self {
        Self(blake3::derive_key("fedlayer scenario seed", &number.to_le_bytes()))
    }

    /// Returns the sub-seed called `name`.
    #[must_use]
    pub fn child(self, name: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, name.as_bytes()).as_bytes())
    }

    /// Returns the sub-seed with this index (of a client, a round, a draw).
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        // The first byte is 0, because no name of `child` begins with one.
        let mut bytes = [0; 9];
        bytes[1..].copy_from_slice(&index.to_le_bytes());
        Self(*blake3::keyed_hash(&self.0, &bytes).as_bytes())
    }

    /// Returns the seed as bytes, to send it to another process.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Makes the seed that [`to_bytes`](Self::to_bytes) was called on.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the generator that starts at this seed.
    pub fn generator(self) -> Generator {
        Generator::from_seed(self.0)
    }
}

/// Shows the first four bytes, which are enough to tell two seeds apart.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({:02x}{:02x}{:02x}{:02x}…)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_indices_give_different_streams() {
        let root = Seed::new(1);
        let seeds = [
            root,
            Seed::new(2),
            root.child("data"),
            root.child("model"),
            root.index(0),
            root.index(1),
            root.child("data").child("model"),
            root.child("model").child("data"),
        ];
        assert_eq!(BTreeSet::from(seeds).len(), seeds.len());
        assert_eq!(root.child("data"), Seed::new(1).child("data"));
    }
}
