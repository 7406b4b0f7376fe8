//! [`SetPart`]: the training or test part of a set.

use std::sync::Arc;

use fedlayer_core::data::{ExampleValues, Examples};

/// The training part or the test part of a set.
#[derive(Debug, Clone)]
pub(crate) struct SetPart {
    /// The examples, with their values in 32 bits.
    pub(crate) examples: Arc<Examples>,
    /// The same values in 64 bits, `(N, …shape)`, row-major, if 32 bits do not hold them and they
    /// are still to be normalised.
    pub(crate) exact: Option<Arc<[f64]>>,
}

impl SetPart {
    /// Makes a part of examples with values that are exact in 32 bits.
    pub(crate) fn new(examples: Examples) -> Self {
        Self { examples: Arc::new(examples), exact: None }
    }

    /// Returns the examples with the indices `order`, in that order.
    pub(crate) fn gather(&self, order: &[u32]) -> Self {
        let width = self.examples.features();
        let of = |values: &Arc<[f64]>| {
            let row = |&row: &u32| &values[row as usize * width..(row as usize + 1) * width];
            order.iter().flat_map(row).copied().collect()
        };
        Self {
            examples: Arc::new(gather(&self.examples, order)),
            exact: self.exact.as_ref().map(of),
        }
    }
}

/// Returns the examples of `all` with the indices `order`, in that order.
pub(crate) fn gather(all: &Examples, order: &[u32]) -> Examples {
    let width = all.features();
    let rows = || order.iter().map(|&row| row as usize * width..(row as usize + 1) * width);
    let values = match &all.values {
        ExampleValues::Floats(values) => {
            ExampleValues::Floats(rows().flat_map(|row| &values[row]).copied().collect())
        }
        ExampleValues::Bytes { bytes, channels } => ExampleValues::Bytes {
            bytes: rows().flat_map(|row| &bytes[row]).copied().collect(),
            channels: channels.clone(),
        },
    };
    let labels = order.iter().flat_map(|&row| all.labels_of(row as usize)).copied().collect();
    let groups = all.groups.as_ref();
    Examples {
        shape: all.shape.clone(),
        classes: all.classes,
        values,
        labels,
        targets: all.targets,
        groups: groups.map(|groups| order.iter().map(|&row| groups[row as usize]).collect()),
        class_names: all.class_names.clone(),
    }
}
