//! The examples of a run, and their partition among the clients.
//!
//! In reading order:
//!
//! * [`ClientId`], [`Split`]: clients and parts of the data.
//! * [`DataFacts`]: shapes and sizes, known before any example is read.
//! * [`Examples`]: labelled examples; [`InputStats`]: their range and moments.
//! * [`FederatedData`]: the examples of every client, pooled in memory ([`ClientRows`]) or drawn on
//!   demand ([`DrawClient`]), and the common test and validation sets; [`PartSizes`]: the size of
//!   each part.

mod client_rows;
mod drawn;
mod examples;
mod facts;
mod federated;
mod ids;
mod input_stats;
mod part_sizes;
mod pooled;

pub use client_rows::ClientRows;
pub use drawn::{DrawClient, DrawnSizes};
pub use examples::{Affine, ClientData, ExampleValues, Examples};
pub use facts::DataFacts;
pub use federated::FederatedData;
pub use ids::{ClientId, Split};
pub use input_stats::{InputStats, USUAL_MAGNITUDE, USUAL_STD};
pub use part_sizes::PartSizes;
