//! [`Seed`]: random numbers are arguments. A scenario's seed has named sub-seeds, made by hashing.

use std::fmt;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator that every draw of a run comes from: ChaCha with 8 rounds, the same on every platform.
pub type Generator = ChaCha8Rng;

/// Where a stream of random numbers begins.
///
/// Sub-seeds are named, so that what one part of a run draws never depends on how much another part drew:
/// `Seed::new(7).child("client").index(3).child("batches")`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed that a scenario names by a number.
    pub fn new(number: u64) -> Self {
        Self(blake3::derive_key("fedlayer scenario seed", &number.to_le_bytes()))
    }

    /// The sub-seed called `name`.
    #[must_use]
    pub fn child(self, name: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, name.as_bytes()).as_bytes())
    }

    /// The `index`-th sub-seed (of a client, a round, a draw).
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        // A zero byte in front: no name of `child` begins with one.
        let mut bytes = [0; 9];
        bytes[1..].copy_from_slice(&index.to_le_bytes());
        Self(*blake3::keyed_hash(&self.0, &bytes).as_bytes())
    }

    /// The seed as bytes, to be sent to another process.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The seed that [`to_bytes`](Self::to_bytes) gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The generator that begins here.
    pub fn generator(self) -> Generator {
        Generator::from_seed(self.0)
    }
}

/// The first bytes only: enough to tell two seeds apart.
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
