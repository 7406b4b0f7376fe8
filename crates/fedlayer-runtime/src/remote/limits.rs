//! Every limit and every timeout of the worker protocol, with its default. `docs/protocol.md` shows them as a table, and a test compares the two.

use std::time::Duration;

/// The version of the protocol. Both sides must have the same.
pub const PROTOCOL: u32 = 1;

/// The most bytes of one message, of whatever kind: more is refused by its length prefix, before anything is allocated.
pub const MESSAGE_BYTES: usize = 4 << 20;

/// The bytes of values in one piece of a stream.
pub const PIECE_BYTES: usize = 1 << 20;

/// The most bytes of a scenario that a coordinator hands to its workers.
pub const SCENARIO_BYTES: usize = 1 << 20;

/// The most probes of one job.
pub const PROBES: usize = 1024;

/// The most slots of an optimizer's memory: Adam's two moments, and one to spare.
pub const OPTIMIZER_SLOTS: u32 = 3;

/// The most bytes that HTTP/2 lets a peer send on one stream before it is read.
pub const STREAM_WINDOW: u32 = 2 << 20;

/// The most bytes that HTTP/2 lets a peer send on one connection before they are read.
pub const CONNECTION_WINDOW: u32 = 4 << 20;

/// The most requests at once on one connection.
pub const STREAMS: u32 = 1024;

/// The most connections at once, of all peers. Where the limit of open files is lower, [`FILES`] fewer than that.
pub const CONNECTIONS: usize = 4096;

/// The open files that connections leave to the run, but at most half of all.
pub const FILES: usize = 256;

/// The most connections at once that have not made a worker's call with the token yet, of all peers together, but at most half of the connections.
/// One of them is closed for a new one.
pub const STRANGERS: usize = 512;

/// The most bytes that a connection may send before its first call with the token: a TLS handshake with certificates and a call's headers.
pub const FIRST_BYTES: usize = 64 << 10;

/// The most requests for health or counts on a connection that shows no worker's call.
pub const QUESTIONS: u32 = 16;

/// The most bytes of a request's headers.
pub const HEADER_BYTES: u32 = 16 << 10;

/// The most worker slots of one worker.
pub const SLOTS: u32 = 1024;

/// The bytes of values that a worker keeps in case that a later job needs them again.
pub const KEPT_BYTES: usize = 256 << 20;

/// How long a new connection may take until its first request has shown the token, the TLS handshake included.
pub const ADMISSION: Duration = Duration::from_secs(10);

/// How long a worker may take for its first words after it is connected.
pub const HELLO: Duration = Duration::from_secs(10);

/// How long the next piece of a stream may take.
pub const PIECE: Duration = Duration::from_secs(30);

/// How long a worker's question for a job waits before it is asked again.
pub const PULL: Duration = Duration::from_secs(20);

/// How long a worker that is told to end lets its jobs finish before it hands them back.
pub const DRAIN: Duration = Duration::from_secs(5);

/// How long a worker waits before it tries to connect again: from the first to the last, doubling.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// How long a connection may take to be made.
pub const CONNECT: Duration = Duration::from_secs(5);

/// How long either side may be silent before the other takes it for lost, where `--grace` is not given. Beats come five times as often.
pub const GRACE: Duration = Duration::from_secs(15);

/// How long a worker waits for a coordinator to come or to come back, where `--patience` is not given.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// How long a coordinator that is done waits for its workers to hear of it.
pub const FAREWELL: Duration = Duration::from_secs(3);
