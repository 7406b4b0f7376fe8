//! Files of one's own: CSV, safetensors, `.npy`.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::{
    Examples,
    spec::{DataSpec, Files},
};

use super::{Parts, open_own, source};
use crate::{
    DataError,
    decode::{
        DecodeError, Fault, Place,
        array::{Array, Kind, LARGEST_CLASS},
        csv, npy, safetensors,
    },
    inputs::{self, Factor},
    shelf::Shelf,
};

/// Reads the training file and the test file, where there is one.
pub(super) fn read(spec: &DataSpec, files: &Files, shelf: &dyn Shelf) -> Result<Parts, DataError> {
    let mut train = read_one(files, &files.train, files.train_labels.as_deref(), shelf)?;
    let test = files.test.as_deref();
    let test = test.map(|test| read_one(files, test, files.test_labels.as_deref(), shelf));
    let mut test = test.transpose()?;
    let largest = scale(spec, &mut train, test.as_mut())?;
    let (train, test) = numbered(train, test)?;
    Ok(Parts { train: Arc::new(train), test: test.map(Arc::new), largest })
}

/// Scales both files as `data.scale` says. Returns the largest number of their format: 255 where their features are bytes.
fn scale(
    spec: &DataSpec,
    train: &mut Raw,
    test: Option<&mut Raw>,
) -> Result<Option<f32>, DataError> {
    if let Some(test) = test.as_deref().filter(|test| test.bytes != train.bytes)
        && spec.scale.is_none()
    {
        let (bytes, other) = if train.bytes { (&*train, test) } else { (test, &*train) };
        return Err(DataError::OtherNumbers {
            bytes: bytes.file.clone(),
            other: other.file.clone(),
        });
    }
    let largest = train.bytes.then_some(inputs::BYTE);
    let factor = Factor::of(spec, largest)?;
    factor.apply(&mut train.values);
    if let Some(test) = test {
        factor.apply(&mut test.values);
    }
    Ok(largest)
}

/// A file's examples before classes are counted.
struct Raw {
    file: String,
    shape: Vec<usize>,
    values: Vec<f32>,
    /// Whether its features are bytes, as images are.
    bytes: bool,
    labels: Labels,
    groups: Option<Vec<u32>>,
}

/// The labels of a file.
enum Labels {
    /// Classes.
    Numbers(Vec<u32>),
    /// Names of classes.
    Names(Vec<String>),
}

fn read_one(
    files: &Files,
    file: &str,
    labels: Option<&str>,
    shelf: &dyn Shelf,
) -> Result<Raw, DataError> {
    let file = file.to_owned();
    let plain = file.strip_suffix(".gz").unwrap_or(&file);
    let ending = plain.rsplit_once('.').map(|(_, ending)| ending);
    if let (Some("csv" | "safetensors"), Some(labels)) = (ending, labels) {
        let labels = labels.to_owned();
        return Err(DataError::LabelsInside { file, labels });
    }
    let mut raw = match (ending, labels) {
        (Some("csv"), _) => read_csv(files, &file, shelf)?,
        (Some("safetensors"), _) => {
            let tensors = safetensors::tensors(&mut source(open_own(shelf, &file)?)?)?;
            of_arrays(&file, &tensors.features, &tensors.labels, tensors.groups.as_ref())?
        }
        (Some("npy"), Some(labels)) => {
            let features = npy::array(&mut source(open_own(shelf, &file)?)?)?;
            let labels = npy::array(&mut source(open_own(shelf, labels)?)?)?;
            of_arrays(&file, &features, &labels, None)?
        }
        (Some("npy"), None) => return Err(DataError::NoLabels { file }),
        _ => return Err(DataError::UnknownEnding { file }),
    };
    if let Some(shape) = &files.shape {
        let shape: Vec<usize> = shape.iter().map(|&length| length as usize).collect();
        let length = |shape: &[usize]| shape.iter().map(|&axis| axis as u128).product::<u128>();
        if length(&raw.shape) != length(&shape) {
            return Err(DataError::OtherShape { file, found: raw.shape, shape });
        }
        raw.shape = shape;
    }
    Ok(raw)
}

fn read_csv(files: &Files, file: &str, shelf: &dyn Shelf) -> Result<Raw, DataError> {
    let columns = csv::Columns { label: files.label.as_deref(), group: files.group.as_deref() };
    let mut source = source(open_own(shelf, file)?)?;
    let table = csv::table(&mut source, columns)?;
    Ok(Raw {
        file: source.file().to_owned(),
        shape: vec![table.features],
        values: table.values,
        bytes: false,
        labels: Labels::Names(table.labels),
        groups: table.groups,
    })
}

fn of_arrays(
    file: &str,
    features: &Array,
    labels: &Array,
    groups: Option<&Array>,
) -> Result<Raw, DataError> {
    let values = features.features()?;
    let (count, shape) = (features.shape[0], features.shape[1..].to_vec());
    Ok(Raw {
        file: file.to_owned(),
        shape,
        values,
        bytes: features.kind == Kind::U8,
        labels: Labels::Numbers(labels.classes(count)?),
        groups: groups.map(|groups| groups.owners(count)).transpose()?,
    })
}

/// What the labels of the training file are, and so those of the test file must be.
enum Classes {
    /// Whole numbers from 0 to this.
    Up(u32),
    /// Names in alphabetical order.
    Names(Vec<String>),
}

impl Classes {
    /// Names that are all whole numbers are taken as such: a class is then what it is called.
    fn of(labels: &Labels) -> Self {
        let largest = match labels {
            Labels::Numbers(numbers) => numbers.iter().copied().max(),
            Labels::Names(names) => {
                let all = names.iter().map(|name| whole(name)).collect::<Option<Vec<u32>>>();
                all.and_then(|numbers| numbers.into_iter().max())
            }
        };
        match (largest, labels) {
            (Some(largest), _) => Self::Up(largest),
            (None, Labels::Names(names)) => {
                let different: BTreeSet<&String> = names.iter().collect();
                Self::Names(different.into_iter().cloned().collect())
            }
            (None, Labels::Numbers(_)) => Self::Up(0),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Up(largest) => *largest as usize + 1,
            Self::Names(names) => names.len(),
        }
    }

    /// The number of a class by its name.
    fn of_name(&self, name: &str) -> Option<u32> {
        match self {
            Self::Up(largest) => whole(name).filter(|number| number <= largest),
            Self::Names(names) => {
                let place = names.binary_search_by(|other| other.as_str().cmp(name));
                place.ok().map(|at| at as u32)
            }
        }
    }

    fn number(&self, raw: &Raw) -> Result<Vec<u32>, DecodeError> {
        let unknown = |at: usize, label: &str| {
            let expected = match self {
                Self::Up(largest) => format!("a label from 0 to {largest}, as in training"),
                Self::Names(names) => format!("one of the {} labels of training", names.len()),
            };
            let (file, place) = (raw.file.clone(), Place::Example(at));
            let found = format!("the label `{label}`");
            DecodeError { file, place, fault: Fault::Label, found, expected }
        };
        match &raw.labels {
            Labels::Names(names) => {
                let number = |(at, name): (usize, &String)| {
                    self.of_name(name).ok_or_else(|| unknown(at, name))
                };
                names.iter().enumerate().map(number).collect()
            }
            Labels::Numbers(numbers) => {
                let number = |(at, number): (usize, &u32)| {
                    let name = number.to_string();
                    self.of_name(&name).ok_or_else(|| unknown(at, &name))
                };
                numbers.iter().enumerate().map(number).collect()
            }
        }
    }
}

fn whole(name: &str) -> Option<u32> {
    name.parse().ok().filter(|&number| number < LARGEST_CLASS)
}

/// Numbers the labels of both files by those of the training file.
fn numbered(train: Raw, test: Option<Raw>) -> Result<(Examples, Option<Examples>), DataError> {
    let classes = Classes::of(&train.labels);
    if let Some(test) = test.as_ref().filter(|test| test.shape != train.shape) {
        let (found, shape) = (test.shape.clone(), train.shape);
        return Err(DataError::OtherShape { file: test.file.clone(), found, shape });
    }
    let examples = |raw: Raw| -> Result<Examples, DataError> {
        let labels = classes.number(&raw)?;
        let one = Examples::new(raw.shape, classes.count(), raw.values, labels);
        Ok(Examples { groups: raw.groups, ..one })
    };
    Ok((examples(train)?, test.map(examples).transpose()?))
}
