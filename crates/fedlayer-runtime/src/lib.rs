//! Runs plans: a coordinator, workers, and the link between them. The only library that uses tokio.
//!
//! In reading order:
//!
//! * [`Link`]: the one interface to workers: a [`WorkerTask`] goes out, a [`Reply`] comes back.
//! * [`LocalPool`]: the link to the worker threads of this process.
//! * [`LinkTrainer`]: the workers behind a link as one trainer, for analyses; `link_calls` splits
//!   probes and directions over the workers.
//! * [`run_plan`]: the coordinator: it performs the actions of `fedlayer-core`'s state machine;
//!   `measure` does what a round needs between training and commit.
//! * [`Journal`]: where committed rounds are written.
//! * [`Shutdown`]: lets the caller stop a run early.
//! * [`remote`]: the link to workers in other processes, over gRPC.

mod coordinator;
mod error;
mod journal;
mod link;
mod link_calls;
mod link_trainer;
mod local_pool;
mod measure;
pub mod remote;
mod shutdown;
#[cfg(test)]
mod toy_plan;

pub use coordinator::{ResumePoint, run_plan};
pub use error::RunError;
pub use journal::{CommittedRound, Journal, JournalError, Timings};
pub use link::{Link, LinkError, Reply, Work, WorkerTask};
pub use link_trainer::LinkTrainer;
pub use local_pool::{LocalPool, TrainerFactory};
pub use shutdown::{Shutdown, Stopper, shutdown};
