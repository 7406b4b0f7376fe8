//! Tests of fedlayer-data through its public face.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is the message")]

mod arrays;
mod catalogue;
mod close_calls;
mod columns;
mod decoders;
mod dialects;
mod drawn;
mod easy;
mod effects;
mod encode;
mod errors;
mod groups;
mod images;
mod inputs;
mod load;
mod memory;
mod one_class;
mod own_labels;
mod parts;
mod precision;
mod real;
mod room;
mod synthetic;
mod tables;
mod texts;
mod uneven;

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    data::{Examples, FederatedData},
    spec::{DataSet, DataSpec, Partition, Synthetic},
};
use fedlayer_data::{DataError, Library, NoFiles};

/// Returns a library that needs no files.
fn library() -> Library {
    Library::new(Box::new(NoFiles))
}

fn load(spec: &DataSpec, clients: u32, seed: Seed) -> Result<FederatedData, DataError> {
    library().load(spec, clients, seed)
}

/// Returns the pool of clients that are not drawn.
fn pool_of(data: &FederatedData) -> Arc<Examples> {
    data.pool().unwrap().clone()
}

fn digits(partition: Partition) -> DataSpec {
    DataSpec { partition, ..DataSpec::new(DataSet::Digits) }
}

fn synthetic(synthetic: Synthetic) -> DataSpec {
    DataSpec::new(DataSet::Synthetic(synthetic))
}
