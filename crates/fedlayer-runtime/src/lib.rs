//! Runs plans: a coordinator, workers, and the link between them. The only library that names tokio.
//!
//! In reading order:
//!
//! * [`Link`]: the one seam to any worker: a [`Task`] goes out, a [`Reply`] comes back.
//! * [`WorkerPool`]: the link inside one process: threads that train what is handed to them.
//! * [`Team`]: those workers as one trainer, for analyses.
//! * [`run`]: the coordinator: performs what the state machine of `fedlayer-core` asks for, round after round.
//! * [`Journal`]: where committed rounds go; whoever calls decides where that is.
//! * [`Shutdown`]: how the caller ends a run early.
//! * [`remote`]: the link to workers in other processes, over gRPC.

mod coordinator;
mod journal;
mod link;
mod measure;
mod pool;
pub mod remote;
mod shutdown;
mod team;

pub use coordinator::{Origin, RunError, run};
pub use journal::{Committed, Journal, Timings};
pub use link::{Link, LinkError, Reply, Task, Work};
pub use pool::{TrainerFactory, WorkerPool};
pub use shutdown::{Shutdown, Stopper, shutdown};
pub use team::Team;
