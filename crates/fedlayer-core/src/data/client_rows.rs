//! [`ClientRows`]: a client's share of a pool, part by part.

/// A client's share of a pool of examples, as indices into the pool. No index is in two parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientRows {
    /// The training examples.
    pub train: Vec<u32>,
    /// The held-out validation examples.
    pub validation: Vec<u32>,
    /// The held-out test examples.
    pub test: Vec<u32>,
}

impl ClientRows {
    /// Returns the examples that the client does not train on.
    pub fn held_out(&self) -> impl Iterator<Item = u32> {
        self.validation.iter().chain(&self.test).copied()
    }

    /// Returns the held-out examples for a change of their indices.
    pub fn held_out_mut(&mut self) -> impl Iterator<Item = &mut u32> {
        self.validation.iter_mut().chain(&mut self.test)
    }
}

impl From<(Vec<u32>, Vec<u32>)> for ClientRows {
    /// Takes training and test examples of a client without validation examples.
    fn from((train, test): (Vec<u32>, Vec<u32>)) -> Self {
        Self { train, validation: Vec::new(), test }
    }
}
