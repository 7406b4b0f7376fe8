//! [`FederatedData`]: the examples of a run, and which of them each client has.

use std::{fmt, ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Split;

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
    /// The shape of one example: `[features]`, `[channels, height, width]`, or `[context]` of a text's tokens.
    pub shape: Vec<usize>,
    /// The number of classes; of a text, of different tokens.
    pub classes: usize,
    /// The labels of one example: 1, or one for every token of a text.
    pub targets: usize,
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

/// Labelled examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// The shape of one example.
    pub shape: Vec<usize>,
    /// The number of classes; every label is below it.
    pub classes: usize,
    /// The values of all examples, one after another: `(N, …shape)`, row-major.
    pub values: ExampleValues,
    /// The labels of each example: `(N, targets)`, row-major.
    pub labels: Vec<u32>,
    /// The labels of one example.
    pub targets: usize,
    /// Whose each example is by nature (the speaker of a line, the writer of a digit), `(N)`, counted from 0 without gaps; nothing
    /// where the set does not say.
    pub groups: Option<Vec<u32>>,
    /// What each class is called, `(classes)`; nothing where classes are called by their numbers.
    pub class_names: Option<Arc<[String]>>,
}

/// The values of examples, as they are held in memory.
#[derive(Debug, Clone, PartialEq)]
pub enum ExampleValues {
    /// As the model sees them. Tokens are whole numbers.
    Floats(Vec<f32>),
    /// Bytes of images, a quarter of the size; the model sees byte · factor + offset of the channel.
    Bytes {
        /// Row-major.
        bytes: Vec<u8>,
        /// Per channel.
        channels: Vec<Affine>,
    },
}

/// What a model sees of a byte: byte · factor + offset, rounded once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// What a byte is multiplied by.
    pub factor: f32,
    /// What is added then.
    pub offset: f32,
}

impl Affine {
    /// What the model sees of a byte.
    pub fn of(self, byte: u8) -> f32 {
        f32::from(byte).mul_add(self.factor, self.offset)
    }
}

impl Examples {
    /// Examples of one label each.
    pub fn new(shape: Vec<usize>, classes: usize, features: Vec<f32>, labels: Vec<u32>) -> Self {
        Self {
            shape,
            classes,
            values: ExampleValues::Floats(features),
            labels,
            targets: 1,
            groups: None,
            class_names: None,
        }
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.labels.len() / self.targets.max(1)
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The number of values of one example.
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }

    /// Appends the values of example `index`, as the model sees them.
    pub fn read(&self, index: usize, into: &mut Vec<f32>) {
        let width = self.features();
        let range = index * width..(index + 1) * width;
        match &self.values {
            ExampleValues::Floats(values) => into.extend_from_slice(&values[range]),
            ExampleValues::Bytes { bytes, channels } => {
                let planes = bytes[range].chunks_exact(width / channels.len().max(1));
                for (plane, channel) in planes.zip(channels) {
                    into.extend(plane.iter().map(|&byte| channel.of(byte)));
                }
            }
        }
    }

    /// The values of all examples as the model sees them: `(N, …shape)`, row-major.
    pub fn all_values(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.len() * self.features());
        (0..self.len()).for_each(|index| self.read(index, &mut values));
        values
    }

    /// The labels of example `index`, `(targets)`.
    pub fn labels_of(&self, index: usize) -> &[u32] {
        &self.labels[index * self.targets..(index + 1) * self.targets]
    }

    /// Hashes everything that a model may see of the examples.
    fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hash_words(hasher, self.shape.iter().map(|&length| length as u32));
        hash_words(hasher, [self.classes as u32, self.targets as u32]);
        match &self.values {
            ExampleValues::Floats(values) => {
                hash_words(hasher, values.iter().map(|value| value.to_bits()))
            }
            ExampleValues::Bytes { bytes, channels } => {
                let channels =
                    channels.iter().flat_map(|&Affine { factor, offset }| [factor, offset]);
                hash_words(hasher, channels.map(f32::to_bits));
                hasher.update(bytes);
            }
        }
        hash_words(hasher, self.labels.iter().copied());
    }

    /// What partitions sort and balance examples by, and how many of it there are: the classes, or of texts their groups.
    pub fn strata(&self) -> (std::borrow::Cow<'_, [u32]>, usize) {
        match (&self.groups, self.targets) {
            (_, 1) => (self.labels.as_slice().into(), self.classes),
            (Some(groups), _) => {
                (groups.as_slice().into(), groups.iter().max().map_or(1, |&last| last as usize + 1))
            }
            (None, _) => (vec![0; self.len()].into(), 1),
        }
    }
}

/// Hashes numbers, with how many they are.
fn hash_words(hasher: &mut blake3::Hasher, words: impl IntoIterator<Item = u32>) {
    let mut count = 0_u64;
    let mut bytes = Vec::with_capacity(1 << 16);
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
        count += 1;
        if bytes.len() == bytes.capacity() {
            hasher.update(&bytes);
            bytes.clear();
        }
    }
    hasher.update(&bytes);
    hasher.update(&count.to_le_bytes());
}

/// The examples of a run: those of each client, and the common test set.
#[derive(Debug, Clone)]
pub struct FederatedData {
    /// The common test set.
    pub test: Arc<Examples>,
    clients: Clients,
}

/// Where the clients' examples are.
#[derive(Debug, Clone)]
enum Clients {
    /// In a pool in memory; a client's are indices into it.
    Pooled {
        pool: Arc<Examples>,
        /// Client after client; within a client the training examples first.
        order: Vec<u32>,
        /// Per client: where its training examples and its test examples begin and end in `order`.
        bounds: Vec<ClientBounds>,
        /// How many examples are anybody's training examples.
        distinct: usize,
    },
    /// Nowhere until a client is needed.
    Drawn(Arc<dyn DrawClient>),
}

#[derive(Debug, Clone)]
struct ClientBounds {
    train: Range<usize>,
    test: Range<usize>,
}

/// Clients whose examples are drawn when they are needed, so that a client that takes no part costs nothing.
pub trait DrawClient: fmt::Debug + Send + Sync {
    /// The number of clients.
    fn clients(&self) -> usize;

    /// The examples that each client has for training, and for its own test.
    fn sizes(&self) -> (usize, usize);

    /// Draws a client's examples, those for training first. The same ones every time.
    fn draw(&self, client: ClientId) -> Examples;
}

/// The examples of one client.
#[derive(Debug, Clone)]
pub struct ClientData {
    /// What the indices point into.
    pub examples: Arc<Examples>,
    /// Its training examples.
    pub train: Vec<u32>,
    /// Its own held-out test examples.
    pub test: Vec<u32>,
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
        let mut data = Self { test, clients: Clients::Pooled { pool, order, bounds, distinct: 0 } };
        let union = data.union_train().len();
        if let Clients::Pooled { distinct, .. } = &mut data.clients {
            *distinct = union;
        }
        data
    }

    /// Clients that are drawn when they are needed.
    pub fn drawn(clients: Arc<dyn DrawClient>, test: Arc<Examples>) -> Self {
        Self { test, clients: Clients::Drawn(clients) }
    }

    /// The number of clients.
    pub fn clients(&self) -> usize {
        match &self.clients {
            Clients::Pooled { bounds, .. } => bounds.len(),
            Clients::Drawn(drawn) => drawn.clients(),
        }
    }

    /// The examples of all clients; nothing where clients are drawn.
    pub fn pool(&self) -> Option<&Arc<Examples>> {
        match &self.clients {
            Clients::Pooled { pool, .. } => Some(pool),
            Clients::Drawn(_) => None,
        }
    }

    /// What the data look like.
    pub fn facts(&self) -> DataFacts {
        let pool = match &self.clients {
            Clients::Pooled { pool, .. } => pool.len(),
            Clients::Drawn(drawn) => drawn.clients() * (drawn.sizes().0 + drawn.sizes().1),
        };
        let Examples { shape, classes, targets, .. } = &*self.test;
        let (classes, targets) = (*classes, *targets);
        DataFacts { shape: shape.clone(), classes, targets, pool, test: self.test.len() }
    }

    /// The number of training examples of a client. Nothing is drawn.
    pub fn train_examples(&self, client: ClientId) -> usize {
        match &self.clients {
            Clients::Pooled { bounds, .. } => bounds[client.0 as usize].train.len(),
            Clients::Drawn(drawn) => drawn.sizes().0,
        }
    }

    /// The number of a client's own test examples. Nothing is drawn.
    pub fn test_examples(&self, client: ClientId) -> usize {
        match &self.clients {
            Clients::Pooled { bounds, .. } => bounds[client.0 as usize].test.len(),
            Clients::Drawn(drawn) => drawn.sizes().1,
        }
    }

    /// The examples of a client.
    pub fn client(&self, client: ClientId) -> ClientData {
        match &self.clients {
            Clients::Pooled { pool, order, bounds, .. } => {
                let ClientBounds { train, test } = &bounds[client.0 as usize];
                ClientData {
                    examples: pool.clone(),
                    train: order[train.clone()].to_vec(),
                    test: order[test.clone()].to_vec(),
                }
            }
            Clients::Drawn(drawn) => {
                let examples = Arc::new(drawn.draw(client));
                let train = drawn.sizes().0 as u32;
                let count = examples.len() as u32;
                ClientData { examples, train: (0..train).collect(), test: (train..count).collect() }
            }
        }
    }

    /// The number of examples of a split. Nothing is drawn.
    pub fn split_len(&self, split: Split) -> usize {
        match (split, &self.clients) {
            (Split::Train, Clients::Pooled { distinct, .. }) => *distinct,
            (Split::Train, Clients::Drawn(_)) => 0,
            (Split::Test, _) => self.test.len(),
            (Split::ClientTest(client), _) => self.test_examples(client),
        }
    }

    /// A hash of all examples and of who has which, by which two processes see that they have the same data. Of clients that are drawn,
    /// the first and the last speak for all.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("fedlayer examples");
        self.test.hash_into(&mut hasher);
        match &self.clients {
            Clients::Pooled { pool, order, bounds, .. } => {
                pool.hash_into(&mut hasher);
                hash_words(&mut hasher, order.iter().copied());
                let ends = bounds.iter().flat_map(|client| [client.train.end, client.test.end]);
                hash_words(&mut hasher, ends.map(|end| end as u32));
            }
            Clients::Drawn(drawn) => {
                let last = drawn.clients().saturating_sub(1) as u32;
                for client in [0, last] {
                    drawn.draw(ClientId(client)).hash_into(&mut hasher);
                }
            }
        }
        *hasher.finalize().as_bytes()
    }

    /// The number of training examples of all clients.
    pub fn all_train_examples(&self) -> usize {
        match &self.clients {
            Clients::Pooled { bounds, .. } => bounds.iter().map(|client| client.train.len()).sum(),
            Clients::Drawn(drawn) => drawn.clients() * drawn.sizes().0,
        }
    }

    /// The union of all clients' training examples, as indices into the pool, client after client, those that several clients have once; none where
    /// clients are drawn.
    pub fn union_train(&self) -> Vec<u32> {
        match &self.clients {
            Clients::Pooled { pool, order, bounds, .. } => {
                let mut seen = vec![false; pool.len()];
                let all = bounds.iter().flat_map(|client| &order[client.train.clone()]).copied();
                all.filter(|&example| !std::mem::replace(&mut seen[example as usize], true))
                    .collect()
            }
            Clients::Drawn(_) => Vec::new(),
        }
    }
}
