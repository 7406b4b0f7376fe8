//! From a specification to examples: which files a set is read from, and what becomes of them.

mod classes;
mod files;
mod images;
mod own_shape;
mod texts;

use std::io::Read;

use fedlayer_core::{
    Examples,
    spec::{DataSet, DataSpec},
};

use crate::{
    DataError,
    decode::FileReader,
    digits,
    file_source::{FileSource, OpenError, OpenedFile},
    image_set::ImageSet,
    inputs::{self, Factor},
    set_part::SetPart,
};

pub(crate) use images::ImageReader;

/// The examples of a set as it is distributed.
#[derive(Debug, Clone)]
pub(crate) struct SetParts {
    /// The training part, or all examples.
    pub(crate) train: SetPart,
    /// The set's own test part.
    pub(crate) test: Option<SetPart>,
    /// The largest number of the format that the files have, such as 255 for bytes; nothing where there is none.
    pub(crate) largest: Option<f32>,
}

impl SetParts {
    /// The same examples, normalised by the scenario's constants where it gives some.
    pub(crate) fn normalized(self, spec: &DataSpec) -> Self {
        if !inputs::has_constants(spec) {
            return self;
        }
        let by = |part| inputs::by_constants(spec, part);
        Self { train: by(self.train), test: self.test.map(by), largest: self.largest }
    }
}

/// Reads a set. Synthetic ones are drawn elsewhere.
pub(crate) fn read(spec: &DataSpec, source: &dyn FileSource) -> Result<SetParts, DataError> {
    let only = |train: Examples| SetParts { train: SetPart::new(train), test: None, largest: None };
    let context = spec.context() as usize;
    let parts = match &spec.set {
        DataSet::Digits => {
            let factor = Factor::of(spec, Some(digits::WHITE.into()))?;
            SetParts {
                largest: Some(digits::WHITE.into()),
                ..only(factor.examples(digits::decode()?))
            }
        }
        DataSet::Mnist | DataSet::FashionMnist | DataSet::Cifar10 | DataSet::Cifar100 => {
            return ImageReader { set: ImageSet::of(&spec.set).ok_or(DataError::NotASet)?, source }
                .read(spec);
        }
        DataSet::Wikitext2 => texts::wikitext_2(source, context)?,
        DataSet::TinyShakespeare => only(texts::tiny_shakespeare(source, context)?),
        DataSet::Text(text) => only(texts::own(source, &text.file, context)?),
        DataSet::Files(own) => files::read(spec, own, source)?,
        DataSet::Synthetic(_) => return Err(DataError::NotASet),
    };
    Ok(SetParts {
        train: cut(parts.train, spec.train, "data.train")?,
        test: parts.test.map(|test| cut(test, spec.test, "data.test")).transpose()?,
        largest: parts.largest,
    })
}

/// How many of `there` examples are taken: the first `asked`, or all.
pub(crate) fn first(
    asked: Option<u32>,
    key: &'static str,
    there: usize,
) -> Result<usize, DataError> {
    match asked {
        Some(asked) if asked as usize > there => {
            Err(DataError::FewerExamples { key, asked, there })
        }
        asked => Ok(asked.map_or(there, |asked| asked as usize)),
    }
}

/// The first examples, where fewer than all are asked for.
fn cut(all: SetPart, asked: Option<u32>, key: &'static str) -> Result<SetPart, DataError> {
    let count = first(asked, key, all.examples.len())?;
    if count == all.examples.len() {
        return Ok(all);
    }
    Ok(all.gather(&(0..count as u32).collect::<Vec<_>>()))
}

/// Opens a file of a known set, as it is or with `.gz` behind its name.
pub(crate) fn open_known(
    source: &dyn FileSource,
    set: &'static str,
    file: &str,
) -> Result<OpenedFile, DataError> {
    open(source, Some(set), file)
}

/// Opens a file that the scenario names, as it is or with `.gz` behind its name.
pub(crate) fn open_own(source: &dyn FileSource, file: &str) -> Result<OpenedFile, DataError> {
    open(source, None, file)
}

fn open(
    source: &dyn FileSource,
    set: Option<&'static str>,
    file: &str,
) -> Result<OpenedFile, DataError> {
    let found = match source.open(set, file) {
        Err(missing @ OpenError::Missing { .. }) => match source.open(set, &format!("{file}.gz")) {
            // Where the plain file was looked for says more than where its compressed twin was.
            Err(OpenError::Missing { .. }) => Err(missing),
            found => found,
        },
        found => found,
    };
    found.map_err(|error| DataError::Unopened { set, file: file.to_owned(), error })
}

/// The bytes of an open file, of which as many are taken as the source has room for.
pub(crate) fn reader(
    source: &dyn FileSource,
    opened: OpenedFile,
) -> Result<FileReader<Box<dyn Read + Send>>, DataError> {
    Ok(FileReader::new(&opened.path, opened.reader)?.within(source.room()))
}
