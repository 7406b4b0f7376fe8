//! Data sets and their partitions over clients: a [`DataSpec`](fedlayer_core::spec::DataSpec) in, [`FederatedData`](fedlayer_core::FederatedData) out.
//!
//! No file is opened here: a [`FileSource`] does that.
//!
//! In reading order:
//! * [`Library`]: what a data set looks like, whether so many clients can share it, their examples;
//! * [`catalogue()`]: the sets that are known by name, their files, where these come from;
//! * [`FileSource`]: where files come from; [`decode`]: bytes in, examples out, one module a format;
//! * `sets` reads images, texts and files of one's own; `digits` are inside the binary;
//! * `synthetic` draws clusters with informative, redundant and noise features; `drawn` draws them client by client;
//! * `stratify` orders examples so that every stretch of them has every class in its proportion;
//! * `keep` leaves the examples of the first classes alone; `noise` draws training labels anew;
//! * `inputs` scales and normalises what the model sees;
//! * `effect` refuses keys that a set has no use for;
//! * `split` sets the common test set apart, and each client's own test data;
//! * `partition` shares the pool out among the clients, one file for each way;
//! * `error` has [`DataError`]: which scenario key is at fault, what was found, what is allowed; `help` says what to do.
//!
//! ```
//! use fedlayer_core::{ClientId, Seed, spec::{DataSet, DataSpec, Partition}};
//! use fedlayer_data::{NoFiles, Library};
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
