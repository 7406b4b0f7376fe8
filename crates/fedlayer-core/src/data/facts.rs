//! [`DataFacts`]: shapes and sizes of a data set, known before its examples are read or drawn.

/// Shapes and sizes of a data set, known before its examples are read or drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFacts {
    /// The shape of one example: `[features]`, `[channels, height, width]`, or `[context]` for the
    /// tokens of a text.
    pub shape: Vec<usize>,
    /// The number of classes; for a text, the number of different tokens.
    pub classes: usize,
    /// The number of labels of one example: 1, or one per token of a text.
    pub targets: usize,
    /// The number of examples that are partitioned among the clients.
    pub pool: usize,
    /// The number of examples of the common test set.
    pub test: usize,
}

impl DataFacts {
    /// Returns the number of values of one example.
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }
}
