//! [`catalogue`]: the data sets that are known by name, with their files and addresses.

/// A data set that is known by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSet {
    /// Its name in scenarios and the name of its folder.
    pub name: &'static str,
    /// A description of one line.
    pub about: &'static str,
    /// The licence.
    pub licence: &'static str,
    /// The publication to cite.
    pub cite: &'static str,
    /// Its home page.
    pub home: &'static str,
    /// The files that are read, in order.
    pub files: &'static [KnownFile],
    /// The files that `fedlayer data fetch` downloads.
    pub downloads: &'static [Download],
}

/// A file of a set. The folder may also have it compressed, with `.gz` behind its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile {
    /// Its name.
    pub name: &'static str,
    /// The part of the set that the file belongs to.
    pub role: FileRole,
    /// Its size, uncompressed.
    pub bytes: u64,
}

/// The part of a set that a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    /// The file holds training examples, or their labels, or the whole text.
    Train,
    /// The file holds test examples or their labels.
    Test,
}

/// A download of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download {
    /// The file's name, during the download and, unless it is unpacked, afterwards.
    pub file: &'static str,
    /// The address.
    pub url: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// How it is unpacked.
    pub unpack: Unpack,
}

/// How a download is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpack {
    /// Not at all: the download is a file of the set.
    AsItIs,
    /// As a `.tar.gz`: pairs of a member's path and the name of the file that it becomes.
    TarGz(&'static [(&'static str, &'static str)]),
}

const fn train(name: &'static str, bytes: u64) -> KnownFile {
    KnownFile { name, role: FileRole::Train, bytes }
}

const fn test(name: &'static str, bytes: u64) -> KnownFile {
    KnownFile { name, role: FileRole::Test, bytes }
}

/// The files of MNIST and Fashion-MNIST: a header of 16 bytes before pixels, of 8 bytes before
/// labels.
pub(crate) const IDX_FILES: [KnownFile; 4] = [
    train("train-images-idx3-ubyte", 16 + 60_000 * 28 * 28),
    train("train-labels-idx1-ubyte", 8 + 60_000),
    test("t10k-images-idx3-ubyte", 16 + 10_000 * 28 * 28),
    test("t10k-labels-idx1-ubyte", 8 + 10_000),
];

/// The files of CIFAR-10, 10,000 images each.
pub(crate) const CIFAR_10_FILES: [KnownFile; 6] = [
    train("data_batch_1.bin", 10_000 * 3073),
    train("data_batch_2.bin", 10_000 * 3073),
    train("data_batch_3.bin", 10_000 * 3073),
    train("data_batch_4.bin", 10_000 * 3073),
    train("data_batch_5.bin", 10_000 * 3073),
    test("test_batch.bin", 10_000 * 3073),
];

/// The files of CIFAR-100.
pub(crate) const CIFAR_100_FILES: [KnownFile; 2] =
    [train("train.bin", 50_000 * 3074), test("test.bin", 10_000 * 3074)];

/// The files of WikiText-2 in its word-level version; the validation part is not used.
pub(crate) const WIKITEXT_FILES: [KnownFile; 2] =
    [train("train.txt", 10_797_148), test("test.txt", 1_256_449)];

/// The file of tiny Shakespeare.
pub(crate) const SHAKESPEARE_FILES: [KnownFile; 1] = [train("input.txt", 1_115_394)];

macro_rules! idx_download {
    ($base:literal, $file:literal, $bytes:literal, $sha256:literal) => {
        Download {
            file: concat!($file, ".gz"),
            url: concat!($base, $file, ".gz"),
            bytes: $bytes,
            sha256: $sha256,
            unpack: Unpack::AsItIs,
        }
    };
}

/// Returns every set that is known by name and read from files.
pub fn catalogue() -> &'static [KnownSet] {
    &CATALOGUE
}

static CATALOGUE: [KnownSet; 6] = [
    KnownSet {
        name: "mnist",
        about: "60,000 + 10,000 handwritten digits, 28 × 28",
        licence: "CC BY-SA 3.0",
        cite: "LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998",
        home: "http://yann.lecun.com/exdb/mnist/",
        files: &IDX_FILES,
        downloads: &MNIST,
    },
    KnownSet {
        name: "fashion-mnist",
        about: "60,000 + 10,000 articles of clothing, 28 × 28",
        licence: "MIT",
        cite: "Xiao, Rasul, Vollgraf, Fashion-MNIST, 2017",
        home: "https://github.com/zalandoresearch/fashion-mnist",
        files: &IDX_FILES,
        downloads: &FASHION_MNIST,
    },
    KnownSet {
        name: "cifar-10",
        about: "50,000 + 10,000 colour images in 10 classes, 32 × 32",
        licence: "none stated",
        cite: "Krizhevsky, Learning multiple layers of features from tiny images, 2009",
        home: "https://www.cs.toronto.edu/~kriz/cifar.html",
        files: &CIFAR_10_FILES,
        downloads: &CIFAR_10,
    },
    KnownSet {
        name: "cifar-100",
        about: "50,000 + 10,000 colour images in 100 classes, 32 × 32",
        licence: "none stated",
        cite: "Krizhevsky, Learning multiple layers of features from tiny images, 2009",
        home: "https://www.cs.toronto.edu/~kriz/cifar.html",
        files: &CIFAR_100_FILES,
        downloads: &CIFAR_100,
    },
    KnownSet {
        name: "wikitext-2",
        about: "articles, 2,088,628 + 245,569 words, ends of lines included",
        licence: "CC BY-SA 3.0",
        cite: "Merity, Xiong, Bradbury, Socher, Pointer sentinel mixture models, 2017",
        home: "https://huggingface.co/datasets/Salesforce/wikitext",
        files: &WIKITEXT_FILES,
        downloads: &WIKITEXT,
    },
    KnownSet {
        name: "tiny-shakespeare",
        about: "plays, 1,115,394 characters, 299 speakers",
        licence: "public domain",
        cite: "Karpathy, char-rnn, 2015",
        home: "https://github.com/karpathy/char-rnn",
        files: &SHAKESPEARE_FILES,
        downloads: &SHAKESPEARE,
    },
];

// Several public projects (TensorFlow Datasets and others) pin these SHA-256 and sizes of MNIST and
// CIFAR. Those of Fashion-MNIST, WikiText-2 and tiny Shakespeare were computed from files with the
// same git blobs as in their repositories.
static MNIST: [Download; 4] = [
    idx_download!(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "train-images-idx3-ubyte",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    idx_download!(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "train-labels-idx1-ubyte",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    idx_download!(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "t10k-images-idx3-ubyte",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    idx_download!(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "t10k-labels-idx1-ubyte",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
];

static FASHION_MNIST: [Download; 4] = [
    idx_download!(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "train-images-idx3-ubyte",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    idx_download!(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "train-labels-idx1-ubyte",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
    idx_download!(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "t10k-images-idx3-ubyte",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    idx_download!(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "t10k-labels-idx1-ubyte",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    ),
];

static CIFAR_10: [Download; 1] = [Download {
    file: "cifar-10-binary.tar.gz",
    url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    bytes: 170_052_171,
    sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    unpack: Unpack::TarGz(&[
        ("cifar-10-batches-bin/data_batch_1.bin", "data_batch_1.bin"),
        ("cifar-10-batches-bin/data_batch_2.bin", "data_batch_2.bin"),
        ("cifar-10-batches-bin/data_batch_3.bin", "data_batch_3.bin"),
        ("cifar-10-batches-bin/data_batch_4.bin", "data_batch_4.bin"),
        ("cifar-10-batches-bin/data_batch_5.bin", "data_batch_5.bin"),
        ("cifar-10-batches-bin/test_batch.bin", "test_batch.bin"),
    ]),
}];

static CIFAR_100: [Download; 1] = [Download {
    file: "cifar-100-binary.tar.gz",
    url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    bytes: 168_513_733,
    sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    unpack: Unpack::TarGz(&[
        ("cifar-100-binary/train.bin", "train.bin"),
        ("cifar-100-binary/test.bin", "test.bin"),
    ]),
}];

macro_rules! wikitext_download {
    ($file:literal, $bytes:literal, $sha256:literal) => {
        Download {
            file: $file,
            url: concat!(
                "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2/",
                $file
            ),
            bytes: $bytes,
            sha256: $sha256,
            unpack: Unpack::AsItIs,
        }
    };
}

// The authors' archive has left its address; PyTorch's examples keep the same files.
static WIKITEXT: [Download; 2] = [
    wikitext_download!(
        "train.txt",
        10_797_148,
        "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f"
    ),
    wikitext_download!(
        "test.txt",
        1_256_449,
        "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0"
    ),
];

static SHAKESPEARE: [Download; 1] = [Download {
    file: "input.txt",
    url: "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
    bytes: 1_115_394,
    sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    unpack: Unpack::AsItIs,
}];
