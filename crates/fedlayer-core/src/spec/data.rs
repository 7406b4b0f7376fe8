//! `[data]`: which examples there are, and how the clients share them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which examples there are, and how the clients share them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// The data set.
    pub set: DataSet,
    /// How the pool of examples is shared out among the clients.
    #[serde(default)]
    pub partition: Partition,
    /// The share of all examples that is set apart as the common test set.
    #[serde(default = "a_fifth")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub test_share: f64,
    /// The share of each client's examples that is its own held-out test data.
    #[serde(default = "a_fifth")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub client_test_share: f64,
}

fn a_fifth() -> f64 {
    0.2
}

/// A data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataSet {
    /// UCI optical recognition of handwritten digits: 1,797 images of 8 × 8 pixels in 10 classes. It is inside the binary.
    Digits,
    /// Drawn clusters with informative, redundant and noise features.
    Synthetic(Synthetic),
}

/// A classification set that is drawn: Gaussian clusters on the corners of a hypercube in the informative features,
/// redundant features that are linear combinations of them, and noise features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Synthetic {
    /// The number of examples, the common test set included.
    #[schemars(range(min = 2, max = 100_000_000))]
    pub examples: u32,
    /// The number of classes.
    #[schemars(range(min = 1, max = 100_000))]
    pub classes: u32,
    /// Features that tell the classes apart.
    #[schemars(range(min = 1, max = 100_000))]
    pub informative: u32,
    /// Features that are random linear combinations of the informative ones.
    #[schemars(range(max = 100_000))]
    pub redundant: u32,
    /// Features that are noise alone.
    #[schemars(range(max = 100_000))]
    pub noise: u32,
    /// Gaussian clusters per class.
    #[schemars(range(min = 1, max = 1_000))]
    pub clusters_per_class: u32,
    /// Half the side of the hypercube on whose corners the clusters sit, in standard deviations of a cluster: larger is easier.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub separation: f64,
    /// The share of labels that are replaced by a class drawn at random.
    #[schemars(range(min = 0, max = 1))]
    pub label_noise: f64,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self {
            examples: 2000,
            classes: 4,
            informative: 8,
            redundant: 4,
            noise: 4,
            clusters_per_class: 2,
            separation: 1.0,
            label_noise: 0.01,
        }
    }
}

/// How the pool of examples is shared out among the clients. Every example goes to exactly one client and no client is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// Shuffled and dealt out evenly: sizes differ by at most one.
    #[default]
    Iid,
    /// Per class, the clients' shares are drawn from a symmetric Dirichlet distribution with this concentration: smaller is more unequal.
    Dirichlet(#[schemars(extend("exclusiveMinimum" = 0))] f64),
    /// Sorted by class and cut into equal shards, this many a client (McMahan et al. 2017).
    Shards(#[schemars(range(min = 1))] u32),
    /// Each client has examples of this many classes.
    Classes(#[schemars(range(min = 1))] u32),
    /// Classes are shared evenly, sizes follow a power law: client of rank r gets a share proportional to r^(−exponent).
    Quantity(#[schemars(extend("exclusiveMinimum" = 0))] f64),
}
