//! NumPy's `.npy`, versions 1 to 3, little-endian, C order (NumPy Enhancement Proposal 1).

use std::io::Read;

use super::{DecodeError, Fault, Place, Source};

/// An array of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its shape, outermost axis first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f64>,
}

/// The kinds of numbers that are read: their name in the header, and their size in bytes.
const KINDS: [(&str, usize); 10] = [
    ("<f4", 4),
    ("<f8", 8),
    ("|u1", 1),
    ("<u1", 1),
    ("|i1", 1),
    ("<i2", 2),
    ("<i4", 4),
    ("<i8", 8),
    ("<u2", 2),
    ("<u4", 4),
];

/// The longest header.
const LONGEST_HEADER: u32 = 1 << 16;

/// Reads an array.
///
/// # Errors
/// When the file is no such array, or ends too early or too late.
pub fn array<R: Read>(source: &mut Source<R>) -> Result<Array, DecodeError> {
    let start = source.take(8, "`\\x93NUMPY` and a version")?;
    let at_start = Place::Byte(0);
    if start[..6] != *b"\x93NUMPY" || !(1..=3).contains(&start[6]) {
        let found = format!("{:?}", String::from_utf8_lossy(&start));
        let expected = "`\\x93NUMPY` and version 1, 2 or 3";
        return Err(source.fault_at(at_start, Fault::Magic, found, expected));
    }
    let width = if start[6] == 1 { 2 } else { 4 };
    let length = source.take(width, "the length of the header")?;
    let length = length.iter().rev().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
    if length > LONGEST_HEADER {
        let expected = format!("a header of at most {LONGEST_HEADER} bytes");
        return Err(source.fault(Fault::Shape, format!("{length}"), expected));
    }
    let at = Place::Byte(source.offset());
    let header = source.take(length.into(), "the header")?;
    let header = String::from_utf8_lossy(&header).into_owned();
    let wrong = |expected: &str| {
        source.fault_at(at, Fault::Shape, format!("the header `{}`", header.trim()), expected)
    };
    let (kind, size) = KINDS
        .into_iter()
        .find(|(kind, _)| header.contains(&format!("'descr': '{kind}'")))
        .ok_or_else(|| wrong("'descr' one of <f4, <f8, |u1, |i1, <i2, <i4, <i8, <u2, <u4"))?;
    if !header.contains("'fortran_order': False") {
        return Err(wrong("'fortran_order': False"));
    }
    let shape = shape(&header).ok_or_else(|| wrong("'shape' with whole numbers"))?;
    let count = shape.iter().try_fold(1_u64, |all, &axis| all.checked_mul(axis as u64));
    let bytes = count.and_then(|count| count.checked_mul(size as u64));
    let bytes = bytes.filter(|&bytes| bytes <= super::LARGEST_FILE);
    let bytes = bytes.ok_or_else(|| wrong("at most 8 GiB of values"))?;
    let data = source.take(bytes, "the values of the array")?;
    source.end()?;
    let values = data.chunks_exact(size).map(|bytes| number(kind, bytes)).collect();
    Ok(Array { shape, values })
}

/// The numbers between the parentheses behind `'shape'`.
fn shape(header: &str) -> Option<Vec<usize>> {
    let (_, rest) = header.split_once("'shape':")?;
    let (_, rest) = rest.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    let axes = inside.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    axes.map(|axis| axis.parse().ok()).collect()
}

/// A number of a kind that is in the list, from its bytes.
fn number(kind: &str, bytes: &[u8]) -> f64 {
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    let unsigned = u64::from_le_bytes(eight);
    let signed = || {
        let unused = 64 - 8 * bytes.len() as u32;
        ((unsigned << unused) as i64 >> unused) as f64
    };
    match kind.as_bytes()[1] {
        b'f' if bytes.len() == 4 => f32::from_bits(unsigned as u32).into(),
        b'f' => f64::from_bits(unsigned),
        b'i' => signed(),
        _ => unsigned as f64,
    }
}
