//! NumPy's `.npy`, versions 1 to 3, in either byte order and in C or Fortran order (NumPy
//! Enhancement Proposal 1).

use std::io::Read;

use super::{
    DecodeError, DecodeFault, FilePosition, FileReader, LARGEST_FILE,
    array::{Array, ElementType},
};

/// The first bytes of every file.
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The supported types, by NumPy's names without the byte order.
const KINDS: [(&str, ElementType); 12] = [
    ("f2", ElementType::F16),
    ("f4", ElementType::F32),
    ("f8", ElementType::F64),
    ("b1", ElementType::Bool),
    ("u1", ElementType::U8),
    ("i1", ElementType::I8),
    ("u2", ElementType::U16),
    ("i2", ElementType::I16),
    ("u4", ElementType::U32),
    ("i4", ElementType::I32),
    ("u8", ElementType::U64),
    ("i8", ElementType::I64),
];

/// The longest header that is read.
const LONGEST_HEADER: u32 = 1 << 16;

/// Reads an array.
///
/// # Errors
/// When the file is not such an array, or ends too early or too late.
pub fn array<R: Read>(input: &mut FileReader<R>) -> Result<Array, DecodeError> {
    let header = header(input)?;
    let wrong = |expected: &str| {
        let found = format!("the header `{}`", header.text.trim().replace(char::is_control, " "));
        input.fault_at(FilePosition::Byte(header.start), DecodeFault::Shape, found, expected)
    };
    let (kind, order) = kind(&header.text)
        .ok_or_else(|| wrong(EXPECTED_KINDS).with_help(kind_help(&header.text)))?;
    let is_fortran =
        is_fortran(&header.text).ok_or_else(|| wrong("'fortran_order': True or False"))?;
    let shape = shape(&header.text).ok_or_else(|| wrong("'shape' of whole numbers"))?;
    let sizes = shape.iter().copied().chain([kind.size()]);
    let bytes = sizes.map(|size| size as u64).try_fold(1_u64, u64::checked_mul);
    let bytes = bytes.filter(|&bytes| bytes <= LARGEST_FILE);
    let bytes = bytes.ok_or_else(|| wrong("at most 8 GiB of numbers"))?;
    input.has_room_for(bytes + bytes / kind.size() as u64 * kind.size_in_memory())?;
    let (file, start) = (input.file().to_owned(), input.offset());
    let mut data = input.take(bytes, "the numbers of the array")?;
    input.end()?;
    if order == ByteOrder::Big {
        data.chunks_exact_mut(kind.size()).for_each(<[u8]>::reverse);
    }
    if is_fortran && shape.len() > 1 {
        let bytes = row_major(&data, &shape, kind.size());
        return Ok(Array { file, shape, kind, bytes, start: None });
    }
    Ok(Array { file, shape, kind, bytes: data, start: Some(start) })
}

/// The byte order of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteOrder {
    Little,
    Big,
}

/// The message about a type that is not supported.
const EXPECTED_KINDS: &str =
    "'descr' of floats (f2, f4, f8), whole numbers (i1 to i8, u1 to u8) or bool (b1)";

/// Finds the type and the byte order of the numbers.
fn kind(header: &str) -> Option<(ElementType, ByteOrder)> {
    let name = value_of(header, "descr")?.strip_prefix('\'')?.split('\'').next()?;
    let (order, name) = (name.get(..1)?, name.get(1..)?);
    let (_, kind) = KINDS.into_iter().find(|(known, _)| *known == name)?;
    match order {
        "<" => Some((kind, ByteOrder::Little)),
        ">" => Some((kind, ByteOrder::Big)),
        "|" if kind.size() == 1 => Some((kind, ByteOrder::Little)),
        _ => None,
    }
}

/// Returns the line of Python that makes an array readable.
fn kind_help(header: &str) -> &'static str {
    let descr = value_of(header, "descr").unwrap_or_default();
    match descr.trim_start_matches(['\'', '<', '>', '|', '=']).chars().next() {
        Some('U' | 'S') => {
            "names of classes are numbered by `y = numpy.unique(y, return_inverse=True)[1]`, or kept in a CSV file"
        }
        _ => "`numpy.save(\"x.npy\", x.astype(\"float32\"))` writes numbers that are read",
    }
}

/// Tells whether the array is in Fortran order: the first axis varies fastest.
fn is_fortran(header: &str) -> Option<bool> {
    let value = value_of(header, "fortran_order")?;
    match (value.starts_with("True"), value.starts_with("False")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Returns the header behind a key.
fn value_of<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

/// Reorders numbers of `size` bytes from Fortran order to C order.
fn row_major(bytes: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut strides = Vec::with_capacity(shape.len());
    shape.iter().fold(1, |stride, &length| {
        strides.push(stride);
        stride * length
    });
    let (mut index, mut from) = (vec![0; shape.len()], 0);
    let mut rows = Vec::with_capacity(bytes.len());
    for _ in 0..bytes.len() / size {
        rows.extend_from_slice(&bytes[from * size..][..size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            from += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            from -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    rows
}

/// The header's text, and the byte at which it begins.
struct NpyHeader {
    text: String,
    start: u64,
}

fn header<R: Read>(input: &mut FileReader<R>) -> Result<NpyHeader, DecodeError> {
    let begin = input.take(8, "`\\x93NUMPY` and a version")?;
    let (magic, version) = begin.split_at(MAGIC.len());
    if magic != MAGIC || !(1..=3).contains(&version[0]) {
        let found = format!("`{}`", begin.escape_ascii());
        let expected = "`\\x93NUMPY` and version 1, 2 or 3";
        return Err(input.fault_at(FilePosition::Byte(0), DecodeFault::Magic, found, expected));
    }
    let width = if version[0] == 1 { 2 } else { 4 };
    let at = FilePosition::Byte(input.offset());
    let length = input.take(width, "the length of the header")?;
    let length = length.iter().rev().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
    if length > LONGEST_HEADER {
        let expected = format!("a header of at most {LONGEST_HEADER} bytes");
        return Err(input.fault_at(at, DecodeFault::Shape, format!("one of {length}"), expected));
    }
    let start = input.offset();
    let header = input.take(length.into(), "the header")?;
    Ok(NpyHeader { text: String::from_utf8_lossy(&header).into_owned(), start })
}

/// Reads the numbers between the parentheses behind `'shape'`.
fn shape(header: &str) -> Option<Vec<usize>> {
    let (_, rest) = value_of(header, "shape")?.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    let axes = inside.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    axes.map(|axis| axis.parse().ok()).collect()
}
