//! fedlayer-data through its public face.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is the message")]

mod errors;
mod load;
mod synthetic;

use fedlayer_core::spec::{DataSet, DataSpec, Partition, Synthetic};

/// `set`, dealt out evenly, a fifth held out of everything.
fn spec(set: DataSet) -> DataSpec {
    DataSpec { set, partition: Partition::Iid, test_share: 0.2, client_test_share: 0.2 }
}

fn digits(partition: Partition) -> DataSpec {
    DataSpec { partition, ..spec(DataSet::Digits) }
}

fn synthetic(synthetic: Synthetic) -> DataSpec {
    spec(DataSet::Synthetic(synthetic))
}
