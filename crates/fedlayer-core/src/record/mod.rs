//! The records of a run: what `rounds.jsonl`, `barriers.jsonl`, `summary.json` and `analyses/` hold. Nothing in them depends on time, host, path or thread.

mod analysis;
mod barrier;
mod refusals;
mod round;
mod summary;

pub use analysis::AnalysisRow;
pub use barrier::{BarrierKind, BarrierRow, BarrierSummary, Metric};
pub use refusals::{RefusalCause, Refusals, clients_in_words};
pub use round::{EvaluationRecord, LayerBytes, MissingRecord, RoundRecord};
pub use summary::{Summary, SummaryRow};

/// Whether a count says nothing and is not written.
fn is_zero(count: &u32) -> bool {
    *count == 0
}
