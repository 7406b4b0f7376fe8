//! Runs plans: a coordinator, workers, and the link between them. The only library that names tokio.
//!
//! In reading order:
//!
//! * [`Link`]: the one seam to any worker: a [`WorkerTask`] goes out, a [`Reply`] comes back.
//! * [`LocalPool`]: the link inside one process: threads that train what is handed to them.
//! * [`PooledTrainer`]: those workers as one trainer, for analyses.
//! * [`run_plan`]: the coordinator: performs what the state machine of `fedlayer-core` asks for, round after round.
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

pub use coordinator::{ResumePoint, RunError, run_plan};
pub use journal::{CommittedRound, Journal, Timings};
pub use link::{Link, LinkError, Reply, Work, WorkerTask};
pub use pool::{LocalPool, TrainerFactory};
pub use shutdown::{Shutdown, Stopper, shutdown};
pub use team::PooledTrainer;
