//! [`NumberSlice`]: values to be sent, with their little-endian bytes; [`WireNumber`]: a kind of
//! number that is read from such bytes.

use std::borrow::Cow;

/// Values of one kind. Parameters and losses are `f32`, derivatives are `f64`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NumberSlice<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
}

impl<'a> NumberSlice<'a> {
    /// Returns the number of values.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Returns the bytes of one value.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::F32(_) => size_of::<f32>(),
            Self::F64(_) => size_of::<f64>(),
        }
    }

    /// Returns the values of a range.
    pub(crate) fn part(self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[range]),
            Self::F64(values) => Self::F64(&values[range]),
        }
    }

    /// Returns the values as little-endian bytes, without a copy on little-endian machines.
    pub(crate) fn le_bytes(self) -> Cow<'a, [u8]> {
        let is_native = cfg!(target_endian = "little");
        match self {
            Self::F32(values) if is_native => Cow::Borrowed(bytemuck::cast_slice(values)),
            Self::F64(values) if is_native => Cow::Borrowed(bytemuck::cast_slice(values)),
            Self::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

/// A kind of number that is read from little-endian bytes.
pub(crate) trait WireNumber: Copy + Send {
    /// The bytes of one value.
    type Bytes: Copy;

    /// Cuts bytes into those of values; the rest is too short for a value.
    fn split(bytes: &[u8]) -> (&[Self::Bytes], &[u8]);

    /// Reads a value.
    fn read(bytes: Self::Bytes) -> Self;
}

impl WireNumber for f32 {
    type Bytes = [u8; 4];

    fn split(bytes: &[u8]) -> (&[[u8; 4]], &[u8]) {
        bytes.as_chunks()
    }

    fn read(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl WireNumber for f64 {
    type Bytes = [u8; 8];

    fn split(bytes: &[u8]) -> (&[[u8; 8]], &[u8]) {
        bytes.as_chunks()
    }

    fn read(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}
