//! [`ClientId`] and [`Split`]: names of clients and of parts of the data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::SplitSpec;

/// A simulated participant, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub u32);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The examples that a model is evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// The union of all clients' training examples, client by client.
    Train,
    /// The common test set.
    Test,
    /// A client's own held-out test examples.
    ClientTest(ClientId),
    /// The common validation set.
    Validation,
    /// A client's own held-out validation examples.
    ClientValidation(ClientId),
}

impl From<SplitSpec> for Split {
    fn from(split: SplitSpec) -> Self {
        match split {
            SplitSpec::Train => Self::Train,
            SplitSpec::Test => Self::Test,
        }
    }
}
