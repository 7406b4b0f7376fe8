//! Data sets and their partitions over clients: a [`DataSpec`] in, [`FederatedData`] out. No file is read here.
//!
//! Three functions, each needing more than the one before:
//! [`facts`] says what a data set looks like, [`check`] whether so many clients can share it, [`load`] draws it and shares it out.
//!
//! In reading order:
//! * `digits` decodes the handwritten digits that are inside the binary;
//! * `synthetic` draws clusters with informative, redundant and noise features;
//! * `stratify` orders examples so that every stretch of them has every class in its proportion;
//! * `split` sets the common test set apart, and each client's own test data;
//! * `partition` shares the pool out among the clients, one file for each way;
//! * `error` has [`DataError`]: which scenario key is at fault, what was found, what is allowed, what to do.
//!
//! ```
//! use fedlayer_core::{ClientId, Seed, spec::{DataSet, DataSpec, Partition}};
//!
//! let spec = DataSpec {
//!     set: DataSet::Digits,
//!     partition: Partition::Dirichlet(0.3),
//!     test_share: 0.2,
//!     client_test_share: 0.2,
//! };
//! let data = fedlayer_data::load(&spec, 8, Seed::new(1))?;
//! assert_eq!((data.pool.len(), data.test.len()), (1438, 359));
//! assert!(!data.client_train(ClientId(7)).is_empty());
//! # Ok::<(), fedlayer_data::DataError>(())
//! ```

mod digits;
mod error;
mod partition;
mod split;
mod stratify;
mod synthetic;

use std::sync::Arc;

use fedlayer_core::{
    DataFacts, Examples, FederatedData, Seed,
    spec::{DataSet, DataSpec},
};

pub use crate::{digits::DigitsError, error::DataError};

/// What the data set looks like: the shape of an example, the number of classes, and the sizes of the pool and of the common
/// test set. Nothing is drawn or decoded.
///
/// # Errors
/// When `[data]` says what cannot be, whatever the number of clients: a share outside (0, 1), more clusters than corners, …
pub fn facts(spec: &DataSpec) -> Result<DataFacts, DataError> {
    error::share("data.test_share", spec.test_share)?;
    error::share("data.client_test_share", spec.client_test_share)?;
    partition::check_value(&spec.partition)?;
    let (shape, classes, examples) = match &spec.set {
        DataSet::Digits => (digits::SHAPE.to_vec(), digits::CLASSES, digits::EXAMPLES),
        DataSet::Synthetic(synthetic) => {
            synthetic::check(synthetic)?;
            let features = synthetic::features(synthetic);
            (vec![features], synthetic.classes as usize, synthetic.examples as usize)
        }
    };
    let test = split::held_out(examples, spec.test_share);
    Ok(DataFacts { shape, classes, pool: examples - test, test })
}

/// [`facts`], and whether `clients` clients can share the pool as `data.partition` wants it. Nothing is drawn or decoded.
///
/// # Errors
/// Those of [`facts`]; no clients, or more of them than the pool has examples; more shards than examples; classes that do not
/// suffice for a client, or clients that do not suffice for the classes.
pub fn check(spec: &DataSpec, clients: u32) -> Result<DataFacts, DataError> {
    let facts = facts(spec)?;
    partition::check(&spec.partition, &facts, clients)?;
    Ok(facts)
}

/// Draws or decodes the examples and shares them out among `clients` clients.
///
/// The common test set is set apart first, stratified by class: `data.test_share` of all examples, rounded, at least one, and at
/// least one is left. The rest is the pool, in random order; `data.partition` gives every example of it to exactly one client, and
/// no client is empty. Each client then holds out `data.client_test_share` of its own examples, rounded: at least one where it has two
/// or more, and one at least is left for training. Its examples stand in ascending order.
///
/// The result depends on the arguments alone. `seed` is the run's root seed; everything here is drawn from its child `data`.
///
/// # Errors
/// Those of [`check`]; a synthetic set that does not fit into memory; digits that do not decode.
pub fn load(spec: &DataSpec, clients: u32, seed: Seed) -> Result<FederatedData, DataError> {
    let facts = check(spec, clients)?;
    let seed = seed.child("data");
    let (pool, test) = pool_and_test(spec, &facts, seed)?;
    let mut generator = seed.child("partition").generator();
    let shares =
        partition::deal(&spec.partition, &pool.labels, facts.classes, clients, &mut generator)?;
    let own = seed.child("own test");
    let clients = shares.into_iter().enumerate().map(|(client, share)| {
        split::train_and_own_test(share, spec.client_test_share, own.index(client as u64))
    });
    Ok(FederatedData::new(Arc::new(pool), Arc::new(test), clients))
}

/// The pool and the common test set.
fn pool_and_test(
    spec: &DataSpec,
    facts: &DataFacts,
    seed: Seed,
) -> Result<(Examples, Examples), DataError> {
    let split = |labels: &[u32]| {
        split::pool_and_test(labels, facts.classes, spec.test_share, seed.child("split"))
    };
    match &spec.set {
        DataSet::Digits => {
            let all = digits::decode()?;
            let (pool, test) = split(&all.labels);
            Ok((split::gather(&all, &pool), split::gather(&all, &test)))
        }
        DataSet::Synthetic(synthetic) => {
            let seed = seed.child("synthetic");
            let design = synthetic::Design::draw(synthetic, seed)?;
            let (pool, test) = split(design.labels());
            Ok((
                design.examples(&pool, seed.child("pool"))?,
                design.examples(&test, seed.child("test"))?,
            ))
        }
    }
}
