//! [`DrawClient`]: clients that draw their examples on demand.

use std::{fmt, sync::Arc};

use crate::data::{ClientData, ClientId, Examples};

/// Clients that draw their examples on demand: a client that takes no part costs nothing.
pub trait DrawClient: fmt::Debug + Send + Sync {
    /// Returns the number of clients.
    fn clients(&self) -> usize;

    /// Returns the numbers of examples in the parts of a client, which are the same for every
    /// client.
    fn sizes(&self) -> DrawnSizes;

    /// Draws a client's examples: training examples first, then validation examples, then test
    /// examples. Every call draws the same ones.
    fn draw(&self, client: ClientId) -> Examples;
}

/// The numbers of examples in the parts of a client that draws them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawnSizes {
    /// Training examples.
    pub train: usize,
    /// Validation examples.
    pub validation: usize,
    /// Test examples.
    pub test: usize,
}

impl DrawnSizes {
    /// Returns the number of all examples of a client.
    pub fn all(self) -> usize {
        self.train + self.validation + self.test
    }
}

/// Draws a client's examples and splits them into its parts.
pub(super) fn draw(drawn: &dyn DrawClient, client: ClientId) -> ClientData {
    let examples = Arc::new(drawn.draw(client));
    let DrawnSizes { train, validation, .. } = drawn.sizes();
    let (train, held_out) = (train as u32, (train + validation) as u32);
    let count = examples.len() as u32;
    ClientData {
        examples,
        train: (0..train).collect(),
        validation: (train..held_out).collect(),
        test: (held_out..count).collect(),
    }
}

/// Hashes the examples of the first and of the last client. They vouch for the others.
pub(super) fn hash_into(drawn: &dyn DrawClient, hasher: &mut blake3::Hasher) {
    let last = drawn.clients().saturating_sub(1) as u32;
    for client in [0, last] {
        drawn.draw(ClientId(client)).hash_into(hasher);
    }
}
