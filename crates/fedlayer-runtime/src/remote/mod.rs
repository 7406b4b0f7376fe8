//! The link to workers in other processes: a protocol over gRPC, described in `docs/protocol.md`.
//!
//! In reading order:
//!
//! * `protocol`: messages, their bytes, their [`limits`] and their checks, for both sides.
//! * `security`: [`BearerToken`] and [`Tls`].
//! * `server`: the coordinator's side: [`serve`] accepts workers, the [`Hub`] is the
//!   [`Link`](crate::Link) to them.
//! * `client`: the worker's side: [`run_worker`].

mod client;
mod error_chain;
mod protocol;
mod security;
mod server;
#[cfg(test)]
mod tests;

pub use client::{
    HealthError, PrepareError, PrepareScenario, PreparedScenario, WorkerConfig, WorkerError,
    WorkerNotice, WorkerOutcome, check_health, run_worker,
};
pub use protocol::{
    limits,
    message::{Digest, RunIdentity},
};
pub use security::{BearerToken, Security, Tls, TlsError};
pub use server::{
    BoundPort, ConnectionLimits, CoordinatorNotice, Hub, HubError, ListenError, Metrics, RunEnd,
    RunOffer, SplitLengths, serve,
};

use protocol::{codec::Wire, message};

/// Reads `bytes` as each kind of message and returns how many kinds accept them.
///
/// The fuzzer calls it: every input must end in a message or an error, and in bounded memory.
pub fn message_kinds(bytes: &[u8]) -> usize {
    fn is<T: Wire>(bytes: &bytes::Bytes) -> bool {
        T::read(bytes.clone()).is_ok()
    }
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let accepted = [
        is::<message::WorkerNote>(&bytes),
        is::<message::CoordinatorNote>(&bytes),
        is::<message::Pull>(&bytes),
        is::<message::Pulled>(&bytes),
        is::<message::Fetch>(&bytes),
        is::<message::Receipt>(&bytes),
        is::<message::Piece>(&bytes),
        is::<message::ReplyPart>(&bytes),
    ];
    accepted.into_iter().filter(|&accepted| accepted).count()
}
