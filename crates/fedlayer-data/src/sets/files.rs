//! The user's own files: CSV, safetensors, `.npy`.

use std::sync::Arc;

use fedlayer_core::{
    data::Examples,
    spec::{DataSpec, Files},
    text::{in_backticks, quoted},
};

use super::{SetParts, classes::Classes, lost_digits, open_own, own_shape, reader};
use crate::{
    DataError,
    decode::{
        array::{Array, ElementType},
        csv::{self, Heading},
        label::Label,
        npy,
        numbers::Numbers,
        safetensors,
    },
    error::in_range,
    file_source::FileSource,
    inputs::{self, Factor},
    set_part::SetPart,
};

/// Reads the training file and, if there is one, the test file.
pub(super) fn read(
    spec: &DataSpec,
    files: &Files,
    source: &dyn FileSource,
) -> Result<SetParts, DataError> {
    read_parts(spec, files, source).map_err(DataError::of_own_file)
}

fn read_parts(
    spec: &DataSpec,
    files: &Files,
    source: &dyn FileSource,
) -> Result<SetParts, DataError> {
    check(files)?;
    let reader = Reader { files, source };
    let mut train = reader.read(&files.train, files.train_labels.as_deref(), None)?;
    let heading = train.heading.as_ref();
    let test = files.test.as_deref();
    let test = test.map(|test| reader.read(test, files.test_labels.as_deref(), heading));
    let mut test = test.transpose()?;
    let largest = scale(spec, &mut train, test.as_mut())?;
    own_shape::refuse_channels_last(spec, files, &train.shape)?;
    let lost = match inputs::is_yet_to_be_normalized(spec) {
        true => Arc::default(),
        false => lost(&train),
    };
    let (train, test) = numbered(train, test, files.classes)?;
    let part = |(examples, exact): (Examples, Option<Vec<f64>>)| {
        let exact = exact.filter(|_| inputs::is_yet_to_be_normalized(spec)).map(Arc::from);
        SetPart { exact, ..SetPart::new(examples) }
    };
    Ok(SetParts { train: part(train), test: test.map(part), largest, lost })
}

/// Writes a sentence on each column that loses its differences in 32 bits.
fn lost(raw: &Raw) -> Arc<[String]> {
    let Numbers::Double(values) = &raw.values else { return Arc::default() };
    let called = |column: usize| match &raw.heading {
        Some(heading) => format!("the column {}", in_backticks([&heading.features[column]])),
        None => format!("feature {column} (counted from 0)"),
    };
    let sentence = |(column, range)| {
        format!(
            "{} of `{}` has numbers from {range}, which 32-bit floats do not tell apart; `data.normalize = \"set\"` takes their mean away in 64 bits first",
            called(column),
            raw.file
        )
    };
    let columns = raw.shape.iter().product();
    lost_digits::lost(values, columns).into_iter().map(sentence).collect()
}

/// Scales both files by `data.scale`. Returns the largest number of their format: 255 if their
/// features are bytes.
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
    // Both files are scaled in the same precision.
    let is_double = [Some(&*train), test.as_deref()].into_iter().flatten().any(Raw::is_double);
    for raw in [Some(train), test].into_iter().flatten() {
        let values = std::mem::take(&mut raw.values);
        raw.values = factor.numbers(if is_double { values.widened() } else { values });
    }
    Ok(largest)
}

/// Checks the keys before a file is opened.
fn check(files: &Files) -> Result<(), DataError> {
    if let Some(count) = files.classes {
        let allowed = "from 1 to 1000000";
        in_range((1..=1_000_000).contains(&count), "data.set.files.classes", count, allowed)?;
    }
    if let Some(separator) = files.separator {
        let is_good = separator.is_ascii()
            && !separator.is_alphanumeric()
            && !"\"\r\n.+-".contains(separator);
        let allowed =
            "one ASCII character that does not occur in numbers, such as `,`, `;`, `|` or a tab";
        in_range(is_good, "data.set.files.separator", quoted(&separator.to_string()), allowed)?;
    }
    let names = [Some(files.train.as_str()), files.test.as_deref()];
    if names.into_iter().flatten().any(|file| ending(file) == Some("csv")) {
        return Ok(());
    }
    let keys = [
        (files.label.is_some(), "data.set.files.label"),
        (files.group.is_some(), "data.set.files.group"),
        (!files.ignore.is_empty(), "data.set.files.ignore"),
        (files.separator.is_some(), "data.set.files.separator"),
        (files.header.is_some(), "data.set.files.header"),
    ];
    match keys.into_iter().find(|(is_given, _)| *is_given) {
        Some((_, key)) => Err(DataError::NoEffect { key, why: "only CSV files have columns" }),
        None => Ok(()),
    }
}

/// Returns the ending of a file's name, without `.gz`.
fn ending(file: &str) -> Option<&str> {
    let plain = file.strip_suffix(".gz").unwrap_or(file);
    plain.rsplit_once('.').map(|(_, ending)| ending)
}

/// The examples of a file before their classes are numbered.
struct Raw {
    file: String,
    shape: Vec<usize>,
    values: Numbers,
    /// True if the features are bytes, as in images.
    bytes: bool,
    labels: Vec<Label>,
    groups: Option<Vec<u32>>,
    /// The names of its columns, if it has columns.
    heading: Option<Heading>,
}

impl Raw {
    /// Tells whether the numbers need 64 bits.
    fn is_double(&self) -> bool {
        matches!(self.values, Numbers::Double(_))
    }
}

/// Reads one file after another.
struct Reader<'a> {
    files: &'a Files,
    source: &'a dyn FileSource,
}

impl Reader<'_> {
    /// Reads a file and its labels, which may be in a file of their own. The columns of a test file
    /// are found by the names of the `training` file.
    fn read(
        &self,
        file: &str,
        labels: Option<&str>,
        training: Option<&Heading>,
    ) -> Result<Raw, DataError> {
        let file = file.to_owned();
        let open = |file: &str| reader(self.source, open_own(self.source, file)?);
        if let (Some("csv" | "safetensors"), Some(labels)) = (ending(&file), labels) {
            let labels = labels.to_owned();
            return Err(DataError::LabelsInside { file, labels });
        }
        let raw = match (ending(&file), labels) {
            (Some("csv"), _) => self.read_csv(&file, training)?,
            (Some("safetensors"), _) => {
                let tensors = safetensors::tensors(&mut open(&file)?)?;
                of_arrays(&file, &tensors.features, &tensors.labels, tensors.groups.as_ref())?
            }
            (Some("npy"), Some(labels)) => {
                let (features, labels) =
                    (npy::array(&mut open(&file)?)?, npy::array(&mut open(labels)?)?);
                of_arrays(&file, &features, &labels, None)?
            }
            (Some("npy"), None) => return Err(DataError::NoLabels { file }),
            _ => return Err(DataError::UnknownEnding { file }),
        };
        let shape = own_shape::shaped(&file, raw.shape, self.files.shape.as_deref())?;
        Ok(Raw { shape, ..raw })
    }

    fn read_csv(&self, file: &str, training: Option<&Heading>) -> Result<Raw, DataError> {
        let Files { label, group, ignore, separator, header, .. } = self.files;
        let columns = csv::Columns {
            label: label.as_deref(),
            group: group.as_deref(),
            ignore,
            separator: separator.map(|character| character as u8),
            header: *header,
        };
        let mut input = reader(self.source, open_own(self.source, file)?)?;
        let table = csv::table(&mut input, columns, training)?;
        Ok(Raw {
            file: input.file().to_owned(),
            shape: vec![table.heading.features.len()],
            values: table.values,
            bytes: false,
            labels: table.labels,
            groups: table.groups,
            heading: Some(table.heading),
        })
    }
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
        bytes: features.kind == ElementType::U8,
        labels: labels.labels(count)?,
        groups: groups.map(|groups| groups.owners(count)).transpose()?,
        heading: None,
    })
}

/// Examples, and their exact values if 32 bits do not hold them.
type NumberedExamples = (Examples, Option<Vec<f64>>);

/// Numbers the labels of both files by the classes of the training file, or by
/// `data.set.files.classes`, which is `said`.
fn numbered(
    train: Raw,
    test: Option<Raw>,
    said: Option<u32>,
) -> Result<(NumberedExamples, Option<NumberedExamples>), DataError> {
    let classes = Classes::of(&train.file, &train.labels, said)?;
    if let Some(test) = test.as_ref().filter(|test| test.shape != train.shape) {
        let (found, shape) = (test.shape.clone(), train.shape);
        return Err(DataError::OtherShape { file: test.file.clone(), found, shape });
    }
    let examples = |raw: Raw| -> Result<NumberedExamples, DataError> {
        let labels = classes.number(&raw.file, &raw.labels)?;
        let (values, exact) = raw.values.rounded_and_exact();
        let one = Examples::new(raw.shape, classes.count(), values, labels);
        Ok((Examples { groups: raw.groups, class_names: classes.names(), ..one }, exact))
    };
    Ok((examples(train)?, test.map(examples).transpose()?))
}
