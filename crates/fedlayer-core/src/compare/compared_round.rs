//! [`ComparedRound`], [`ComparedClient`]: the keys that a comparison reads of a line of
//! `rounds.jsonl` and of `clients.jsonl`.
//!
//! They are views: other keys are skipped, so a comparison reads the lines of every version, and
//! does not keep the lists of clients of long runs in memory.

use serde::Deserialize;

use crate::{data::ClientId, record::BarrierSummary, spec::SelectBy};

/// A round of a run. An absent key is empty.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ComparedRound {
    /// The round, counted from 1.
    pub round: u32,
    /// The evaluation right after averaging.
    #[serde(default)]
    pub evaluation: Option<ComparedEvaluation>,
    /// The barriers that tables show.
    #[serde(default)]
    pub barriers: Option<BarrierSummary>,
    /// The bytes that the clients would send in this round.
    #[serde(default)]
    pub bytes_up: u64,
    /// The bytes that the clients would receive in this round.
    #[serde(default)]
    pub bytes_down: u64,
}

impl ComparedRound {
    /// Returns the bytes in both directions.
    pub fn bytes(&self) -> u64 {
        self.bytes_up.saturating_add(self.bytes_down)
    }
}

/// The evaluation of a round; see [`EvaluationRecord`](crate::record::EvaluationRecord).
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct ComparedEvaluation {
    /// The mean loss on the common test set.
    pub test_loss: Option<f64>,
    /// The mean accuracy on the common test set, as a fraction.
    pub test_accuracy: Option<f64>,
    /// The mean accuracy of the clients on their own test data, as a fraction.
    pub client_accuracy_mean: Option<f64>,
    /// The sample standard deviation of that accuracy over the clients.
    pub client_accuracy_std: Option<f64>,
    /// The mean over the classes of the F1 score on the common test set, as a fraction.
    pub macro_f1: Option<f64>,
    /// The mean loss on the common validation set.
    pub validation_loss: Option<f64>,
    /// The mean accuracy on the common validation set, as a fraction.
    pub validation_accuracy: Option<f64>,
    /// The mean loss of the clients on their own validation data.
    pub client_validation_loss_mean: Option<f64>,
    /// The mean accuracy of the clients on their own validation data, as a fraction.
    pub client_validation_accuracy_mean: Option<f64>,
}

/// Returns the value that decides about a round, negated if less is better, so that the largest is
/// the best.
pub(super) fn merit(by: SelectBy, evaluation: &ComparedEvaluation) -> Option<f64> {
    let merit = match by {
        SelectBy::ValidationLoss => evaluation.validation_loss.map(|loss| -loss),
        SelectBy::ValidationAccuracy => evaluation.validation_accuracy,
        SelectBy::ClientValidationLoss => evaluation.client_validation_loss_mean.map(|loss| -loss),
        SelectBy::ClientValidationAccuracy => evaluation.client_validation_accuracy_mean,
    };
    merit.filter(|merit| merit.is_finite())
}

/// Returns the value that decides by default: the common validation loss, or the clients' if these
/// rounds have only that; `None` if they have no validation value.
pub fn default_select_by(rounds: &[ComparedRound]) -> Option<SelectBy> {
    let has = |by: SelectBy| {
        let evaluations = rounds.iter().filter_map(|round| round.evaluation.as_ref());
        evaluations.filter_map(|evaluation| merit(by, evaluation)).next().is_some()
    };
    [SelectBy::ValidationLoss, SelectBy::ClientValidationLoss].into_iter().find(|&by| has(by))
}

/// A client after the averaging of an evaluated round.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct ComparedClient {
    /// The round, counted from 1.
    pub round: u32,
    /// The client.
    pub client: ClientId,
    /// The accuracy of its model on its own test data after averaging, as a fraction; absent
    /// without such data.
    #[serde(default)]
    pub test_accuracy_after: Option<f64>,
}
