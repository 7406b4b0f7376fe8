//! [`Bincode`]: the codec of the protocol, and the one file that names bincode.
//!
//! A message is bincode's standard form; values cross as raw little-endian bytes. No message is longer than [`MESSAGE_BYTES`], and a length
//! in it is not believed: a list grows as its elements come, and an element takes at most some thirty times its bytes.

use std::marker::PhantomData;

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use bytes::{Buf, BufMut, Bytes};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use super::limits::MESSAGE_BYTES;

/// What can cross the wire.
pub(crate) trait Wire: Sized + Send + 'static {
    /// Writes it.
    fn put(self, into: &mut impl BufMut) -> Result<(), Malformed>;

    /// Reads it from exactly these bytes.
    fn take(bytes: Bytes) -> Result<Self, Malformed>;
}

/// Bytes that are no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a message of the protocol: {0}")]
pub(crate) struct Malformed(pub(crate) String);

const CONFIG: Configuration<LittleEndian, Varint, Limit<MESSAGE_BYTES>> =
    standard().with_limit::<MESSAGE_BYTES>();

/// A value in bincode's form.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Malformed> {
    bincode::serde::encode_to_vec(value, CONFIG).map_err(|error| Malformed(error.to_string()))
}

/// A value from its bincode form; all bytes must be used up.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, CONFIG)
        .map_err(|error| Malformed(error.to_string()))?;
    if used != bytes.len() {
        return Err(Malformed(format!("{} bytes are left over", bytes.len() - used)));
    }
    Ok(value)
}

/// The codec between two kinds of messages.
#[derive(Debug)]
pub(crate) struct Bincode<E, D>(PhantomData<fn(E) -> D>);

impl<E, D> Default for Bincode<E, D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E: Wire, D: Wire> Codec for Bincode<E, D> {
    type Encode = E;
    type Decode = D;
    type Encoder = Half<E>;
    type Decoder = Half<D>;

    fn encoder(&mut self) -> Half<E> {
        Half(PhantomData)
    }

    fn decoder(&mut self) -> Half<D> {
        Half(PhantomData)
    }
}

/// One direction of the codec.
#[derive(Debug)]
pub(crate) struct Half<T>(PhantomData<fn(T)>);

impl<T: Wire> Encoder for Half<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.put(into).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<T: Wire> Decoder for Half<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        T::take(bytes).map(Some).map_err(|error| Status::invalid_argument(error.to_string()))
    }
}
