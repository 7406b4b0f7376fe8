//! [`Examples`]: labelled examples, as floats or as bytes of images.

use std::sync::Arc;

/// Labelled examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// The shape of one example.
    pub shape: Vec<usize>,
    /// The number of classes; every label is below it.
    pub classes: usize,
    /// The values of all examples, one after another: `(N, …shape)`, row-major.
    pub values: ExampleValues,
    /// The labels of all examples: `(N, targets)`, row-major.
    pub labels: Vec<u32>,
    /// The number of labels of one example.
    pub targets: usize,
    /// The natural group of each example (the speaker of a line, the writer of a digit): `(N)`,
    /// counted from 0 without gaps. Absent if the data set has no groups.
    pub groups: Option<Vec<u32>>,
    /// The name of each class: `(classes)`. Absent if classes only have numbers.
    pub class_names: Option<Arc<[String]>>,
}

/// The values of examples in memory.
#[derive(Debug, Clone, PartialEq)]
pub enum ExampleValues {
    /// The values that the model sees. Tokens are whole numbers.
    Floats(Vec<f32>),
    /// Bytes of images, which take a quarter of the memory. The model sees byte · factor + offset,
    /// with the factor and the offset of the channel.
    Bytes {
        /// The bytes, row-major.
        bytes: Vec<u8>,
        /// The scaling of each channel.
        channels: Vec<Affine>,
    },
}

/// The scaling of a byte to the value that a model sees: byte · factor + offset, rounded once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// The factor, which is applied first.
    pub factor: f32,
    /// The offset.
    pub offset: f32,
}

/// The examples of one client.
#[derive(Debug, Clone)]
pub struct ClientData {
    /// The examples that `train`, `validation` and `test` index.
    pub examples: Arc<Examples>,
    /// The client's training examples.
    pub train: Vec<u32>,
    /// The client's own held-out validation examples.
    pub validation: Vec<u32>,
    /// The client's own held-out test examples.
    pub test: Vec<u32>,
}

impl Affine {
    /// Scales a byte.
    pub fn of(self, byte: u8) -> f32 {
        f32::from(byte).mul_add(self.factor, self.offset)
    }
}

impl Examples {
    /// Makes examples with one label each.
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

    /// Returns the number of examples.
    pub fn len(&self) -> usize {
        self.labels.len() / self.targets.max(1)
    }

    /// Returns whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the number of values of one example.
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

    /// Returns the values of all examples as the model sees them: `(N, …shape)`, row-major.
    pub fn all_values(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.len() * self.features());
        (0..self.len()).for_each(|index| self.read(index, &mut values));
        values
    }

    /// Returns the labels of example `index`: `(targets)`.
    pub fn labels_of(&self, index: usize) -> &[u32] {
        &self.labels[index * self.targets..(index + 1) * self.targets]
    }

    /// Hashes everything that a model can see of the examples.
    pub(super) fn hash_into(&self, hasher: &mut blake3::Hasher) {
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

    /// Returns the strata that partitions balance examples by, and their number: the classes, or
    /// the groups of a text.
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

/// Hashes numbers, then their count.
pub(super) fn hash_words(hasher: &mut blake3::Hasher, words: impl IntoIterator<Item = u32>) {
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
