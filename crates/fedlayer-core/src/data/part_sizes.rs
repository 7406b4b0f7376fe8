//! [`PartSizes`]: the numbers of examples in each part of the data.

use serde::Serialize;

/// The numbers of examples in the five parts of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PartSizes {
    /// Examples that clients train on.
    pub train: usize,
    /// Examples of the common validation set.
    pub validation: usize,
    /// Examples of the common test set.
    pub test: usize,
    /// Examples of the clients' own validation data.
    pub client_validation: usize,
    /// Examples of the clients' own test data.
    pub client_test: usize,
    /// Examples that one client holds out and another trains on. It is 0 unless clients share their
    /// examples, as with the partition `whole`.
    pub shared: usize,
}
