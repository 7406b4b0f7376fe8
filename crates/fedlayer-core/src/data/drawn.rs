//! [`DrawClient`]: clients that draw their examples on demand.

use std::{fmt, sync::Arc};

use crate::data::{ClientData, ClientId, Examples};

/// Clients that draw their examples on demand: a client that takes no part costs nothing.
pub trait DrawClient: fmt::Debug + Send + Sync {
    /// Returns the number of clients.
    fn clients(&self) -> usize;

    /// Returns the numbers of training and of test examples, which are the same for every client.
    fn sizes(&self) -> (usize, usize);

    /// Draws a client's examples, training examples first. Every call draws the same ones.
    fn draw(&self, client: ClientId) -> Examples;
}

/// Draws a client's examples and splits them into training and test examples.
pub(super) fn draw(drawn: &dyn DrawClient, client: ClientId) -> ClientData {
    let examples = Arc::new(drawn.draw(client));
    let train = drawn.sizes().0 as u32;
    let count = examples.len() as u32;
    ClientData { examples, train: (0..train).collect(), test: (train..count).collect() }
}

/// Hashes the examples of the first and of the last client. They vouch for the others.
pub(super) fn hash_into(drawn: &dyn DrawClient, hasher: &mut blake3::Hasher) {
    let last = drawn.clients().saturating_sub(1) as u32;
    for client in [0, last] {
        drawn.draw(ClientId(client)).hash_into(hasher);
    }
}
