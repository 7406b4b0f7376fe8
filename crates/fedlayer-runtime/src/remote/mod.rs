//! Several processes: the worker protocol over gRPC. `docs/protocol.md` describes it.
//!
//! * `limits`: every limit and timeout; `message`: what crosses the wire; `codec`: how.
//! * `translate`: tasks and replies as messages and back; `pieces`: values in a stream; `asked`: what a job may
//!   ask for; `expected`: what a reply must look like.
//! * `ledger`: which jobs are open and who holds each; [`Hub`]: the link over it.
//! * `service`: what a coordinator answers; `serve`, `connections`, `crowd`, `security`: who may ask; [`Metrics`]: what is counted.
//! * [`run_worker`]: a worker's life; `slot`: one job of it; `cache`: values that it has seen.

mod asked;
mod cache;
mod codec;
mod connections;
mod crowd;
mod expected;
mod hub;
mod ledger;
pub mod limits;
mod message;
mod metrics;
mod pieces;
mod security;
mod serve;
mod service;
mod slot;
#[cfg(test)]
mod tests;
mod translate;
mod worker;

/// What the build script makes of the service's description.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/fedlayer.v1.Workers.rs"));
}

pub use crowd::ConnectionLimits;
pub use hub::{CoordinatorNotice, Hub, RunEnd, RunOffer, SplitLengths};
pub use message::{Digest, RunIdentity};
pub use metrics::Metrics;
pub use security::{BearerToken, Security, Tls};
pub use serve::{BoundPort, ListenError, serve};
pub use worker::{
    PreparedScenario, WorkerConfig, WorkerError, WorkerNotice, WorkerOutcome, check_health,
    run_worker,
};

/// Reads bytes as every kind of message; returns how many kinds they are. For the fuzzer: whatever comes, it ends, and in little memory.
pub fn message_kinds(bytes: &[u8]) -> usize {
    fn is<T: codec::Wire>(bytes: &bytes::Bytes) -> bool {
        T::take(bytes.clone()).is_ok()
    }
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let found = [
        is::<message::WorkerNote>(&bytes),
        is::<message::CoordinatorNote>(&bytes),
        is::<message::Pull>(&bytes),
        is::<message::Pulled>(&bytes),
        is::<message::Fetch>(&bytes),
        is::<message::Receipt>(&bytes),
        is::<message::Piece>(&bytes),
        is::<message::ReplyPart>(&bytes),
    ];
    found.into_iter().filter(|&found| found).count()
}
