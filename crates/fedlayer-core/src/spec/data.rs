//! `[data]`: the examples, and their partition among the clients.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Normalize, Scale};

/// The examples, and their partition among the clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// The data set.
    pub set: DataSet,
    /// The partition of the pool of examples among the clients.
    #[serde(default)]
    pub partition: Partition,
    /// Take only the first `train` training examples, in the set's own order. Files that are not
    /// needed are not opened.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub train: Option<u32>,
    /// Take only the first `test` examples of the set's own test part.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub test: Option<u32>,
    /// Take only examples of the first `keep_classes` classes of the set, in training and test,
    /// from those that `train` and `test` select. The model then has `keep_classes` outputs. Not
    /// for texts, and not for synthetic sets, which have a number of classes of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2))]
    pub keep_classes: Option<u32>,
    /// The share of training examples with a label that is drawn anew, uniformly over the classes.
    /// Labels of test and validation examples stay as they are, also those of the clients' own. An
    /// example with a noisy label keeps it at every larger share. Not for texts.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 1))]
    pub label_noise: f64,
    /// The factor of the set's numbers, applied before `normalize`: a number, `"unit"` (to [0, 1])
    /// or `"none"`. The default is `"unit"` for images in bytes and for `digits`, and `"none"` for
    /// all other sets. Not for texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// The normalisation of scaled values, the same in training and test: `{ mean = […], std = […]
    /// }`, `"set"` or `"none"`. The default is `"set"` for the named image sets, and `"none"` for
    /// all other sets. Not for texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
    /// The number of tokens of an example, for texts; the default is 64.
    #[serde(default)]
    #[schemars(range(min = 2, max = 65_536))]
    pub context: Option<u32>,
    /// Random changes of the images of training batches.
    #[serde(default)]
    pub augment: Augment,
    /// The share of all examples that becomes the common test set, for sets without a test part of
    /// their own; the default is a fifth.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub test_share: Option<f64>,
    /// The share of each client's examples that becomes its own held-out test data. With 0 clients
    /// train on all their examples, and no value over their own test data is recorded.
    #[serde(default = "a_fifth")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub client_test_share: f64,
    /// The share of the training examples that becomes the common validation set, before the others
    /// are shared out; stratified by class. For clients that draw their examples (`per_client`),
    /// the set is drawn with this share of the size of the common test set.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub validation_share: f64,
    /// The share of each client's examples that becomes its own held-out validation data, taken
    /// from those that are not its test data.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub client_validation_share: f64,
}

impl DataSpec {
    /// Makes the spec of a set with an even partition and the defaults of all other keys.
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
            validation_share: 0.0,
            client_validation_share: 0.0,
        }
    }

    /// Returns the number of tokens of an example, for texts.
    pub fn context(&self) -> u32 {
        self.context.unwrap_or(64)
    }

    /// Returns the share of all examples that becomes the common test set.
    pub fn test_share(&self) -> f64 {
        self.test_share.unwrap_or_else(a_fifth)
    }
}

/// Random changes of the images of training batches, drawn anew in every step from the seed of the
/// job. Test images are not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// The zero padding in pixels; a random piece of the image's size is cut from the padded image.
    /// Zeros are values after `normalize`, which is the mean colour of a normalised set. In
    /// torchvision, `RandomCrop` before `Normalize` pads with black instead.
    #[schemars(range(max = 1_000))]
    pub crop: u32,
    /// If true, images are flipped horizontally with probability ½.
    pub flip: bool,
}

/// Returns whether a share is 0 and is therefore not written: the hash of a plan without the key
/// stays as it was.
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
    /// UCI optical recognition of handwritten digits: 1,797 images of 8 × 8 pixels in 10 classes.
    /// It is part of the binary.
    Digits,
    /// Synthetic clusters with informative, redundant and noise features.
    Synthetic(Synthetic),
    /// MNIST: 60,000 + 10,000 handwritten digits of 28 × 28 pixels (LeCun et al. 1998).
    Mnist,
    /// Fashion-MNIST: 60,000 + 10,000 articles of clothing of 28 × 28 pixels in 10 classes (Xiao et
    /// al. 2017).
    FashionMnist,
    /// CIFAR-10: 50,000 + 10,000 colour images of 32 × 32 pixels in 10 classes (Krizhevsky 2009).
    #[serde(rename = "cifar-10")]
    Cifar10,
    /// CIFAR-100: 50,000 + 10,000 colour images of 32 × 32 pixels in 100 classes (Krizhevsky 2009).
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// WikiText-2: articles in words; every different word of the training part is a token (Merity
    /// et al. 2017).
    #[serde(rename = "wikitext-2")]
    Wikitext2,
    /// The plays of Shakespeare in one file of 1,115,394 characters, each a token. Its natural
    /// clients are the speakers (Karpathy 2015).
    TinyShakespeare,
    /// A text from a file; every different character is a token.
    Text(Text),
    /// Examples from files.
    Files(Files),
}

/// A text from a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The file: UTF-8, plain or gzip. It is searched for beside the scenario, then in the data
    /// folders, then in the working directory.
    #[schemars(length(min = 1))]
    pub file: String,
}

/// Files with examples: `.csv`, `.safetensors` or `.npy`, plain or gzip. They are searched for
/// beside the scenario, then in the data folders, then in the working directory.
///
/// A CSV file has one example per line, and names in its first line. The columns of the test file
/// are matched by the names of the training file, in any order. A safetensors file has the tensors
/// `features` `(N, …)`, `labels` `(N)` and, if there are natural clients, `groups` `(N)`. A `.npy`
/// file has only the features `(N, …)`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The file of the training examples.
    #[schemars(length(min = 1))]
    pub train: String,
    /// The file of the labels of the training examples, for `.npy`.
    #[serde(default)]
    pub train_labels: Option<String>,
    /// The file of the test examples. By default `data.test_share` of all examples is set apart.
    #[serde(default)]
    pub test: Option<String>,
    /// The file of the labels of the test examples, for `.npy`.
    #[serde(default)]
    pub test_labels: Option<String>,
    /// The column of a CSV file that holds the label. By default it is the one column called
    /// `label`, `labels`, `target`, `targets`, `class` or `classes`, or a last column called `y`. A
    /// file with none or several of these is refused.
    #[serde(default)]
    pub label: Option<String>,
    /// The column of a CSV file that names the natural client. By default it is the one column
    /// called `group` or `groups`, if any.
    #[serde(default)]
    pub group: Option<String>,
    /// Columns of CSV files that are not features, such as row numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// The character between two columns of a CSV file, such as `";"` or `"\t"`; by default a
    /// comma.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// If true, the first line of a CSV file names its columns. Columns without names are called
    /// `1`, `2`, … from the left. By default there are names, and a first line of numbers is
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// The number of classes. Labels are then whole numbers from 0 to `classes` − 1, and a class
    /// may have no example. By default the different labels of the training file are the classes,
    /// in ascending order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub classes: Option<u32>,
    /// The shape of an example, `[channels, height, width]`, for files with one row of numbers per
    /// example.
    #[serde(default)]
    #[schemars(length(min = 1, max = 3), inner(range(min = 1)))]
    pub shape: Option<Vec<u32>>,
}

/// A synthetic classification set: Gaussian clusters on the corners of a hypercube in the
/// informative features, redundant features that are linear combinations of them, and noise
/// features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Synthetic {
    /// The number of examples, including the common test set. The default is 2,000, unless
    /// `per_client` is given.
    #[schemars(range(min = 2, max = 100_000_000))]
    pub examples: Option<u32>,
    /// The number of examples of each client, drawn only when it takes part: a million clients cost
    /// nothing. The common test set then has `data.test` examples, by default 1,000. The partition
    /// must be `iid`, `dirichlet` or `classes`.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub per_client: Option<u32>,
    /// The number of classes.
    #[schemars(range(min = 1, max = 100_000))]
    pub classes: u32,
    /// The number of features that separate the classes.
    #[schemars(range(min = 1, max = 100_000))]
    pub informative: u32,
    /// The number of features that are random linear combinations of the informative ones.
    #[schemars(range(max = 100_000))]
    pub redundant: u32,
    /// The number of features that are pure noise.
    #[schemars(range(max = 100_000))]
    pub noise: u32,
    /// The number of Gaussian clusters per class.
    #[schemars(range(min = 1, max = 1_000))]
    pub clusters_per_class: u32,
    /// Half the side of the hypercube that has the clusters at its corners, in standard deviations
    /// of a cluster. A larger value makes the task easier.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub separation: f64,
    /// The share of labels, in training and test, that are replaced by a random class: a property
    /// of the set. (`data.label_noise` changes only training labels.)
    #[schemars(range(min = 0, max = 1))]
    pub label_noise: f64,
}

impl Synthetic {
    /// The default number of examples.
    pub const EXAMPLES: u32 = 2000;
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

/// The partition of the pool of examples among the clients. Every example goes to exactly one
/// client, except for `whole`. No client is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// Shuffled and dealt out evenly: the sizes differ by at most one.
    #[default]
    Iid,
    /// Per class, the clients' shares are drawn from a symmetric Dirichlet distribution with this
    /// concentration. A smaller concentration is more unequal.
    Dirichlet(#[schemars(extend("exclusiveMinimum" = 0))] f64),
    /// Sorted by class and cut into equal shards, this many per client (McMahan et al. 2017).
    Shards(#[schemars(range(min = 1))] u32),
    /// Each client has examples of this many classes.
    Classes(#[schemars(range(min = 1))] u32),
    /// Every client has all examples, in its own order: two clients see the same data differently.
    Whole,
    /// By natural clients: a speaker, an article or a writer goes entirely to one client. The
    /// largest comes first, and each goes to the client with the fewest examples. If there are as
    /// many clients, each client is one of them.
    Natural,
    /// Classes are shared evenly, and sizes follow a power law: the client of rank r gets a share
    /// proportional to r^(−exponent).
    Quantity(#[schemars(extend("exclusiveMinimum" = 0))] f64),
}
