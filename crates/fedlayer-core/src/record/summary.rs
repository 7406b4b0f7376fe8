//! [`Summary`]: the contents of `summary.json`.

use serde::{Deserialize, Serialize};

use crate::{
    model::LayerName,
    plan::Plan,
    record::{Refusals, RoundRecord, is_zero},
    round::Selection,
    spec::{SelectBy, Variant},
    text::slug,
};

/// One row of `summary.json`: the results of one strategy and seed, in one variant of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// The variant of the scenario, if it has a sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// The strategy's name.
    pub strategy: String,
    /// The seed.
    pub seed: u64,
    /// The number of committed rounds.
    pub rounds: u32,
    /// The value of the last evaluated round.
    pub test_accuracy: Option<f64>,
    /// The value of the last evaluated round.
    pub test_loss: Option<f64>,
    /// The value of the last evaluated round.
    pub client_accuracy_mean: Option<f64>,
    /// The value of the last evaluated round.
    pub client_accuracy_std: Option<f64>,
    /// The value of the last evaluated round; written only if it is not 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clients_without_test: u32,
    /// The value of the last round with barriers.
    pub full_barrier: Option<f64>,
    /// The value of the last round with barriers.
    pub max_layer_barrier: Option<f64>,
    /// The value of the last round with barriers.
    pub max_layer: Option<LayerName>,
    /// The value of the last round with barriers.
    #[serde(default)]
    pub end_loss_spread: Option<f64>,
    /// The bytes that the clients would have sent in all rounds.
    pub bytes_up: u64,
    /// The bytes that the clients would have received in all rounds.
    pub bytes_down: u64,
    /// The best round by validation; absent if the scenario reports only the last round, or if no
    /// round has a validation value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestRow>,
    /// The missing updates of the run; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusals>,
}

/// The results in the best round by validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestRow {
    /// The round.
    pub round: u32,
    /// The kind of value that decides.
    pub by: SelectBy,
    /// That value in the best round.
    pub value: f64,
    /// Whether the run ended before its last round, because it no longer improved.
    pub stopped_early: bool,
    /// The value of the best round.
    pub test_accuracy: Option<f64>,
    /// The value of the best round.
    pub test_loss: Option<f64>,
    /// The value of the best round.
    pub client_accuracy_mean: Option<f64>,
    /// The bytes that the clients would have sent up to the best round.
    pub bytes_up: u64,
    /// The bytes that the clients would have received up to the best round.
    pub bytes_down: u64,
}

/// `summary.json`: the results of every strategy and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The scenario's name: the name of its file without folder and extension.
    pub scenario: String,
    /// The rows: by variant (if the scenario has a sweep), then by strategy in the scenario's
    /// order, then by seed.
    pub rows: Vec<SummaryRow>,
}

impl SummaryRow {
    /// Summarizes the records of a run.
    pub fn new(strategy: &str, seed: u64, records: &[RoundRecord]) -> Self {
        let evaluation = records.iter().rev().find_map(|record| record.evaluation.clone());
        let evaluation = evaluation.unwrap_or_default();
        let barriers = records.iter().rev().find_map(|record| record.barriers.clone());
        let barriers = barriers.unwrap_or_default();
        Self {
            variant: None,
            strategy: strategy.to_owned(),
            seed,
            rounds: records.len() as u32,
            test_accuracy: evaluation.test_accuracy,
            test_loss: evaluation.test_loss,
            client_accuracy_mean: evaluation.client_accuracy_mean,
            client_accuracy_std: evaluation.client_accuracy_std,
            clients_without_test: evaluation.clients_without_test,
            full_barrier: barriers.full_barrier,
            max_layer_barrier: barriers.max_layer_barrier,
            max_layer: barriers.max_layer,
            end_loss_spread: barriers.end_loss_spread,
            bytes_up: total(records.iter().map(|record| record.bytes_up)),
            bytes_down: total(records.iter().map(|record| record.bytes_down)),
            best: None,
            refused: Refusals::of(records),
        }
    }
}

impl SummaryRow {
    /// Returns the folder of its records in the run folder; see
    /// [`Plan::folder`](crate::Plan::folder).
    pub fn folder(&self) -> String {
        let own = format!("{}/seed-{}", slug(&self.strategy), self.seed);
        match &self.variant {
            Some(variant) => format!("{}/{own}", variant.folder),
            None => own,
        }
    }
}

impl BestRow {
    /// Summarizes the best round of a plan's records; `None` if the plan reports only its last
    /// round, or no round has a validation value.
    pub fn of(plan: &Plan, records: &[RoundRecord]) -> Option<Self> {
        let selection = Selection::over(plan, records)?;
        let best = selection.best()?;
        let up_to = records.iter().take_while(|record| record.round <= best.round);
        let record = records.iter().find(|record| record.round == best.round)?;
        let evaluation = record.evaluation.clone().unwrap_or_default();
        Some(Self {
            round: best.round,
            by: selection.by(),
            value: best.value,
            stopped_early: selection.is_over() && (records.len() as u64) < plan.rounds.into(),
            test_accuracy: evaluation.test_accuracy,
            test_loss: evaluation.test_loss,
            client_accuracy_mean: evaluation.client_accuracy_mean,
            bytes_up: total(up_to.clone().map(|record| record.bytes_up)),
            bytes_down: total(up_to.map(|record| record.bytes_down)),
        })
    }
}

/// Returns the sum of counts, or the largest number if the sum overflows: records may come from
/// another program.
fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}
