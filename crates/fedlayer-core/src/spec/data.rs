//! `[data]`: which examples there are, and how the clients share them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Normalize, Scale};

/// Which examples there are, and how the clients share them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// The data set.
    pub set: DataSet,
    /// How the pool of examples is shared out among the clients.
    #[serde(default)]
    pub partition: Partition,
    /// Only the first this many training examples, in the set's own order; files that are not needed for them are not opened.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub train: Option<u32>,
    /// Only the first this many examples of the set's own test part.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub test: Option<u32>,
    /// Only examples of the first this many classes of the set, in training and test, out of those that `train` and `test` take; the model then has so
    /// many outputs. Not for texts, and not for drawn sets, which have as many classes as they are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub keep_classes: Option<u32>,
    /// The share of training examples whose label is drawn anew, each class as likely as any other. Labels of test examples stay, those of the
    /// clients' own too. An example that is noisy at some share is so, with the same label, at every larger one. Not for texts.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 1))]
    pub label_noise: f64,
    /// What the numbers of the set are multiplied by, before `normalize`: a factor, `"unit"` (to [0, 1]) or `"none"`. Where it is not given, `"unit"` for images in
    /// bytes and for `digits`, `"none"` for all else. Not for texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// How scaled values are normalised, in training and test alike: `{ mean = […], std = […] }`, `"set"` or `"none"`. Where it is not given, `"set"` for the image
    /// sets that are known by name, `"none"` for all else. Not for texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
    /// The tokens of an example, for texts; 64 where it is not given.
    #[serde(default)]
    #[schemars(range(min = 2, max = 65_536))]
    pub context: Option<u32>,
    /// How the images of training batches are changed.
    #[serde(default)]
    pub augment: Augment,
    /// The share of all examples that is set apart as the common test set, of sets without a test part of their own; a fifth where it is
    /// not given.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub test_share: Option<f64>,
    /// The share of each client's examples that is its own held-out test data.
    #[serde(default = "a_fifth")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub client_test_share: f64,
}

impl DataSpec {
    /// A set, dealt out evenly; everything else as it is where a scenario does not say it.
    pub fn new(set: DataSet) -> Self {
        Self {
            set,
            partition: Partition::default(),
            train: None,
            test: None,
            keep_classes: None,
            label_noise: 0.0,
            scale: None,
            normalize: None,
            context: None,
            augment: Augment::default(),
            test_share: None,
            client_test_share: a_fifth(),
        }
    }

    /// The share of all examples that is set apart as the common test set.
    pub fn test_share(&self) -> f64 {
        self.test_share.unwrap_or_else(a_fifth)
    }
}

/// How the images of training batches are changed, anew in every step and drawn from the job's own seed. Test images never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Pixels of zeros around the image, out of which a piece of the image's size is cut at a random place. They are zeros of what the model sees, after
    /// `normalize`: the mean colour of a normalised set, where torchvision's `RandomCrop` in front of `Normalize` has black.
    #[schemars(range(max = 1_000))]
    pub crop: u32,
    /// Whether left and right change places in one half of the images.
    pub flip: bool,
}

/// A scenario that does not say it is the same plan as ever.
fn is_zero(share: &f64) -> bool {
    *share == 0.0
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
    /// MNIST: 60,000 + 10,000 handwritten digits of 28 × 28 pixels (LeCun et al. 1998).
    Mnist,
    /// Fashion-MNIST: 60,000 + 10,000 articles of clothing of 28 × 28 pixels in 10 classes (Xiao et al. 2017).
    FashionMnist,
    /// CIFAR-10: 50,000 + 10,000 colour images of 32 × 32 pixels in 10 classes (Krizhevsky 2009).
    #[serde(rename = "cifar-10")]
    Cifar10,
    /// CIFAR-100: 50,000 + 10,000 colour images of 32 × 32 pixels in 100 classes (Krizhevsky 2009).
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// WikiText-2: articles in words; every different word of the training part is a token (Merity et al. 2017).
    #[serde(rename = "wikitext-2")]
    Wikitext2,
    /// The plays of Shakespeare in one file of 1,115,394 characters, each a token; by nature a client is a speaker (Karpathy 2015).
    TinyShakespeare,
    /// A text of one's own, every different character of it a token.
    Text(Text),
    /// Files of one's own.
    Files(Files),
}

/// A text of one's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The file, UTF-8, plain or gzip; looked for beside the scenario, in the data folders, then where the program was started.
    #[schemars(length(min = 1))]
    pub file: String,
}

/// Files of one's own: `.csv`, `.safetensors` or `.npy`, plain or gzip; looked for beside the scenario, in the data folders, then where the
/// program was started.
///
/// A CSV file has one example a line and a first line of names; the columns of the test file are found by the names of the training file, in any order.
/// A safetensors file has the tensors `features` `(N, …)`, `labels` `(N)` and, where there are natural clients, `groups` `(N)`. A `.npy` file has the
/// features `(N, …)` alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The training examples.
    #[schemars(length(min = 1))]
    pub train: String,
    /// The labels of the training examples where they are `.npy`.
    #[serde(default)]
    pub train_labels: Option<String>,
    /// The test examples. Where there are none, `data.test_share` of all are set apart.
    #[serde(default)]
    pub test: Option<String>,
    /// The labels of the test examples where they are `.npy`.
    #[serde(default)]
    pub test_labels: Option<String>,
    /// The column of a CSV file that holds the label. Where it is not given, it is the one column that is called `label`, `labels`, `target`, `targets`,
    /// `class` or `classes`, or `y` where that is the last; a file with none or several of these is refused.
    #[serde(default)]
    pub label: Option<String>,
    /// The column of a CSV file that names the natural client; none where it is not given.
    #[serde(default)]
    pub group: Option<String>,
    /// Columns of CSV files that are no features, such as row numbers: they are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// The character between two columns of a CSV file, such as `";"` or `"\t"`; a comma where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// Whether the first line of a CSV file has the names of its columns. Without names, columns are called `1`, `2`, … from the left. Where it is not
    /// given, there are names, and a first line of numbers is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// The number of classes: labels are then whole numbers from 0 to one less, and a class may have no example. Where it is not given, the different
    /// labels of the training file are the classes, in ascending order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub classes: Option<u32>,
    /// The shape of an example, `[channels, height, width]`, where a file holds it as one row of numbers.
    #[serde(default)]
    #[schemars(length(min = 1, max = 3), inner(range(min = 1)))]
    pub shape: Option<Vec<u32>>,
}

/// A classification set that is drawn: Gaussian clusters on the corners of a hypercube in the informative features,
/// redundant features that are linear combinations of them, and noise features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Synthetic {
    /// The number of examples, the common test set included; 2,000 where neither this nor `per_client` is given.
    #[schemars(range(min = 2, max = 100_000_000))]
    pub examples: Option<u32>,
    /// Examples of each client, drawn only when it takes part, so that a million clients cost nothing; the common test set then has
    /// `data.test` examples, 1,000 where it is not given. The partition is `iid`, `dirichlet` or `classes`.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub per_client: Option<u32>,
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
    /// The share of labels, in training and test, that are replaced by a class drawn at random: a property of the set. (`data.label_noise` changes training
    /// labels alone.)
    #[schemars(range(min = 0, max = 1))]
    pub label_noise: f64,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self {
            examples: None,
            per_client: None,
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

/// How the pool of examples is shared out among the clients. But for `whole`, every example goes to exactly one client; no client is empty.
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
    /// Every client has all examples, in an order of its own: two clients that see the same data differently.
    Whole,
    /// As the set is by nature: a speaker, an article, a writer goes whole to one client, the largest first, each to the client
    /// that has the fewest examples. With as many clients as there are of them, each is one.
    Natural,
    /// Classes are shared evenly, sizes follow a power law: client of rank r gets a share proportional to r^(−exponent).
    Quantity(#[schemars(extend("exclusiveMinimum" = 0))] f64),
}
