//! NumPy's `.npy`, versions 1 to 3, little-endian, C order (NumPy Enhancement Proposal 1).

use std::io::Read;

use super::{
    DecodeError, Fault, LARGEST_FILE, Place, Source,
    array::{Array, Kind},
};

/// What every file begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The names of the numbers' kinds.
const KINDS: [(&str, Kind); 11] = [
    ("<f4", Kind::F32),
    ("<f8", Kind::F64),
    ("|u1", Kind::U8),
    ("<u1", Kind::U8),
    ("|i1", Kind::I8),
    ("<i1", Kind::I8),
    ("<u2", Kind::U16),
    ("<i2", Kind::I16),
    ("<u4", Kind::U32),
    ("<i4", Kind::I32),
    ("<i8", Kind::I64),
];

/// The longest header that is read.
const LONGEST_HEADER: u32 = 1 << 16;

/// Reads an array.
///
/// # Errors
/// When the file is no such array, or ends too early or too late.
pub fn array<R: Read>(source: &mut Source<R>) -> Result<Array, DecodeError> {
    let header = header(source)?;
    let wrong = |expected: &str| {
        let found = format!("the header `{}`", header.text.trim().replace(char::is_control, " "));
        source.fault_at(Place::Byte(header.start), Fault::Shape, found, expected)
    };
    let says = |words: String| header.text.contains(&words);
    let kind = KINDS.into_iter().find(|(name, _)| says(format!("'descr': '{name}'")));
    let names = "'descr' <f4, <f8, |u1, |i1, <u2, <i2, <u4, <i4 or <i8";
    let (_, kind) = kind.ok_or_else(|| wrong(names))?;
    if !says("'fortran_order': False".to_owned()) {
        return Err(wrong("'fortran_order': False"));
    }
    let shape = shape(&header.text).ok_or_else(|| wrong("'shape' of whole numbers"))?;
    let sizes = shape.iter().copied().chain([kind.size()]);
    let bytes = sizes.map(|size| size as u64).try_fold(1_u64, u64::checked_mul);
    let bytes = bytes.filter(|&bytes| bytes <= LARGEST_FILE);
    let bytes = bytes.ok_or_else(|| wrong("at most 8 GiB of numbers"))?;
    let (file, start) = (source.file().to_owned(), source.offset());
    let data = source.take(bytes, "the numbers of the array")?;
    source.end()?;
    Ok(Array { file, shape, kind, bytes: data, start })
}

/// The text before the numbers, and where it begins.
struct Header {
    text: String,
    start: u64,
}

fn header<R: Read>(source: &mut Source<R>) -> Result<Header, DecodeError> {
    let begin = source.take(8, "`\\x93NUMPY` and a version")?;
    let (magic, version) = begin.split_at(MAGIC.len());
    if magic != MAGIC || !(1..=3).contains(&version[0]) {
        let found = format!("`{}`", begin.escape_ascii());
        let expected = "`\\x93NUMPY` and version 1, 2 or 3";
        return Err(source.fault_at(Place::Byte(0), Fault::Magic, found, expected));
    }
    let width = if version[0] == 1 { 2 } else { 4 };
    let at = Place::Byte(source.offset());
    let length = source.take(width, "the length of the header")?;
    let length = length.iter().rev().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
    if length > LONGEST_HEADER {
        let expected = format!("a header of at most {LONGEST_HEADER} bytes");
        return Err(source.fault_at(at, Fault::Shape, format!("one of {length}"), expected));
    }
    let start = source.offset();
    let header = source.take(length.into(), "the header")?;
    Ok(Header { text: String::from_utf8_lossy(&header).into_owned(), start })
}

/// The numbers between the parentheses behind `'shape'`.
fn shape(header: &str) -> Option<Vec<usize>> {
    let (_, rest) = header.split_once("'shape':")?;
    let (_, rest) = rest.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    let axes = inside.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    axes.map(|axis| axis.parse().ok()).collect()
}
