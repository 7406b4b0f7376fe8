//! [`PooledClients`]: clients with examples in one pool in memory.

use std::{ops::Range, sync::Arc};

use crate::data::{ClientData, ClientId, ClientRows, Examples, examples::hash_words};

/// Clients with examples in one pool in memory, as indices.
#[derive(Debug, Clone)]
pub(super) struct PooledClients {
    /// The examples of all clients.
    pub(super) pool: Arc<Examples>,
    /// Indices into the pool, client by client: each client's training examples, then its
    /// validation examples, then its test examples.
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
    validation: Range<usize>,
    test: Range<usize>,
}

/// The numbers of different examples that clients hold out.
pub(super) struct HeldOut {
    pub(super) validation: usize,
    pub(super) test: usize,
    /// The examples that are in two parts, because clients share them.
    pub(super) shared: usize,
}

impl PooledClients {
    /// Takes each client's examples as indices into `pool`.
    pub(super) fn new(
        pool: Arc<Examples>,
        clients: impl IntoIterator<Item = impl Into<ClientRows>>,
    ) -> Self {
        let mut order = Vec::with_capacity(pool.len());
        let mut append = |rows: Vec<u32>| {
            let start = order.len();
            order.extend(rows);
            start..order.len()
        };
        let bounds = clients.into_iter().map(Into::into).map(|rows: ClientRows| ClientBounds {
            train: append(rows.train),
            validation: append(rows.validation),
            test: append(rows.test),
        });
        let bounds = bounds.collect();
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

    /// Returns the number of validation examples of a client.
    pub(super) fn validation_examples(&self, client: ClientId) -> usize {
        self.bounds[client.0 as usize].validation.len()
    }

    /// Returns the numbers of different validation and test examples of the clients, and of the
    /// examples among them that another client trains on.
    pub(super) fn held_out(&self) -> HeldOut {
        let rows = |part: fn(&ClientBounds) -> &Range<usize>| {
            let mut found = vec![false; self.pool.len()];
            let all = self.bounds.iter().flat_map(|client| &self.order[part(client).clone()]);
            all.for_each(|&row| found[row as usize] = true);
            found
        };
        let count = |rows: &[bool]| rows.iter().filter(|&&found| found).count();
        let train = rows(|client| &client.train);
        let (validation, test) = (rows(|client| &client.validation), rows(|client| &client.test));
        let is_shared = |&(row, is_trained): &(usize, &bool)| {
            (usize::from(*is_trained) + usize::from(validation[row]) + usize::from(test[row])) > 1
        };
        HeldOut {
            validation: count(&validation),
            test: count(&test),
            shared: train.iter().enumerate().filter(is_shared).count(),
        }
    }

    /// Returns the number of training examples of all clients. Examples of several clients count
    /// for each of them.
    pub(super) fn all_train_examples(&self) -> usize {
        self.bounds.iter().map(|client| client.train.len()).sum()
    }

    /// Returns the examples of a client.
    pub(super) fn client(&self, client: ClientId) -> ClientData {
        let ClientBounds { train, validation, test } = &self.bounds[client.0 as usize];
        ClientData {
            examples: self.pool.clone(),
            train: self.order[train.clone()].to_vec(),
            validation: self.order[validation.clone()].to_vec(),
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
        let ends = |client: &ClientBounds| {
            [client.train.end, client.validation.end, client.test.end].map(|end| end as u32)
        };
        hash_words(hasher, self.bounds.iter().flat_map(ends));
    }
}
