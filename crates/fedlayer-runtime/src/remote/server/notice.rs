//! [`CoordinatorNotice`]: what a coordinator tells its user about the workers.

use std::fmt;

/// Something about the workers that the user may want to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorNotice {
    /// A worker joined.
    Joined {
        /// The worker's name and address.
        worker: String,
        /// The number of workers, this one included.
        workers: usize,
        /// The number of their slots.
        slots: usize,
    },
    /// A worker left or was lost.
    Left {
        /// The worker's name and address.
        worker: String,
        /// The reason.
        why: String,
        /// The number of its jobs that are given out again.
        jobs: usize,
        /// The number of remaining workers.
        workers: usize,
    },
    /// A worker or a message was refused.
    Refused {
        /// The worker's name and address.
        worker: String,
        /// The reason, with both sides' values.
        why: String,
    },
    /// Jobs take longer than the deadline, and are given to another worker as well.
    Overdue {
        /// The number of jobs.
        jobs: usize,
    },
    /// A worker's processor differs from the first worker's.
    Processors {
        /// The worker's name and address.
        worker: String,
        /// The features of its processor.
        found: String,
        /// The features of the first worker's processor.
        first: String,
    },
}

impl fmt::Display for CoordinatorNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { worker, workers, slots } => {
                write!(f, "worker {worker} joined (workers: {workers}, slots: {slots})")
            }
            Self::Left { worker, why, jobs, workers } => {
                write!(
                    f,
                    "worker {worker} left: {why} (jobs given out again: {jobs}, remaining workers: {workers})"
                )
            }
            Self::Refused { worker, why } => write!(f, "refused {worker}: {why}"),
            Self::Overdue { jobs } => {
                write!(f, "jobs past the deadline, now also given to another worker: {jobs}")
            }
            Self::Processors { worker, found, first } => write!(
                f,
                "worker {worker} has another processor (`{found}`; the first worker has `{first}`): results may differ in their last bits"
            ),
        }
    }
}
