//! [`ImageReader`]: reads the image sets that are known by name.

use std::sync::Arc;

use fedlayer_core::{
    data::{Affine, ExampleValues, Examples},
    spec::DataSpec,
};

use super::{SetParts, first, open_known, reader};
use crate::{
    DataError,
    catalogue::{FileRole, IDX_FILES, KnownFile},
    decode::{
        DecodeFault, FilePosition,
        cifar::{self, CifarRecords, Labels},
        idx,
    },
    file_source::{FileSource, OpenedFile},
    image_set::{FileFormat, ImageSet},
    inputs,
    set_part::SetPart,
};

/// The bytes of images, and their labels.
type Pixels = (Vec<u8>, Vec<u32>);

/// The number of images in a CIFAR test file.
const CIFAR_TEST: usize = 10_000;

/// Reads the files of an image set.
pub(crate) struct ImageReader<'a> {
    pub(crate) set: &'static ImageSet,
    pub(crate) source: &'a dyn FileSource,
}

impl ImageReader<'_> {
    /// Opens every file that `train` training images and the test part need, and reads none.
    pub(crate) fn find(&self, train: usize) -> Result<(), DataError> {
        let files = self.set.files(train);
        files
            .iter()
            .try_for_each(|file| open_known(self.source, self.set.name, file.name).map(drop))
    }

    /// Reads the images that a scenario needs.
    pub(crate) fn read(&self, spec: &DataSpec) -> Result<SetParts, DataError> {
        let (all_train, all_test) = self.set.sizes;
        let train = first(spec.train, "data.train", all_train)?;
        let test = first(spec.test, "data.test", all_test)?;
        let channels = inputs::of_bytes(spec, self.set.channels)?;
        let (train, test) = match self.set.format {
            FileFormat::Idx => (
                self.read_idx(&IDX_FILES[..2], train, all_train)?,
                self.read_idx(&IDX_FILES[2..], test, all_test)?,
            ),
            FileFormat::Cifar(labels, _, each) => {
                let files = self.set.files(train);
                let (training, testing): (Vec<_>, Vec<_>) =
                    files.into_iter().partition(|file| file.role == FileRole::Train);
                (
                    self.read_cifar(labels, &training, train, each)?,
                    self.read_cifar(labels, &testing, test, CIFAR_TEST)?,
                )
            }
        };
        let examples = |images| SetPart::new(self.examples(images, &channels));
        let (train, test) = (examples(train), Some(examples(test)));
        Ok(SetParts { train, test, largest: Some(inputs::BYTE), lost: Arc::default() })
    }

    /// Reads the first `count` of the `all` images that the two files hold.
    fn read_idx(&self, files: &[KnownFile], count: usize, all: usize) -> Result<Pixels, DataError> {
        let [_, height, width] = self.set.shape;
        let whole =
            idx::ImageHeader { count: all as u32, height: height as u32, width: width as u32 };
        let mut images = reader(self.source, self.open(&files[0])?)?;
        let header = idx::ImageHeader::read(&mut images)?;
        // The header alone decides how much is read, so it is checked before any pixel.
        if header != whole {
            let say = |idx::ImageHeader { count, height, width }| {
                format!("{count} images of {height}×{width}")
            };
            let position = FilePosition::Byte(idx::ImageHeader::COUNT_AT);
            let (found, expected) = (say(header), say(whole));
            return Err(images.fault_at(position, DecodeFault::Shape, found, expected).into());
        }
        let first = count as u32;
        let bytes = header.pixels(&mut images, first)?;
        let mut labels = reader(self.source, self.open(&files[1])?)?;
        let expected =
            idx::ExpectedLabels { classes: self.set.classes, count: Some(whole.count), first };
        Ok((bytes, idx::labels(&mut labels, expected)?))
    }

    /// Reads the first `count` images of files with `each` images.
    fn read_cifar(
        &self,
        labels: Labels,
        files: &[KnownFile],
        count: usize,
        each: usize,
    ) -> Result<Pixels, DataError> {
        let mut records = CifarRecords::default();
        for file in files {
            let left = count - records.labels.len();
            let mut input = reader(self.source, self.open(file)?)?;
            cifar::append(&mut input, labels, each, left, &mut records)?;
        }
        Ok((records.bytes, records.labels))
    }

    fn open(&self, file: &KnownFile) -> Result<OpenedFile, DataError> {
        open_known(self.source, self.set.name, file.name)
    }

    fn examples(&self, (bytes, labels): Pixels, channels: &[Affine]) -> Examples {
        Examples {
            shape: self.set.shape.to_vec(),
            classes: self.set.classes,
            values: ExampleValues::Bytes { bytes, channels: channels.to_vec() },
            labels,
            targets: 1,
            groups: None,
            class_names: None,
        }
    }
}
