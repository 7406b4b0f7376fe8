//! [`RoundRecord`]: one line of `rounds.jsonl`.

use serde::{Deserialize, Serialize};

use crate::{
    data::ClientId,
    model::LayerName,
    record::{BarrierSummary, is_zero},
    spec::SelectBy,
};

/// One line of `rounds.jsonl`: a committed round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// The round, counted from 1.
    pub round: u32,
    /// The attempt that was committed, counted from 1.
    pub attempt: u32,
    /// The clients with an averaged update, in ascending order.
    pub reported: Vec<ClientId>,
    /// The clients of the cohort that did not report, and the reasons.
    pub missing: Vec<MissingRecord>,
    /// The layers that were averaged: `all`, `none`, or names joined by `+`.
    pub averaged: String,
    /// The number of training examples of the clients that reported.
    pub examples: u64,
    /// The number of optimizer steps of the clients that reported.
    pub steps: u64,
    /// The mean training loss over the clients that reported, weighted by their examples.
    pub train_loss: f64,
    /// The evaluation right after averaging, if the scenario asks for one in this round.
    pub evaluation: Option<EvaluationRecord>,
    /// The barriers that tables show, if barriers were measured in this round.
    pub barriers: Option<BarrierSummary>,
    /// The bytes that the clients would send, over all layers.
    pub bytes_up: u64,
    /// The bytes that the clients would receive, over all layers.
    pub bytes_down: u64,
    /// The bytes layer by layer, from the input.
    pub bytes: Vec<LayerBytes>,
}

/// A client of the cohort that did not report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MissingRecord {
    /// The client.
    pub client: ClientId,
    /// The reason.
    pub reason: String,
}

/// The bytes of one layer in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerBytes {
    /// The layer.
    pub layer: LayerName,
    /// The bytes that the clients would send.
    pub up: u64,
    /// The bytes that the clients would receive.
    pub down: u64,
}

/// The evaluation of the clients' models right after averaging. Losses that are not finite are
/// absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The mean over the models of the loss on the common test set.
    pub test_loss: Option<f64>,
    /// The mean over the models of the accuracy on the common test set, as a fraction.
    pub test_accuracy: Option<f64>,
    /// The mean over the clients of the loss on their own test data.
    pub client_loss_mean: Option<f64>,
    /// The mean over the clients of the accuracy on their own test data, as a fraction.
    pub client_accuracy_mean: Option<f64>,
    /// The sample standard deviation (n − 1) of that accuracy over the clients; absent for fewer
    /// than two.
    pub client_accuracy_std: Option<f64>,
    /// The number of clients without test data of their own, which are left out of the three values
    /// above. It is written only if it is not 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clients_without_test: u32,
    /// The mean over the models of the loss on the common validation set; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// The mean over the models of the accuracy on the common validation set, as a fraction; absent
    /// without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// The mean over the clients of the loss on their own validation data; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_validation_loss_mean: Option<f64>,
    /// The mean over the clients of the accuracy on their own validation data, as a fraction;
    /// absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_validation_accuracy_mean: Option<f64>,
    /// The number of clients without validation data of their own in a run that sets such data
    /// apart; they are left out of the two values above. It is written only if it is not 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clients_without_validation: u32,
}

impl EvaluationRecord {
    /// Returns the value that rounds are compared by; `None` if it is absent or not finite.
    pub fn selected(&self, by: SelectBy) -> Option<f64> {
        let value = match by {
            SelectBy::ValidationLoss => self.validation_loss,
            SelectBy::ValidationAccuracy => self.validation_accuracy,
            SelectBy::ClientValidationLoss => self.client_validation_loss_mean,
            SelectBy::ClientValidationAccuracy => self.client_validation_accuracy_mean,
        };
        value.filter(|value| value.is_finite())
    }
}
