//! The examples of a run, and their partition among the clients.
//!
//! In reading order:
//!
//! * [`ClientId`], [`Split`]: clients and parts of the data.
//! * [`DataFacts`]: shapes and sizes, known before any example is read.
//! * [`Examples`]: labelled examples; [`InputStats`]: their range and moments.
//! * [`FederatedData`]: the examples of every client, pooled in memory or drawn on demand
//!   ([`DrawClient`]), and the common test set.

mod drawn;
mod examples;
mod facts;
mod federated;
mod ids;
mod input_stats;
mod pooled;

pub use drawn::DrawClient;
pub use examples::{Affine, ClientData, ExampleValues, Examples};
pub use facts::DataFacts;
pub use federated::FederatedData;
pub use ids::{ClientId, Split};
pub use input_stats::{InputStats, USUAL_MAGNITUDE, USUAL_STD};
