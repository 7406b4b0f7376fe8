//! The binary version of CIFAR-10 and CIFAR-100: a record has its labels, one byte each, then 32 ×
//! 32 bytes of red, of green and of blue (Krizhevsky's CIFAR page).

use std::io::Read;

use super::{DecodeError, DecodeFault, FilePosition, FileReader};

/// The number of bytes of an image.
pub const PIXELS: usize = 3 * 32 * 32;

/// The labels at the beginning of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// CIFAR-10: one of 10 classes.
    Ten,
    /// CIFAR-100: one of 20 coarse classes, which is skipped, then one of 100 fine classes.
    Hundred,
}

impl Labels {
    fn bytes(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    /// Returns the number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }
}

/// Images with their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CifarRecords {
    /// `(N, 3, 32, 32)`, row-major.
    pub bytes: Vec<u8>,
    /// `(N)`
    pub labels: Vec<u32>,
}

/// Appends the first `at_most` records of a file of `count`. The end of the file is checked only if
/// all records are read.
///
/// # Errors
/// When the file ends too early or too late, or a label is not one of the classes.
pub fn append<R: Read>(
    input: &mut FileReader<R>,
    labels: Labels,
    count: usize,
    at_most: usize,
    records: &mut CifarRecords,
) -> Result<(), DecodeError> {
    let length = labels.bytes() + PIXELS;
    let start = input.offset();
    let mut record = Vec::with_capacity(length);
    for index in 0..count.min(at_most) {
        record.clear();
        input.take_into(&mut record, length as u64, "a whole record")?;
        let (own, pixels) = record.split_at(labels.bytes());
        let label = own[labels.bytes() - 1];
        if usize::from(label) >= labels.classes() {
            let position = FilePosition::Byte(start + (index * length + labels.bytes() - 1) as u64);
            let expected = format!("a label below {}", labels.classes());
            return Err(input.fault_at(position, DecodeFault::Label, label.to_string(), expected));
        }
        records.labels.push(label.into());
        records.bytes.extend_from_slice(pixels);
    }
    if at_most >= count { input.end() } else { Ok(()) }
}
