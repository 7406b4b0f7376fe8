//! [`Bincode`]: the codec of the protocol, and the one file that names bincode.
//!
//! A message is bincode's standard form; values are raw little-endian bytes. No message is longer
//! than [`MESSAGE_BYTES`]. A length inside a message is not trusted: a list grows as its elements
//! arrive, and an element takes at most about thirty times its bytes.

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

/// A message of the protocol.
pub(crate) trait Wire: Sized + Send + 'static {
    /// Writes the message.
    fn write(self, into: &mut impl BufMut) -> Result<(), MalformedMessage>;

    /// Reads the message from exactly these bytes.
    fn read(bytes: Bytes) -> Result<Self, MalformedMessage>;
}

/// Bytes that are not a message, or a message that breaks a rule of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a message of the protocol: {0}")]
pub(crate) struct MalformedMessage(pub(crate) String);

const CONFIG: Configuration<LittleEndian, Varint, Limit<MESSAGE_BYTES>> =
    standard().with_limit::<MESSAGE_BYTES>();

/// Encodes a value in bincode's form.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, MalformedMessage> {
    bincode::serde::encode_to_vec(value, CONFIG)
        .map_err(|error| MalformedMessage(error.to_string()))
}

/// Decodes a value from its bincode form, which must use all of `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MalformedMessage> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, CONFIG)
        .map_err(|error| MalformedMessage(error.to_string()))?;
    if used != bytes.len() {
        return Err(MalformedMessage(format!(
            "found {} bytes after the message",
            bytes.len() - used
        )));
    }
    Ok(value)
}

/// The codec of a call that sends `E` and receives `D`.
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
    type Encoder = MessageCodec<E>;
    type Decoder = MessageCodec<D>;

    fn encoder(&mut self) -> MessageCodec<E> {
        MessageCodec(PhantomData)
    }

    fn decoder(&mut self) -> MessageCodec<D> {
        MessageCodec(PhantomData)
    }
}

/// One direction of the codec.
#[derive(Debug)]
pub(crate) struct MessageCodec<T>(PhantomData<fn(T)>);

impl<T: Wire> Encoder for MessageCodec<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.write(into).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<T: Wire> Decoder for MessageCodec<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        T::read(bytes).map(Some).map_err(|error| Status::invalid_argument(error.to_string()))
    }
}
