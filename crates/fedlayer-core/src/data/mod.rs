//! The examples of a run: which there are, and which of them each client has.

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
