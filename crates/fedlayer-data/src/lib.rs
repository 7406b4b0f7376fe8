//! Data sets and their partitions over clients: a [`DataSpec`](fedlayer_core::spec::DataSpec)
//! becomes [`FederatedData`](fedlayer_core::data::FederatedData).
//!
//! This crate opens no file itself: a [`FileSource`] does.
//!
//! In reading order:
//! * [`Library`]: describes a data set, checks that the clients can share it, loads their examples;
//! * [`catalogue()`]: the sets that are known by name, with their files and addresses;
//! * [`FileSource`]: opens files; [`decode`]: turns bytes into examples, one module a format;
//! * `sets` reads images, texts and the user's own files; `image_set` has the constants of the
//!   image sets; `digits` are inside the binary;
//! * `synthetic` draws clusters with informative, redundant and noise features; `drawn` draws them
//!   client by client;
//! * `stratify` orders examples such that every stretch has every class in its proportion;
//! * `keep_classes` keeps only the examples of the first classes; `label_noise` draws training
//!   labels anew;
//! * `inputs` scales and normalises the values for the model;
//! * `effect` refuses keys that have no effect on a set;
//! * `split` sets aside the common test set and each client's own test data;
//! * `partition` shares the pool out among the clients, one file for each partition;
//! * `error` has [`DataError`], which names the key, what was found and what is allowed; `help`
//!   says what to do.
//!
//! ```
//! use fedlayer_core::{Seed, data::ClientId, spec::{DataSet, DataSpec, Partition}};
//! use fedlayer_data::{Library, NoFiles};
//!
//! let library = Library::new(Box::new(NoFiles));
//! let spec = DataSpec { partition: Partition::Dirichlet(0.3), ..DataSpec::new(DataSet::Digits) };
//! let data = library.load(&spec, 8, Seed::new(1))?;
//! assert_eq!((data.facts().pool, data.test.len()), (1438, 359));
//! assert!(!data.client(ClientId(7)).train.is_empty());
//! # Ok::<(), fedlayer_data::DataError>(())
//! ```

mod catalogue;
pub mod decode;
mod digits;
mod drawn;
mod effect;
mod error;
mod file_source;
mod help;
mod image_set;
mod inputs;
mod keep_classes;
mod label_noise;
mod library;
mod partition;
mod set_name;
mod set_part;
mod sets;
mod shares;
mod split;
mod stratify;
mod synthetic;

pub use crate::{
    catalogue::{Download, FileRole, KnownFile, KnownSet, Unpack, catalogue},
    decode::DecodeError,
    digits::DigitsError,
    error::DataError,
    file_source::{FileSource, NoFiles, OpenError, OpenedFile},
    image_set::published,
    library::Library,
};
