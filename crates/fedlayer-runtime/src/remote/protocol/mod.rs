//! The part of the worker protocol that both sides share: messages, bytes, limits and checks.
//!
//! In reading order:
//!
//! * [`limits`]: every limit and timeout.
//! * `message`: the messages; `codec`: their bytes.
//! * `numbers`: the bytes of values; `digest`: values are named by their hash; `pieces`: values in
//!   a stream.
//! * `translate`: tasks and replies as messages, and back.
//! * `validate_job`: a worker checks a job; `validate_reply`: a coordinator checks a reply.

pub(crate) mod codec;
pub(crate) mod digest;
pub mod limits;
pub(crate) mod message;
pub(crate) mod numbers;
pub(crate) mod pieces;
pub(crate) mod translate;
pub(crate) mod validate_job;
pub(crate) mod validate_reply;

/// The header of every call that carries the version of the protocol.
pub(crate) const VERSION_HEADER: &str = "fedlayer-protocol";

/// The gRPC client and server that the build script generates from the service's description.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub(crate) mod generated {
    include!(concat!(env!("OUT_DIR"), "/fedlayer.v1.Workers.rs"));
}
