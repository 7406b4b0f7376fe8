//! [`FederatedData`]: the examples of a run, and which of them each client has.

use std::{fmt, ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

/// A simulated participant, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub u32);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a data set looks like, known before its examples are drawn or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFacts {
    /// The shape of one example: `[features]`, or `[channels, height, width]`.
    pub shape: Vec<usize>,
    /// The number of classes.
    pub classes: usize,
    /// The number of examples that are shared out among the clients.
    pub pool: usize,
    /// The number of examples of the common test set.
    pub test: usize,
}

impl DataFacts {
    /// The number of values of one example.
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Labelled examples: `features` is `(N, …shape)` row-major, `labels` is `(N)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// The shape of one example.
    pub shape: Vec<usize>,
    /// The number of classes; every label is below it.
    pub classes: usize,
    /// All values, example after example.
    pub features: Vec<f32>,
    /// The class of each example.
    pub labels: Vec<u32>,
}

impl Examples {
    /// The number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The values of example `index`.
    pub fn example(&self, index: usize) -> &[f32] {
        let width: usize = self.shape.iter().product();
        &self.features[index * width..(index + 1) * width]
    }
}

/// The examples of a run: a pool shared out among the clients, and the common test set.
///
/// A client's examples are indices into the pool; some of them are its own held-out test data.
#[derive(Debug, Clone)]
pub struct FederatedData {
    /// The pool, of which every example belongs to at most one client.
    pub pool: Arc<Examples>,
    /// The common test set.
    pub test: Arc<Examples>,
    /// Indices into the pool, client after client; within a client the training examples first.
    order: Vec<u32>,
    /// Per client: where its training examples and its test examples begin and end in `order`.
    bounds: Vec<ClientBounds>,
}

#[derive(Debug, Clone)]
struct ClientBounds {
    train: Range<usize>,
    test: Range<usize>,
}

impl FederatedData {
    /// Puts the parts together; `clients` gives for each client its training and its own test examples as indices into `pool`.
    pub fn new(
        pool: Arc<Examples>,
        test: Arc<Examples>,
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
        Self { pool, test, order, bounds }
    }

    /// The number of clients.
    pub fn clients(&self) -> usize {
        self.bounds.len()
    }

    /// The training examples of a client, as indices into the pool.
    pub fn client_train(&self, client: ClientId) -> &[u32] {
        &self.order[self.bounds[client.0 as usize].train.clone()]
    }

    /// A client's own held-out test examples, as indices into the pool.
    pub fn client_test(&self, client: ClientId) -> &[u32] {
        &self.order[self.bounds[client.0 as usize].test.clone()]
    }

    /// The union of all clients' training examples, as indices into the pool, client after client.
    pub fn union_train(&self) -> Vec<u32> {
        self.bounds.iter().flat_map(|bounds| &self.order[bounds.train.clone()]).copied().collect()
    }
}
