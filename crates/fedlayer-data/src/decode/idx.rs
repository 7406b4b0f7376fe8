//! IDX, the format of MNIST and Fashion-MNIST: a magic number, one length for each axis, bytes. All
//! numbers are 32-bit big-endian (LeCun's MNIST page).

use std::io::Read;

use super::{DecodeError, DecodeFault, FilePosition, FileReader};

/// The magic number of unsigned bytes with three axes.
const IMAGES: u32 = 2051;

/// The magic number of unsigned bytes with one axis.
const LABELS: u32 = 2049;

/// The largest side of an image.
const LARGEST_SIDE: u32 = 1 << 16;

/// The header of a file of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageHeader {
    /// The number of images N.
    pub count: u32,
    /// Rows H.
    pub height: u32,
    /// Columns W.
    pub width: u32,
}

impl ImageHeader {
    /// The byte at which the number of images begins.
    pub const COUNT_AT: u64 = 4;

    /// Reads the header of a file of images.
    ///
    /// # Errors
    /// When the file is not an IDX file of images, or ends too early.
    pub fn read<R: Read>(input: &mut FileReader<R>) -> Result<Self, DecodeError> {
        magic(input, IMAGES, "images")?;
        let count = number(input, "the number of images")?;
        let height = side(input, "the height of an image")?;
        let width = side(input, "the width of an image")?;
        Ok(Self { count, height, width })
    }

    /// Reads the pixels of the first `first` images: `(first, H, W)`, row-major. The end of the
    /// file is checked only if all images are read.
    ///
    /// # Errors
    /// When the file ends too early or too late.
    pub fn pixels<R: Read>(
        self,
        input: &mut FileReader<R>,
        first: u32,
    ) -> Result<Vec<u8>, DecodeError> {
        let first = first.min(self.count);
        let image = u64::from(self.height) * u64::from(self.width);
        // At most 2³² images of 2³² pixels, minus one: no overflow.
        let bytes = input.take(u64::from(first) * image, "the pixels of the images")?;
        if first == self.count {
            input.end()?;
        }
        Ok(bytes)
    }
}

/// The expected contents of a file of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedLabels {
    /// The number of classes; every label is below it.
    pub classes: usize,
    /// The number of labels in the file, if it is known.
    pub count: Option<u32>,
    /// The number of labels to read; all if there are fewer.
    pub first: u32,
}

/// Reads labels, `(first)`. The end of the file is checked only if all are read.
///
/// # Errors
/// When the file is not an IDX file of labels, has another number of them, ends too early or too
/// late, or a label is too large.
pub fn labels<R: Read>(
    input: &mut FileReader<R>,
    wanted: ExpectedLabels,
) -> Result<Vec<u32>, DecodeError> {
    magic(input, LABELS, "labels")?;
    let at = input.offset();
    let all = number(input, "the number of labels")?;
    if let Some(count) = wanted.count.filter(|&count| count != all) {
        let (found, expected) = (format!("{all} labels"), format!("{count}, one for each image"));
        return Err(input.fault_at(FilePosition::Byte(at), DecodeFault::Shape, found, expected));
    }
    let first = wanted.first.min(all);
    let start = input.offset();
    let bytes = input.take(first.into(), "labels")?;
    if let Some(at) = bytes.iter().position(|&label| usize::from(label) >= wanted.classes) {
        let position = FilePosition::Byte(start + at as u64);
        let expected = format!("a label below {}", wanted.classes);
        return Err(input.fault_at(position, DecodeFault::Label, bytes[at].to_string(), expected));
    }
    if first == all {
        input.end()?;
    }
    Ok(bytes.into_iter().map(u32::from).collect())
}

fn number<R: Read>(input: &mut FileReader<R>, what: &str) -> Result<u32, DecodeError> {
    let bytes = input.take(4, what)?;
    Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}

fn magic<R: Read>(input: &mut FileReader<R>, expected: u32, what: &str) -> Result<(), DecodeError> {
    let at = input.offset();
    let found = number(input, &format!("the magic number {expected}"))?;
    if found == expected {
        return Ok(());
    }
    let position = FilePosition::Byte(at);
    let expected = format!("the magic number {expected} of IDX {what}");
    Err(input.fault_at(position, DecodeFault::Magic, found.to_string(), expected))
}

fn side<R: Read>(input: &mut FileReader<R>, what: &str) -> Result<u32, DecodeError> {
    let at = input.offset();
    let side = number(input, what)?;
    if (1..=LARGEST_SIDE).contains(&side) {
        return Ok(side);
    }
    let position = FilePosition::Byte(at);
    let expected = format!("{what} from 1 to {LARGEST_SIDE}");
    Err(input.fault_at(position, DecodeFault::Shape, side.to_string(), expected))
}
