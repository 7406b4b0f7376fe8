//! Files of one's own: CSV, safetensors, `.npy`.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::{Examples, spec::Files};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{Parts, open_own, source};
use crate::{
    DataError,
    decode::{DecodeError, Fault, Place, csv, npy},
    shelf::Shelf,
};

/// Reads the training file and the test file, where there is one.
pub(super) fn read(files: &Files, shelf: &dyn Shelf) -> Result<Parts, DataError> {
    let train = read_one(files, &files.train, files.train_labels.as_deref(), shelf)?;
    let test = files.test.as_deref();
    let test = test.map(|test| read_one(files, test, files.test_labels.as_deref(), shelf));
    let (train, test) = classes(train, test.transpose()?)?;
    Ok(Parts { train: Arc::new(train), test: test.map(Arc::new) })
}

/// A file's examples before classes are counted: labels as they are written.
struct Raw {
    file: String,
    shape: Vec<usize>,
    values: Vec<f32>,
    labels: Vec<String>,
    groups: Option<Vec<u32>>,
}

fn read_one(
    files: &Files,
    file: &str,
    labels: Option<&str>,
    shelf: &dyn Shelf,
) -> Result<Raw, DataError> {
    let plain = file.strip_suffix(".gz").unwrap_or(file);
    let mut raw = match plain.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => read_csv(files, file, shelf)?,
        Some("safetensors") => read_safetensors(file, shelf)?,
        Some("npy") => match labels {
            Some(labels) => read_npy(file, labels, shelf)?,
            None => return Err(DataError::NoLabels { file: file.to_owned() }),
        },
        _ => return Err(DataError::UnknownEnding { file: file.to_owned() }),
    };
    if let Some(shape) = &files.shape {
        let shape: Vec<usize> = shape.iter().map(|&length| length as usize).collect();
        let (found, wanted): (usize, usize) = (raw.shape.iter().product(), shape.iter().product());
        if found != wanted {
            let file = file.to_owned();
            return Err(DataError::OtherShape { file, found: raw.shape, shape });
        }
        raw.shape = shape;
    }
    Ok(raw)
}

fn read_csv(files: &Files, file: &str, shelf: &dyn Shelf) -> Result<Raw, DataError> {
    let mut source = source(open_own(shelf, file)?)?;
    let table = csv::table(&mut source, files.label.as_deref(), files.group.as_deref())?;
    Ok(Raw {
        file: file.to_owned(),
        shape: vec![table.features],
        values: table.values,
        labels: table.labels,
        groups: table.groups,
    })
}

fn read_npy(file: &str, labels_file: &str, shelf: &dyn Shelf) -> Result<Raw, DataError> {
    let features = npy::array(&mut source(open_own(shelf, file)?)?)?;
    let labels = npy::array(&mut source(open_own(shelf, labels_file)?)?)?;
    let values = features.values.iter().map(|&value| value as f32).collect();
    raw(file, &features.shape, values, &labels.values, None)
}

fn read_safetensors(file: &str, shelf: &dyn Shelf) -> Result<Raw, DataError> {
    let bytes = source(open_own(shelf, file)?)?.rest()?;
    let fault = |found: String, expected: &str| wrong(file, Fault::Shape, found, expected);
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| wrong(file, Fault::Magic, format!("`{error}`"), "a safetensors file"))?;
    let numbers = |name: &str| -> Result<(Vec<usize>, Vec<f64>), DataError> {
        let tensor = tensors.tensor(name).map_err(|_| {
            let names: Vec<&str> = tensors.names().into_iter().collect();
            fault(format!("the tensors {}", names.join(", ")), &format!("a tensor `{name}`"))
        })?;
        let values = values(&tensor).ok_or_else(|| {
            let expected = format!("`{name}` of F32, F64, U8, I32 or I64");
            fault(format!("{:?}", tensor.dtype()), &expected)
        })?;
        Ok((tensor.shape().to_vec(), values))
    };
    let (shape, features) = numbers("features")?;
    let (_, labels) = numbers("labels")?;
    let groups = match tensors.names().contains(&"groups") {
        true => Some(numbers("groups")?.1.iter().map(|&group| group as u32).collect()),
        false => None,
    };
    raw(file, &shape, features.iter().map(|&value| value as f32).collect(), &labels, groups)
}

/// The values of a tensor of one of the kinds that are read.
fn values(tensor: &TensorView<'_>) -> Option<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], number: fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)).collect()
    }
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        Dtype::F32 => each(bytes, |bytes| f32::from_le_bytes(bytes).into()),
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        Dtype::U8 => each::<1>(bytes, |[byte]| byte.into()),
        Dtype::I32 => each(bytes, |bytes| i32::from_le_bytes(bytes).into()),
        Dtype::I64 => each(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
        _ => return None,
    })
}

/// Puts arrays together that must have one row an example each.
fn raw(
    file: &str,
    shape: &[usize],
    values: Vec<f32>,
    labels: &[f64],
    groups: Option<Vec<u32>>,
) -> Result<Raw, DataError> {
    let count = shape.first().copied().unwrap_or(0);
    let rows = [labels.len(), groups.as_ref().map_or(count, Vec::len)];
    if shape.len() < 2 || count == 0 || rows.iter().any(|&rows| rows != count) {
        let found = format!("features {shape:?} and {} labels", labels.len());
        let expected = "features `[N, …]` and N labels (and N groups), N at least 1";
        return Err(wrong(file, Fault::Shape, found, expected).into());
    }
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        let found = format!("{} at value {at}", values[at]);
        return Err(wrong(file, Fault::Value, found, "finite features").into());
    }
    let labels = labels.iter().map(|label| label.to_string()).collect();
    Ok(Raw { file: file.to_owned(), shape: shape[1..].to_vec(), values, labels, groups })
}

fn wrong(file: &str, fault: Fault, found: String, expected: &str) -> DecodeError {
    let (file, expected) = (file.to_owned(), expected.to_owned());
    DecodeError { file, place: Place::Byte(0), fault, found, expected }
}

/// Numbers the labels: as they are where all are whole numbers from 0, else in the order of their texts. A label of the test file that the training
/// file does not have is an error.
fn classes(train: Raw, test: Option<Raw>) -> Result<(Examples, Option<Examples>), DataError> {
    let whole = |label: &String| label.parse::<u32>().ok().filter(|&label| label < LARGEST_CLASS);
    let numbers: Option<Vec<u32>> = train.labels.iter().map(whole).collect();
    let names: BTreeSet<String> = train.labels.iter().cloned().collect();
    let names: Vec<String> = names.into_iter().collect();
    let classes = match &numbers {
        Some(numbers) => numbers.iter().max().map_or(0, |&largest| largest as usize + 1),
        None => names.len(),
    };
    let number = |label: &String| match &numbers {
        Some(_) => whole(label).filter(|&label| (label as usize) < classes),
        None => names.binary_search(label).ok().map(|at| at as u32),
    };
    let examples = |raw: Raw| -> Result<Examples, DataError> {
        let labels = raw.labels.iter().enumerate().map(|(at, label)| {
            number(label).ok_or_else(|| {
                let found = format!("the label `{label}` of example {at}");
                let expected = "a label that the training examples have".to_owned();
                let (file, place) = (raw.file.clone(), Place::Byte(0));
                DecodeError { file, place, fault: Fault::Label, found, expected }
            })
        });
        let labels = labels.collect::<Result<_, _>>()?;
        let one = Examples::new(raw.shape, classes, raw.values, labels);
        Ok(Examples { groups: raw.groups, ..one })
    };
    let shape = train.shape.clone();
    let train = examples(train)?;
    let test = match test {
        Some(test) if test.shape != shape => {
            return Err(DataError::OtherShape { file: test.file, found: test.shape, shape });
        }
        test => test.map(examples).transpose()?,
    };
    Ok((train, test))
}

/// Labels that are whole numbers are classes; one as large as this is not.
const LARGEST_CLASS: u32 = 1_000_000;
