//! [`FederatedData`]: the examples of a run, client by client, and the common test and validation
//! sets.

use std::sync::Arc;

use crate::data::{
    ClientData, ClientId, ClientRows, DataFacts, DrawClient, Examples, PartSizes, Split, drawn,
    pooled::PooledClients,
};

/// The examples of a run: those of each client, the common test set, and the common validation set
/// if there is one.
#[derive(Debug, Clone)]
pub struct FederatedData {
    /// The common test set.
    pub test: Arc<Examples>,
    /// The common validation set, if the scenario sets one apart.
    pub validation: Option<Arc<Examples>>,
    clients: Clients,
}

/// The examples of the clients.
#[derive(Debug, Clone)]
enum Clients {
    /// All examples are in memory.
    Pooled(PooledClients),
    /// Examples are drawn client by client, on demand.
    Drawn(Arc<dyn DrawClient>),
}

impl FederatedData {
    /// Takes each client's examples as indices into `pool`. There is no common validation set.
    pub fn new(
        pool: Arc<Examples>,
        test: Arc<Examples>,
        clients: impl IntoIterator<Item = impl Into<ClientRows>>,
    ) -> Self {
        let clients = Clients::Pooled(PooledClients::new(pool, clients));
        Self { test, validation: None, clients }
    }

    /// Takes clients that draw their examples on demand. There is no common validation set.
    pub fn drawn(clients: Arc<dyn DrawClient>, test: Arc<Examples>) -> Self {
        Self { test, validation: None, clients: Clients::Drawn(clients) }
    }

    /// Adds a common validation set.
    #[must_use]
    pub fn with_validation(self, validation: Option<Arc<Examples>>) -> Self {
        Self { validation, ..self }
    }

    /// Returns the number of clients.
    pub fn clients(&self) -> usize {
        match &self.clients {
            Clients::Pooled(pooled) => pooled.len(),
            Clients::Drawn(drawn) => drawn.clients(),
        }
    }

    /// Returns the examples of all clients, or `None` if clients draw theirs.
    pub fn pool(&self) -> Option<&Arc<Examples>> {
        match &self.clients {
            Clients::Pooled(pooled) => Some(&pooled.pool),
            Clients::Drawn(_) => None,
        }
    }

    /// Returns shapes and sizes of the data.
    pub fn facts(&self) -> DataFacts {
        let pool = match &self.clients {
            Clients::Pooled(pooled) => pooled.pool.len(),
            Clients::Drawn(drawn) => drawn.clients() * drawn.sizes().all(),
        };
        let Examples { shape, classes, targets, .. } = &*self.test;
        let (classes, targets) = (*classes, *targets);
        DataFacts { shape: shape.clone(), classes, targets, pool, test: self.test.len() }
    }

    /// Returns the number of a client's training examples, without drawing them.
    pub fn train_examples(&self, client: ClientId) -> usize {
        match &self.clients {
            Clients::Pooled(pooled) => pooled.train_examples(client),
            Clients::Drawn(drawn) => drawn.sizes().train,
        }
    }

    /// Returns the number of a client's own test examples, without drawing them.
    pub fn test_examples(&self, client: ClientId) -> usize {
        match &self.clients {
            Clients::Pooled(pooled) => pooled.test_examples(client),
            Clients::Drawn(drawn) => drawn.sizes().test,
        }
    }

    /// Returns the number of a client's own validation examples, without drawing them.
    pub fn validation_examples(&self, client: ClientId) -> usize {
        match &self.clients {
            Clients::Pooled(pooled) => pooled.validation_examples(client),
            Clients::Drawn(drawn) => drawn.sizes().validation,
        }
    }

    /// Returns the number of different examples in each part of the data.
    pub fn part_sizes(&self) -> PartSizes {
        let validation = self.validation.as_ref().map_or(0, |validation| validation.len());
        let common = PartSizes { validation, test: self.test.len(), ..PartSizes::default() };
        match &self.clients {
            Clients::Pooled(pooled) => {
                let held_out = pooled.held_out();
                PartSizes {
                    train: pooled.distinct,
                    client_validation: held_out.validation,
                    client_test: held_out.test,
                    shared: held_out.shared,
                    ..common
                }
            }
            Clients::Drawn(drawn) => {
                let (clients, each) = (drawn.clients(), drawn.sizes());
                PartSizes {
                    train: clients * each.train,
                    client_validation: clients * each.validation,
                    client_test: clients * each.test,
                    ..common
                }
            }
        }
    }

    /// Returns the examples of a client.
    pub fn client(&self, client: ClientId) -> ClientData {
        match &self.clients {
            Clients::Pooled(pooled) => pooled.client(client),
            Clients::Drawn(drawn) => drawn::draw(&**drawn, client),
        }
    }

    /// Returns the number of examples of a split, without drawing them; 0 for the training split
    /// of clients that draw their examples.
    pub fn split_len(&self, split: Split) -> usize {
        match (split, &self.clients) {
            (Split::Train, Clients::Pooled(pooled)) => pooled.distinct,
            (Split::Train, Clients::Drawn(_)) => 0,
            (Split::Test, _) => self.test.len(),
            (Split::ClientTest(client), _) => self.test_examples(client),
            (Split::Validation, _) => self.validation.as_ref().map_or(0, |part| part.len()),
            (Split::ClientValidation(client), _) => self.validation_examples(client),
        }
    }

    /// Hashes all examples and their partition. Two processes compare the hashes to prove that
    /// they have the same data. The first and the last of clients that draw their examples vouch
    /// for the others.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("fedlayer examples");
        self.test.hash_into(&mut hasher);
        self.validation.iter().for_each(|validation| validation.hash_into(&mut hasher));
        match &self.clients {
            Clients::Pooled(pooled) => pooled.hash_into(&mut hasher),
            Clients::Drawn(drawn) => drawn::hash_into(&**drawn, &mut hasher),
        }
        *hasher.finalize().as_bytes()
    }

    /// Returns the number of training examples of all clients.
    pub fn all_train_examples(&self) -> usize {
        match &self.clients {
            Clients::Pooled(pooled) => pooled.all_train_examples(),
            Clients::Drawn(drawn) => drawn.clients() * drawn.sizes().train,
        }
    }

    /// Returns the union of all clients' training examples as indices into the pool, client by
    /// client and without repetition; empty for clients that draw their examples.
    pub fn union_train(&self) -> Vec<u32> {
        match &self.clients {
            Clients::Pooled(pooled) => pooled.union_train(),
            Clients::Drawn(_) => Vec::new(),
        }
    }
}
