//! The records of a run: what `rounds.jsonl`, `barriers.jsonl` and `summary.json` hold. Nothing in them depends on time, host, path or thread.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ClientId, LayerName, Refusals,
    spec::{Baseline, SplitSpec, Variant},
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

/// Whether a count says nothing and is not written.
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The barriers that tables show: test loss, baseline `mean`, α = ½, mean over the bases.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BarrierSummary {
    /// The barrier of averaging all layers.
    pub full_barrier: Option<f64>,
    /// The largest barrier of averaging one layer.
    pub max_layer_barrier: Option<f64>,
    /// The layer that has it.
    pub max_layer: Option<LayerName>,
    /// The largest test loss of the unmixed models less the smallest. Where it is large against a barrier, the `mean` baseline misleads.
    pub end_loss_spread: Option<f64>,
}

/// One line of `barriers.jsonl`: one measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BarrierRow {
    /// The round, counted from 1.
    pub round: u32,
    /// Where the loss was measured; absent for values that need no data.
    pub split: Option<SplitSpec>,
    /// What was measured.
    pub metric: Metric,
    /// Which sweep or which extra the value belongs to.
    pub kind: BarrierKind,
    /// The layers: `all`, or names joined by `+`.
    pub set: String,
    /// The base: a client, `a<-b` for a pair, or `mean` or `max` over all bases.
    pub base: String,
    /// How far the base went; ½ is the average.
    pub alpha: Option<f64>,
    /// What the value was compared with.
    pub baseline: Option<Baseline>,
    /// The value; absent where a loss was not finite.
    pub value: Option<f64>,
    /// Its standard error: of the mean of the paired per-example differences, or, for twins, of the mean over the draws.
    pub std_error: Option<f64>,
}

/// What a barrier row measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Mean loss over the examples.
    Loss,
    /// 100 − accuracy, in percent.
    Error,
    /// ‖Δ‖₂ of the step from the base to the other model (twice the step to the cohort's mean), over trained values.
    Norm,
    /// Cosine between the base's movement in the round and the others', over trained values.
    Cosine,
    /// Trained values in the set.
    Parameters,
}

/// Which sweep or which extra a barrier row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BarrierKind {
    /// An unmixed model: its own loss, no barrier.
    End,
    /// All layers.
    Full,
    /// One layer alone.
    Layer,
    /// Cumulative from the input.
    Shallow,
    /// Cumulative from the output.
    Deep,
    /// Cumulative in a drawn order.
    Random,
    /// Cumulative: first five, last five, the middle.
    Alternating,
    /// Neighbouring layers of a fixed number.
    Window,
    /// Layers that the scenario names.
    Named,
    /// The largest value over the α grid, with its α.
    Peak,
    /// The mean over the draws of the equal-norm twin.
    Twin,
    /// The full barrier less the sum of the layer-wise ones.
    Interaction,
    /// A value of the models' geometry, which needs no data.
    Geometry,
}

/// The word that records use.
impl fmt::Display for BarrierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::End => "end",
            Self::Full => "full",
            Self::Layer => "layer",
            Self::Shallow => "shallow",
            Self::Deep => "deep",
            Self::Random => "random",
            Self::Alternating => "alternating",
            Self::Window => "window",
            Self::Named => "named",
            Self::Peak => "peak",
            Self::Twin => "twin",
            Self::Interaction => "interaction",
            Self::Geometry => "geometry",
        })
    }
}

/// One row of `summary.json`: what one strategy came to with one seed, in one variant of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// Which variant of the scenario, where it has a sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// The strategy's name.
    pub strategy: String,
    /// The seed.
    pub seed: u64,
    /// Committed rounds.
    pub rounds: u32,
    /// As in the last evaluated round.
    pub test_accuracy: Option<f64>,
    /// As in the last evaluated round.
    pub test_loss: Option<f64>,
    /// As in the last evaluated round.
    pub client_accuracy_mean: Option<f64>,
    /// As in the last evaluated round.
    pub client_accuracy_std: Option<f64>,
    /// As in the last evaluated round; written where there are any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clients_without_test: u32,
    /// As in the last measured round.
    pub full_barrier: Option<f64>,
    /// As in the last measured round.
    pub max_layer_barrier: Option<f64>,
    /// As in the last measured round.
    pub max_layer: Option<LayerName>,
    /// As in the last measured round.
    #[serde(default)]
    pub end_loss_spread: Option<f64>,
    /// Bytes that the clients would have sent in all rounds.
    pub bytes_up: u64,
    /// Bytes that the clients would have received in all rounds.
    pub bytes_down: u64,
    /// The clients that do not count in some rounds, and why; nothing where all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusals>,
}

/// `summary.json`: what every strategy came to with every seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The scenario's name: its file's name without folder and ending.
    pub scenario: String,
    /// Variant by variant where the scenario has a sweep, strategy by strategy in the scenario's order, seed by seed.
    pub rows: Vec<SummaryRow>,
}

impl SummaryRow {
    /// What the records of a run come to.
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
            refused: Refusals::of(records),
        }
    }
}

/// The sum of counts, or the largest number that there is: records may be of another program.
fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}
