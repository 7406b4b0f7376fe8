//! From a specification to examples: which files a set is read from, and what becomes of them.

mod classes;
mod files;
mod images;
mod lost_digits;
mod own_shape;
mod part;
mod texts;

use std::{io::Read, sync::Arc};

use fedlayer_core::{
    Examples, Values,
    spec::{DataSet, DataSpec},
};

use crate::{
    DataError,
    decode::Source,
    digits,
    inputs::{self, Channel, Factor},
    shelf::{Opened, Shelf, ShelfError},
};

pub(crate) use images::ImageSet;
pub(crate) use part::Part;

/// The examples of a set as it is distributed.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// The training part, or all examples.
    pub(crate) train: Part,
    /// The set's own test part.
    pub(crate) test: Option<Part>,
    /// The largest number of the format that the files have, such as 255 for bytes; nothing where there is none.
    pub(crate) largest: Option<f32>,
    /// Sentences on columns that lose their differences in 32 bits.
    pub(crate) lost: Arc<[String]>,
}

impl Parts {
    /// The same examples, normalised by the scenario's constants where it gives some.
    pub(crate) fn normalized(self, spec: &DataSpec) -> Self {
        if !inputs::has_constants(spec) {
            return self;
        }
        let by = |part| inputs::by_constants(spec, part);
        Self { train: by(self.train), test: self.test.map(by), ..self }
    }
}

/// Reads a set. Synthetic ones are drawn elsewhere.
pub(crate) fn read(spec: &DataSpec, shelf: &dyn Shelf) -> Result<Parts, DataError> {
    let only = |train: Examples| Parts {
        train: Part::new(train),
        test: None,
        largest: None,
        lost: Arc::default(),
    };
    let context = spec.context() as usize;
    let parts = match &spec.set {
        DataSet::Digits => {
            let factor = Factor::of(spec, Some(digits::WHITE.into()))?;
            Parts { largest: Some(digits::WHITE.into()), ..only(digits::decode(factor)?) }
        }
        DataSet::Mnist | DataSet::FashionMnist | DataSet::Cifar10 | DataSet::Cifar100 => {
            return ImageSet::of(&spec.set).ok_or(DataError::NotASet)?.read(spec, shelf);
        }
        DataSet::Wikitext2 => texts::wikitext_2(shelf, context)?,
        DataSet::TinyShakespeare => only(texts::tiny_shakespeare(shelf, context)?),
        DataSet::Text(text) => only(texts::own(shelf, &text.file, context)?),
        DataSet::Files(own) => files::read(spec, own, shelf)?,
        DataSet::Synthetic(_) => return Err(DataError::NotASet),
    };
    Ok(Parts {
        train: cut(parts.train, spec.train, "data.train")?,
        test: parts.test.map(|test| cut(test, spec.test, "data.test")).transpose()?,
        largest: parts.largest,
        lost: parts.lost,
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
fn cut(all: Part, asked: Option<u32>, key: &'static str) -> Result<Part, DataError> {
    let count = first(asked, key, all.examples.len())?;
    if count == all.examples.len() {
        return Ok(all);
    }
    Ok(all.gather(&(0..count as u32).collect::<Vec<_>>()))
}

/// Per channel of a known image set: the published mean and standard deviation over its training images, bytes taken as 0 to 1; nothing for other sets.
pub fn published(set: &DataSet) -> Option<&'static [Channel]> {
    ImageSet::of(set).map(|images| images.channels)
}

/// What messages call a set: its name in scenarios, or its file.
pub(crate) fn name(set: &DataSet) -> String {
    match set {
        DataSet::Digits => "digits",
        DataSet::Synthetic(_) => "synthetic",
        DataSet::Mnist => "mnist",
        DataSet::FashionMnist => "fashion-mnist",
        DataSet::Cifar10 => "cifar-10",
        DataSet::Cifar100 => "cifar-100",
        DataSet::Wikitext2 => "wikitext-2",
        DataSet::TinyShakespeare => "tiny-shakespeare",
        DataSet::Text(text) => &text.file,
        DataSet::Files(files) => &files.train,
    }
    .to_owned()
}

/// The examples of `all` that `order` names, in that order.
pub(crate) fn gather(all: &Examples, order: &[u32]) -> Examples {
    let width = all.features();
    let rows = || order.iter().map(|&row| row as usize * width..(row as usize + 1) * width);
    let values = match &all.values {
        Values::Floats(values) => {
            Values::Floats(rows().flat_map(|row| &values[row]).copied().collect())
        }
        Values::Bytes { bytes, channels } => Values::Bytes {
            bytes: rows().flat_map(|row| &bytes[row]).copied().collect(),
            channels: channels.clone(),
        },
    };
    let labels = order.iter().flat_map(|&row| all.labels_of(row as usize)).copied().collect();
    let groups = all.groups.as_ref();
    Examples {
        shape: all.shape.clone(),
        classes: all.classes,
        values,
        labels,
        targets: all.targets,
        groups: groups.map(|groups| order.iter().map(|&row| groups[row as usize]).collect()),
        class_names: all.class_names.clone(),
    }
}

/// Opens a file of a known set, as it is or with `.gz` behind its name.
pub(crate) fn open_known(
    shelf: &dyn Shelf,
    set: &'static str,
    file: &str,
) -> Result<Opened, DataError> {
    open(shelf, Some(set), file)
}

/// Opens a file that the scenario names, as it is or with `.gz` behind its name.
pub(crate) fn open_own(shelf: &dyn Shelf, file: &str) -> Result<Opened, DataError> {
    open(shelf, None, file)
}

fn open(shelf: &dyn Shelf, set: Option<&'static str>, file: &str) -> Result<Opened, DataError> {
    let found = match shelf.open(set, file) {
        Err(missing @ ShelfError::Missing { .. }) => match shelf.open(set, &format!("{file}.gz")) {
            // Where the plain file was looked for says more than where its compressed twin was.
            Err(ShelfError::Missing { .. }) => Err(missing),
            found => found,
        },
        found => found,
    };
    found.map_err(|error| DataError::Unopened { set, file: file.to_owned(), error })
}

/// The bytes of an open file, of which as many are taken as the shelf has room for.
pub(crate) fn source(
    shelf: &dyn Shelf,
    opened: Opened,
) -> Result<Source<Box<dyn Read + Send>>, DataError> {
    Ok(Source::new(&opened.path, opened.reader)?.within(shelf.room()))
}
