//! [`RoundRecord`]: one line of `rounds.jsonl`.

use serde::{Deserialize, Serialize};

use crate::{
    data::ClientId,
    model::LayerName,
    record::{BarrierSummary, is_zero},
};

/// One line of `rounds.jsonl`: a committed round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// The round, counted from 1.
    pub round: u32,
    /// The attempt that was committed, counted from 1.
    pub attempt: u32,
    /// The clients whose updates were averaged, ascending.
    pub reported: Vec<ClientId>,
    /// The clients of the cohort that did not report, and why.
    pub missing: Vec<MissingRecord>,
    /// The layers that were averaged: `all`, `none`, or names joined by `+`.
    pub averaged: String,
    /// Training examples of the clients that reported.
    pub examples: u64,
    /// Optimizer steps of the clients that reported.
    pub steps: u64,
    /// Mean training loss over the clients that reported, weighted by their examples.
    pub train_loss: f64,
    /// Measured right after averaging, where the scenario wants it in this round.
    pub evaluation: Option<EvaluationRecord>,
    /// The barriers that tables show, where barriers were measured in this round.
    pub barriers: Option<BarrierSummary>,
    /// Bytes that the clients would send, over all layers.
    pub bytes_up: u64,
    /// Bytes that the clients would receive, over all layers.
    pub bytes_down: u64,
    /// The same, layer by layer from the input.
    pub bytes: Vec<LayerBytes>,
}

/// A client of the cohort that did not report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MissingRecord {
    /// The client.
    pub client: ClientId,
    /// Why it did not.
    pub reason: String,
}

/// The bytes of one layer in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerBytes {
    /// The layer.
    pub layer: LayerName,
    /// Bytes that the clients would send.
    pub up: u64,
    /// Bytes that the clients would receive.
    pub down: u64,
}

/// The clients' models right after averaging. Losses that are not finite are absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// Mean over the models of the loss on the common test set.
    pub test_loss: Option<f64>,
    /// Mean over the models of the accuracy on the common test set, as a fraction.
    pub test_accuracy: Option<f64>,
    /// Mean over the clients of the loss on their own test data.
    pub client_loss_mean: Option<f64>,
    /// Mean over the clients of the accuracy on their own test data.
    pub client_accuracy_mean: Option<f64>,
    /// Sample standard deviation (n − 1) of that accuracy over the clients; absent for fewer than two.
    pub client_accuracy_std: Option<f64>,
    /// The clients without test data of their own, which are left out of the three values above; written where there are any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clients_without_test: u32,
}
