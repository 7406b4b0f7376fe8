//! Every limit and every timeout of the worker protocol, with its default.
//!
//! `docs/protocol.md` has the same values in two tables; a test compares them.

use std::time::Duration;

/// The version of the protocol. Both sides must have the same one.
pub const PROTOCOL_VERSION: u32 = 2;

/// The most bytes of one message. A longer one is refused by its length prefix, before any of it is
/// allocated.
pub const MESSAGE_BYTES: usize = 4 << 20;

/// The bytes of values in one piece of a stream.
pub const PIECE_BYTES: usize = 1 << 20;

/// The most bytes of a scenario that a coordinator sends to its workers.
pub const SCENARIO_BYTES: usize = 1 << 20;

/// The most probes of one job.
pub const PROBES_PER_JOB: usize = 1024;

/// The most directions of one job.
pub const DIRECTIONS_PER_JOB: usize = 64;

/// The most bytes of the directions of one job. One direction is allowed for a model of any size.
pub const DIRECTION_BYTES: usize = 256 << 20;

/// Returns the most directions of one job for a model of `parameters` values, as
/// [`DIRECTIONS_PER_JOB`] and [`DIRECTION_BYTES`] allow.
pub fn directions_per_job(parameters: usize) -> usize {
    let fitting = DIRECTION_BYTES / size_of::<f32>() / parameters.max(1);
    fitting.clamp(1, DIRECTIONS_PER_JOB)
}

/// The most tensors of an optimizer's state. Adam has two moments; one more is allowed.
pub const OPTIMIZER_SLOTS: u32 = 3;

/// The most bytes that HTTP/2 lets a peer send on one stream before they are read.
pub const STREAM_WINDOW: u32 = 2 << 20;

/// The most bytes that HTTP/2 lets a peer send on one connection before they are read.
pub const CONNECTION_WINDOW: u32 = 4 << 20;

/// The most concurrent requests on one connection.
pub const REQUESTS_PER_CONNECTION: u32 = 1024;

/// The most concurrent connections of all peers. A process with fewer open files allowed accepts
/// its own limit minus [`RESERVED_FILES`].
pub const CONNECTIONS: usize = 4096;

/// The open files that are reserved for the run, at most half of the process's limit.
pub const RESERVED_FILES: usize = 256;

/// The most concurrent unauthenticated connections of all peers, at most half of all connections.
/// One of them is closed when another one comes.
pub const UNAUTHENTICATED_CONNECTIONS: usize = 512;

/// The most bytes that a connection may send before it is authenticated: a TLS handshake with
/// certificates and the headers of one call.
pub const UNAUTHENTICATED_BYTES: usize = 64 << 10;

/// The most requests for health or metrics on an unauthenticated connection.
pub const UNAUTHENTICATED_REQUESTS: u32 = 16;

/// The most bytes of a request's headers.
pub const HEADER_BYTES: u32 = 16 << 10;

/// The most slots of one worker.
pub const SLOTS_PER_WORKER: u32 = 1024;

/// The most bytes of models that a worker caches for later jobs.
pub const CACHE_BYTES: usize = 256 << 20;

/// The time from accepting a connection to its first authenticated call, TLS handshake included.
pub const AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The time from the start of a session to the worker's `Hello`, and to the coordinator's
/// `Welcome`.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// The time until the next piece of a stream.
pub const PIECE_TIMEOUT: Duration = Duration::from_secs(30);

/// The time after which a `Pull` without a job is answered, so that the worker pulls again.
pub const PULL_TIMEOUT: Duration = Duration::from_secs(20);

/// The time that a stopping worker gives its jobs before it hands them back.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The first and the longest delay between two attempts to connect; each delay is twice the one
/// before.
pub const RECONNECT_DELAY: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(3));

/// The time that one attempt to connect may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The default of `--grace`: how long a peer may be silent before it counts as lost. Heartbeats are
/// five times as frequent.
pub const GRACE: Duration = Duration::from_secs(15);

/// The default of `--patience`: how long a worker waits for a coordinator to start or to restart.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// How long a coordinator that has ended waits for its workers to leave.
pub const FAREWELL_TIMEOUT: Duration = Duration::from_secs(3);
