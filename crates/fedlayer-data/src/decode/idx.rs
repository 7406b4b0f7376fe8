//! IDX, the format of MNIST and Fashion-MNIST: a magic number, one length for each axis, bytes. All numbers are 32-bit big-endian (LeCun's MNIST page).

use std::io::Read;

use super::{DecodeError, Fault, Source};

/// The magic number of unsigned bytes with three axes.
const IMAGES: u32 = 2051;

/// The magic number of unsigned bytes with one axis.
const LABELS: u32 = 2049;

/// The largest side of an image.
const LARGEST_SIDE: u32 = 1 << 16;

/// Images of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Their number N.
    pub count: usize,
    /// Rows H.
    pub height: usize,
    /// Columns W.
    pub width: usize,
    /// `(N, H, W)`, row-major.
    pub bytes: Vec<u8>,
}

/// Reads images, the first `at_most` of them; the end of the file is checked only where all are read.
///
/// # Errors
/// When the file is no IDX file of images, or ends too early or too late.
pub fn images<R: Read>(
    source: &mut Source<R>,
    at_most: Option<usize>,
) -> Result<Images, DecodeError> {
    magic(source, IMAGES, "images")?;
    let all = number(source, "the number of images")?;
    let height = side(source, "the height of an image")?;
    let width = side(source, "the width of an image")?;
    let count = at_most.map_or(u64::from(all), |most| (most as u64).min(all.into()));
    let bytes = source.take(count * u64::from(height) * u64::from(width), "pixels of images")?;
    if count == u64::from(all) {
        source.end()?;
    }
    Ok(Images {
        count: count as usize,
        height: height as usize,
        width: width as usize,
        bytes,
    })
}

/// Reads labels below `classes`, the first `at_most` of them.
///
/// # Errors
/// When the file is no IDX file of labels, ends too early or too late, or a label is too large.
pub fn labels<R: Read>(
    source: &mut Source<R>,
    classes: usize,
    at_most: Option<usize>,
) -> Result<Vec<u32>, DecodeError> {
    magic(source, LABELS, "labels")?;
    let all = number(source, "the number of labels")?;
    let count = at_most.map_or(u64::from(all), |most| (most as u64).min(all.into()));
    let start = source.offset();
    let bytes = source.take(count, "labels")?;
    if let Some(at) = bytes.iter().position(|&label| usize::from(label) >= classes) {
        let place = super::Place::Byte(start + at as u64);
        let expected = format!("a label below {classes}");
        return Err(source.fault_at(place, Fault::Label, bytes[at].to_string(), expected));
    }
    if count == u64::from(all) {
        source.end()?;
    }
    Ok(bytes.into_iter().map(u32::from).collect())
}

fn number<R: Read>(source: &mut Source<R>, what: &str) -> Result<u32, DecodeError> {
    let bytes = source.take(4, what)?;
    Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}

fn magic<R: Read>(source: &mut Source<R>, expected: u32, what: &str) -> Result<(), DecodeError> {
    let at = source.offset();
    let found = number(source, &format!("the magic number {expected}"))?;
    if found == expected {
        return Ok(());
    }
    let place = super::Place::Byte(at);
    let expected = format!("the magic number {expected} of IDX {what}");
    Err(source.fault_at(place, Fault::Magic, found.to_string(), expected))
}

fn side<R: Read>(source: &mut Source<R>, what: &str) -> Result<u32, DecodeError> {
    let at = source.offset();
    let side = number(source, what)?;
    if (1..=LARGEST_SIDE).contains(&side) {
        return Ok(side);
    }
    let place = super::Place::Byte(at);
    let expected = format!("{what} from 1 to {LARGEST_SIDE}");
    Err(source.fault_at(place, Fault::Shape, side.to_string(), expected))
}
