//! The image sets: their files, their sizes, their normalisation.

use std::sync::Arc;

use fedlayer_core::{
    Affine, Examples, Values,
    spec::{DataSet, DataSpec},
};

use super::{Part, Parts, first, open_known, source};
use crate::{
    DataError,
    catalogue::{CIFAR_10_FILES, CIFAR_100_FILES, IDX_FILES, KnownFile, Role},
    decode::{
        Fault, Place,
        cifar::{self, Labels, Records},
        idx,
    },
    inputs::{self, Channel},
    shelf::Shelf,
};

/// What is known of an image set before a file is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageSet {
    pub(crate) name: &'static str,
    pub(crate) shape: [usize; 3],
    pub(crate) classes: usize,
    /// Training and test images.
    pub(crate) sizes: (usize, usize),
    /// Per channel: the mean and the standard deviation over the training images, bytes taken as 0 to 1.
    pub(crate) channels: &'static [Channel],
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Idx,
    /// How records begin, the files, and the images of one training file.
    Cifar(Labels, &'static [KnownFile], usize),
}

const MNIST: ImageSet = ImageSet {
    name: "mnist",
    shape: [1, 28, 28],
    classes: 10,
    sizes: (60_000, 10_000),
    channels: &[(0.1307, 0.3081)],
    form: Form::Idx,
};

const FASHION_MNIST: ImageSet =
    ImageSet { name: "fashion-mnist", channels: &[(0.2860, 0.3530)], ..MNIST };

const CIFAR_10: ImageSet = ImageSet {
    name: "cifar-10",
    shape: [3, 32, 32],
    classes: 10,
    sizes: (50_000, 10_000),
    channels: &[(0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616)],
    form: Form::Cifar(Labels::Ten, &CIFAR_10_FILES, 10_000),
};

const CIFAR_100: ImageSet = ImageSet {
    name: "cifar-100",
    classes: 100,
    channels: &[(0.5071, 0.2673), (0.4865, 0.2564), (0.4409, 0.2762)],
    form: Form::Cifar(Labels::Hundred, &CIFAR_100_FILES, 50_000),
    ..CIFAR_10
};

/// The bytes of images, and their labels.
type Pixels = (Vec<u8>, Vec<u32>);

/// The images of a CIFAR test file.
const CIFAR_TEST: usize = 10_000;

impl ImageSet {
    /// The image set that a scenario names, if it is one.
    pub(crate) fn of(set: &DataSet) -> Option<&'static Self> {
        match set {
            DataSet::Mnist => Some(&MNIST),
            DataSet::FashionMnist => Some(&FASHION_MNIST),
            DataSet::Cifar10 => Some(&CIFAR_10),
            DataSet::Cifar100 => Some(&CIFAR_100),
            _ => None,
        }
    }

    /// The files that so many training images need, and those of the test part.
    fn files(&self, train: usize) -> Vec<KnownFile> {
        match self.form {
            Form::Idx => IDX_FILES.to_vec(),
            Form::Cifar(_, files, each) => {
                let needed = train.div_ceil(each);
                let training = files.iter().filter(|file| file.role == Role::Train).take(needed);
                training
                    .chain(files.iter().filter(|file| file.role == Role::Test))
                    .copied()
                    .collect()
            }
        }
    }

    /// Opens every file that so many training images need, and reads none.
    pub(crate) fn find(&self, train: usize, shelf: &dyn Shelf) -> Result<(), DataError> {
        let files = self.files(train);
        files.iter().try_for_each(|file| open_known(shelf, self.name, file.name).map(drop))
    }

    /// Reads what a scenario needs.
    pub(crate) fn read(&self, spec: &DataSpec, shelf: &dyn Shelf) -> Result<Parts, DataError> {
        let train = first(spec.train, "data.train", self.sizes.0)?;
        let test = first(spec.test, "data.test", self.sizes.1)?;
        let channels = inputs::of_bytes(spec, self.channels)?;
        let (train, test) = match self.form {
            Form::Idx => (
                self.read_idx(&IDX_FILES[..2], train, self.sizes.0, shelf)?,
                self.read_idx(&IDX_FILES[2..], test, self.sizes.1, shelf)?,
            ),
            Form::Cifar(labels, _, each) => {
                let files = self.files(train);
                let (training, testing): (Vec<_>, Vec<_>) =
                    files.into_iter().partition(|file| file.role == Role::Train);
                (
                    self.read_cifar(labels, &training, train, each, shelf)?,
                    self.read_cifar(labels, &testing, test, CIFAR_TEST, shelf)?,
                )
            }
        };
        let examples = |images| Part::new(self.examples(images, &channels));
        Ok(Parts {
            train: examples(train),
            test: Some(examples(test)),
            largest: Some(inputs::BYTE),
            lost: Arc::default(),
        })
    }

    /// The first `count` of the `all` images that the two files hold.
    fn read_idx(
        &self,
        files: &[KnownFile],
        count: usize,
        all: usize,
        shelf: &dyn Shelf,
    ) -> Result<Pixels, DataError> {
        let [_, height, width] = self.shape;
        let whole = idx::Header { count: all as u32, height: height as u32, width: width as u32 };
        let mut images = source(shelf, open_known(shelf, self.name, files[0].name)?)?;
        let header = idx::Header::read(&mut images)?;
        // Before any pixel is read: the header alone decides how much there is to read.
        if header != whole {
            let say = |idx::Header { count, height, width }| {
                format!("{count} images of {height}×{width}")
            };
            let place = Place::Byte(idx::Header::COUNT_AT);
            return Err(images.fault_at(place, Fault::Shape, say(header), say(whole)).into());
        }
        let first = count as u32;
        let bytes = header.pixels(&mut images, first)?;
        let mut labels = source(shelf, open_known(shelf, self.name, files[1].name)?)?;
        let wanted = idx::Wanted { classes: self.classes, count: Some(whole.count), first };
        let labels = idx::labels(&mut labels, wanted)?;
        Ok((bytes, labels))
    }

    fn read_cifar(
        &self,
        form: Labels,
        files: &[KnownFile],
        count: usize,
        each: usize,
        shelf: &dyn Shelf,
    ) -> Result<Pixels, DataError> {
        let mut records = Records::default();
        for file in files {
            let left = count - records.labels.len();
            let mut source = source(shelf, open_known(shelf, self.name, file.name)?)?;
            cifar::append(&mut source, form, each, left, &mut records)?;
        }
        Ok((records.bytes, records.labels))
    }

    fn examples(&self, (bytes, labels): Pixels, channels: &[Affine]) -> Examples {
        Examples {
            shape: self.shape.to_vec(),
            classes: self.classes,
            values: Values::Bytes { bytes, channels: channels.to_vec() },
            labels,
            targets: 1,
            groups: None,
            class_names: None,
        }
    }
}
