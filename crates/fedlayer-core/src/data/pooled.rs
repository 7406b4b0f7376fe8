//! [`PooledClients`]: clients with examples in one pool in memory.

use std::{ops::Range, sync::Arc};

use crate::data::{ClientData, ClientId, Examples, examples::hash_words};

/// Clients with examples in one pool in memory, as indices.
#[derive(Debug, Clone)]
pub(super) struct PooledClients {
    /// The examples of all clients.
    pub(super) pool: Arc<Examples>,
    /// Indices into the pool, client by client; each client's training examples come first.
    order: Vec<u32>,
    /// The ranges of `order` that belong to each client.
    bounds: Vec<ClientBounds>,
    /// The number of different training examples of all clients.
    pub(super) distinct: usize,
}

/// The ranges of [`PooledClients::order`] that belong to one client.
#[derive(Debug, Clone)]
struct ClientBounds {
    train: Range<usize>,
    test: Range<usize>,
}

impl PooledClients {
    /// Takes each client's training and test examples as indices into `pool`.
    pub(super) fn new(
        pool: Arc<Examples>,
        clients: impl IntoIterator<Item = (Vec<u32>, Vec<u32>)>,
    ) -> Self {
        let mut order = Vec::with_capacity(pool.len());
        let mut bounds = Vec::new();
        for (own_train, own_test) in clients {
            let start = order.len();
            order.extend(own_train);
            let middle = order.len();
            order.extend(own_test);
            bounds.push(ClientBounds { train: start..middle, test: middle..order.len() });
        }
        let mut clients = Self { pool, order, bounds, distinct: 0 };
        clients.distinct = clients.union_train().len();
        clients
    }

    /// Returns the number of clients.
    pub(super) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// Returns the number of training examples of a client.
    pub(super) fn train_examples(&self, client: ClientId) -> usize {
        self.bounds[client.0 as usize].train.len()
    }

    /// Returns the number of test examples of a client.
    pub(super) fn test_examples(&self, client: ClientId) -> usize {
        self.bounds[client.0 as usize].test.len()
    }

    /// Returns the number of training examples of all clients. Examples of several clients count
    /// for each of them.
    pub(super) fn all_train_examples(&self) -> usize {
        self.bounds.iter().map(|client| client.train.len()).sum()
    }

    /// Returns the examples of a client.
    pub(super) fn client(&self, client: ClientId) -> ClientData {
        let ClientBounds { train, test } = &self.bounds[client.0 as usize];
        ClientData {
            examples: self.pool.clone(),
            train: self.order[train.clone()].to_vec(),
            test: self.order[test.clone()].to_vec(),
        }
    }

    /// Returns the union of all training examples, client by client, without repetition.
    pub(super) fn union_train(&self) -> Vec<u32> {
        let mut seen = vec![false; self.pool.len()];
        let all = self.bounds.iter().flat_map(|client| &self.order[client.train.clone()]).copied();
        all.filter(|&example| !std::mem::replace(&mut seen[example as usize], true)).collect()
    }

    /// Hashes the pool and the indices of every client.
    pub(super) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        self.pool.hash_into(hasher);
        hash_words(hasher, self.order.iter().copied());
        let ends = self.bounds.iter().flat_map(|client| [client.train.end, client.test.end]);
        hash_words(hasher, ends.map(|end| end as u32));
    }
}
