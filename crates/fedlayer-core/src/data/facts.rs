//! [`DataFacts`]: what a data set looks like, known before its examples are drawn or read.

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
