//! [`Part`]: the examples of a part of a set, with all their digits until they are normalised.

use std::sync::Arc;

use fedlayer_core::Examples;

use super::gather;

/// The training part or the test part of a set.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The examples, their values in 32 bits.
    pub(crate) examples: Arc<Examples>,
    /// The same values in 64 bits, `(N, …shape)`, row-major: where 32 bits do not hold them and they
    /// are yet to be normalised.
    pub(crate) exact: Option<Arc<[f64]>>,
}

impl Part {
    /// Examples of which every value is a 32-bit float.
    pub(crate) fn new(examples: Examples) -> Self {
        Self { examples: Arc::new(examples), exact: None }
    }

    /// The examples that `order` names, in that order.
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
