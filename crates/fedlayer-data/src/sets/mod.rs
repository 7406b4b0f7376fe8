//! Reads the examples of a set, as `[data]` specifies it.

mod classes;
mod files;
mod images;
mod lost_digits;
mod own_shape;
mod texts;

use std::{io::Read, sync::Arc};

use fedlayer_core::{
    data::Examples,
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
    /// The set's own test part, if it has one.
    pub(crate) test: Option<SetPart>,
    /// The largest number of the files' format, such as 255 for bytes, if there is one.
    pub(crate) largest: Option<f32>,
    /// Sentences on columns that lose their differences in 32 bits.
    pub(crate) lost: Arc<[String]>,
}

impl SetParts {
    /// Normalises the examples by the scenario's constants, if it gives any.
    pub(crate) fn normalized(self, spec: &DataSpec) -> Self {
        if !inputs::has_constants(spec) {
            return self;
        }
        let by = |part| inputs::by_constants(spec, part);
        Self { train: by(self.train), test: self.test.map(by), ..self }
    }
}

/// Reads a set from files; `synthetic` ones are drawn elsewhere.
pub(crate) fn read(spec: &DataSpec, source: &dyn FileSource) -> Result<SetParts, DataError> {
    let only = |train: Examples| SetParts {
        train: SetPart::new(train),
        test: None,
        largest: None,
        lost: Arc::default(),
    };
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
        lost: parts.lost,
    })
}

/// Returns how many of `there` examples are taken: the first `asked`, or all.
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

/// Takes the first `asked` examples, or all.
fn cut(all: SetPart, asked: Option<u32>, key: &'static str) -> Result<SetPart, DataError> {
    let count = first(asked, key, all.examples.len())?;
    if count == all.examples.len() {
        return Ok(all);
    }
    Ok(all.gather(&(0..count as u32).collect::<Vec<_>>()))
}

/// Opens a file of a known set, plain or with `.gz` behind its name.
pub(crate) fn open_known(
    source: &dyn FileSource,
    set: &'static str,
    file: &str,
) -> Result<OpenedFile, DataError> {
    open(source, Some(set), file)
}

/// Opens a file that the scenario names, plain or with `.gz` behind its name.
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
            // The folders searched for the plain file say more than those for the compressed one.
            Err(OpenError::Missing { .. }) => Err(missing),
            found => found,
        },
        found => found,
    };
    found.map_err(|error| DataError::Unopened { set, file: file.to_owned(), error })
}

/// Makes a reader of an open file. The reader takes no more bytes than the source has room for.
pub(crate) fn reader(
    source: &dyn FileSource,
    opened: OpenedFile,
) -> Result<FileReader<Box<dyn Read + Send>>, DataError> {
    Ok(FileReader::new(&opened.path, opened.reader)?.within(source.room()))
}
