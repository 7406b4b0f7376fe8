//! The image sets that are known by name: their files, sizes and published constants.

use fedlayer_core::spec::DataSet;

use crate::{
    catalogue::{CIFAR_10_FILES, CIFAR_100_FILES, FileRole, IDX_FILES, KnownFile},
    decode::cifar::Labels,
};

/// The mean and the standard deviation of a channel, or of a column of a table.
pub(crate) type Channel = (f32, f32);

/// The constants of an image set, known before a file is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageSet {
    pub(crate) name: &'static str,
    pub(crate) shape: [usize; 3],
    pub(crate) classes: usize,
    /// The numbers of training and test images.
    pub(crate) sizes: (usize, usize),
    /// The mean and the standard deviation of each channel over the training images, with bytes
    /// scaled to [0, 1].
    pub(crate) channels: &'static [Channel],
    pub(crate) format: FileFormat,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum FileFormat {
    Idx,
    /// CIFAR: the labels of a record, the files, and the number of images in a training file.
    Cifar(Labels, &'static [KnownFile], usize),
}

const MNIST: ImageSet = ImageSet {
    name: "mnist",
    shape: [1, 28, 28],
    classes: 10,
    sizes: (60_000, 10_000),
    channels: &[(0.1307, 0.3081)],
    format: FileFormat::Idx,
};

const FASHION_MNIST: ImageSet =
    ImageSet { name: "fashion-mnist", channels: &[(0.2860, 0.3530)], ..MNIST };

const CIFAR_10: ImageSet = ImageSet {
    name: "cifar-10",
    shape: [3, 32, 32],
    classes: 10,
    sizes: (50_000, 10_000),
    channels: &[(0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616)],
    format: FileFormat::Cifar(Labels::Ten, &CIFAR_10_FILES, 10_000),
};

const CIFAR_100: ImageSet = ImageSet {
    name: "cifar-100",
    classes: 100,
    channels: &[(0.5071, 0.2673), (0.4865, 0.2564), (0.4409, 0.2762)],
    format: FileFormat::Cifar(Labels::Hundred, &CIFAR_100_FILES, 50_000),
    ..CIFAR_10
};

impl ImageSet {
    /// Returns the image set that a scenario names, if it is one.
    pub(crate) fn of(set: &DataSet) -> Option<&'static Self> {
        match set {
            DataSet::Mnist => Some(&MNIST),
            DataSet::FashionMnist => Some(&FASHION_MNIST),
            DataSet::Cifar10 => Some(&CIFAR_10),
            DataSet::Cifar100 => Some(&CIFAR_100),
            _ => None,
        }
    }

    /// Returns the files that `train` training images need, and those of the test part.
    pub(crate) fn files(&self, train: usize) -> Vec<KnownFile> {
        match self.format {
            FileFormat::Idx => IDX_FILES.to_vec(),
            FileFormat::Cifar(_, files, each) => {
                let needed = train.div_ceil(each);
                let training =
                    files.iter().filter(|file| file.role == FileRole::Train).take(needed);
                training
                    .chain(files.iter().filter(|file| file.role == FileRole::Test))
                    .copied()
                    .collect()
            }
        }
    }
}

/// Returns the published mean and standard deviation of each channel of a known image set, over its
/// training images with bytes scaled to [0, 1]; `None` for other sets.
pub fn published(set: &DataSet) -> Option<&'static [Channel]> {
    ImageSet::of(set).map(|images| images.channels)
}
