//! [`DrawnClients`]: synthetic clients that are drawn when they take part, which makes a million of
//! them cheap.

use std::sync::Arc;

use fedlayer_core::{
    Generator, Seed,
    data::{ClientId, DataFacts, DrawClient, DrawnSizes, Examples},
    spec::{DataSpec, Partition, Synthetic},
};
use rand::{RngExt, seq::index};

use crate::{
    DataError, error,
    inputs::{self, Factor},
    label_noise,
    partition::dirichlet,
    set_part::SetPart,
    shares, split,
    synthetic::{self, Design},
};

/// The default size of the common test set.
pub(crate) const TEST: u32 = 1000;

/// The largest common test set.
pub(crate) const MOST_TEST: u32 = 100_000_000;

/// The most examples of all clients together: sums of them stay exact in `f64`, with room for
/// rounds and epochs.
const MOST: u64 = 1 << 50;

/// Clients with equal numbers of examples; each draws its classes for itself.
#[derive(Debug)]
pub(crate) struct DrawnClients {
    design: Design,
    partition: Partition,
    clients: usize,
    sizes: DrawnSizes,
    label_noise: f64,
    /// The keys that scale and normalise the values.
    inputs: DataSpec,
    seed: Seed,
    noise: Seed,
}

/// Checks that `clients` clients can be drawn.
pub(crate) fn check(spec: &DataSpec, facts: &DataFacts, clients: u32) -> Result<(), DataError> {
    error::at_least_one("clients.count", clients)?;
    error::in_range(
        u64::from(clients) * (facts.pool as u64) < MOST,
        "clients.count",
        clients,
        "so that all clients together have less than 2^50 examples",
    )?;
    shares::check_drawn(spec, sizes(spec, facts.pool).validation)?;
    match spec.partition {
        Partition::Iid | Partition::Dirichlet(_) => Ok(()),
        Partition::Classes(asked) if asked as usize > facts.classes => {
            Err(DataError::MoreClassesThanThereAre { asked, classes: facts.classes })
        }
        Partition::Classes(_) => Ok(()),
        _ => Err(DataError::NotDrawn),
    }
}

/// Returns the sizes of the parts of a client with `each` examples.
fn sizes(spec: &DataSpec, each: usize) -> DrawnSizes {
    let test = split::held_out(each, spec.client_test_share);
    let validation = split::own_validation(each, test, spec.client_validation_share);
    DrawnSizes { train: each - validation - test, validation, test }
}

/// Returns the size of the common validation set beside a test set of `test` examples.
pub(crate) fn validation(spec: &DataSpec, test: usize) -> usize {
    match spec.validation_share {
        0.0 => 0,
        share => ((test as f64 * share).round() as usize).max(1),
    }
}

impl DrawnClients {
    /// Draws the part that all clients share: the centres and shapes of the clusters.
    pub(crate) fn new(
        spec: &DataSpec,
        synthetic: &Synthetic,
        clients: u32,
        seed: Seed,
    ) -> Result<Self, DataError> {
        let each = synthetic.per_client.unwrap_or(2) as usize;
        let sizes = sizes(spec, each);
        let noise = seed.child("label noise");
        let seed = seed.child("synthetic");
        synthetic::has_room(synthetic, each)?;
        Ok(Self {
            design: Design::without_labels(synthetic, seed)?,
            partition: spec.partition.clone(),
            clients: clients as usize,
            sizes,
            label_noise: spec.label_noise,
            inputs: spec.clone(),
            seed,
            noise,
        })
    }

    /// Draws a common set, `test` or `validation`: all classes are equally likely, and so are the
    /// clusters of a class.
    pub(crate) fn common(&self, name: &str, count: usize) -> Result<Examples, DataError> {
        let mut generator = self.seed.child(name).generator();
        let clusters = self.design.clusters();
        let drawn: Vec<u64> = (0..count).map(|_| generator.random_range(0..clusters)).collect();
        Ok(self.seen(self.design.examples_of(&drawn, &mut generator)?))
    }

    /// Scales and normalises examples.
    fn seen(&self, examples: Examples) -> Examples {
        // The keys were checked when the data were loaded.
        let factor = Factor::of(&self.inputs, None).unwrap_or(Factor::One);
        let part = SetPart::new(factor.examples(examples));
        Arc::unwrap_or_clone(inputs::by_constants(&self.inputs, part).examples)
    }

    /// Draws the probabilities of the classes for a client; `None` if all are equal.
    fn classes(&self, generator: &mut Generator) -> Option<Vec<f64>> {
        let classes = self.design.classes();
        match self.partition {
            // The concentration was checked; if the draw fails nevertheless, all classes are
            // equally likely.
            Partition::Dirichlet(concentration) => {
                dirichlet::weights(concentration, classes, generator).ok()
            }
            Partition::Classes(asked) => {
                let mut shares = vec![0.0; classes];
                for class in index::sample(generator, classes, asked as usize) {
                    shares[class] = 1.0;
                }
                Some(shares)
            }
            _ => None,
        }
    }
}

/// Draws an index in proportion to `shares`; at least one share is above 0.
fn weighted(shares: &[f64], generator: &mut Generator) -> usize {
    let mut left = generator.random::<f64>() * shares.iter().sum::<f64>();
    let last = shares.iter().rposition(|&share| share > 0.0).unwrap_or(0);
    for (index, share) in shares.iter().enumerate().take(last) {
        if left < *share {
            return index;
        }
        left -= share;
    }
    last
}

impl DrawClient for DrawnClients {
    fn clients(&self) -> usize {
        self.clients
    }

    fn sizes(&self) -> DrawnSizes {
        self.sizes
    }

    fn draw(&self, client: ClientId) -> Examples {
        let mut generator = self.seed.child("client").index(client.0.into()).generator();
        let shares = self.classes(&mut generator);
        let clusters = self.design.clusters();
        let classes = self.design.classes() as u64;
        let mut cluster = || match &shares {
            None => generator.random_range(0..clusters),
            Some(shares) => {
                // Cluster k belongs to class k mod C.
                let class = weighted(shares, &mut generator) as u64;
                class + classes * generator.random_range(0..clusters / classes)
            }
        };
        let drawn: Vec<u64> = (0..self.sizes.all()).map(|_| cluster()).collect();
        let examples = self.design.examples_of(&drawn, &mut generator);
        // Memory for the examples of one client was checked when the data were loaded.
        let examples = examples.unwrap_or_else(|_| {
            let width = synthetic::features(self.design.spec());
            Examples::new(vec![width], classes as usize, Vec::new(), Vec::new())
        });
        let mut examples = self.seen(examples);
        let noise = self.noise.index(client.0.into());
        label_noise::on_first(&mut examples, self.sizes.train, self.label_noise, noise);
        examples
    }
}
