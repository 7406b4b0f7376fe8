//! [`RunOffer`]: what a coordinator offers its workers, and requires of them.

use std::{fmt, sync::Arc};

use fedlayer_core::{Plan, data::Split};

use super::super::protocol::message::RunIdentity;

/// A run as a coordinator offers it to workers.
pub struct RunOffer {
    /// The scenario's name in messages.
    pub name: String,
    /// The scenario's text.
    pub scenario: String,
    /// The plans of the scenario, in order.
    pub plans: Vec<Arc<Plan>>,
    /// The hashes that a worker must agree on.
    pub identity: RunIdentity,
    /// The device that workers must train on: `cpu` or `cuda`.
    pub device: String,
    /// The version of the program, which workers must share.
    pub version: String,
    /// Returns the number of examples of a plan's split, so that the length of a reply is known.
    pub examples: SplitLengths,
}

/// Returns the number of examples of a plan's split.
pub type SplitLengths = Box<dyn Fn(&Plan, Split) -> usize + Send + Sync>;

impl fmt::Debug for RunOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOffer").field("name", &self.name).finish_non_exhaustive()
    }
}
