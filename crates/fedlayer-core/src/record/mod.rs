//! The records of a run: the contents of `rounds.jsonl`, `barriers.jsonl`, `summary.json` and
//! `analyses/`. They do not depend on time, host, path or thread.
//!
//! * [`RoundRecord`]: one committed round.
//! * [`BarrierRow`]: one measured barrier; [`BarrierSummary`]: the barriers that tables show.
//! * [`SummaryRow`], [`Summary`]: the results of a strategy and seed; [`BestRow`]: those of its best
//!   round; [`Refusals`]: missing updates.
//! * [`AnalysisRow`]: one value of an analysis. It is here because `fedlayer-analysis` writes it
//!   and `fedlayer-report` reads it.

mod analysis;
mod barrier;
mod refusals;
mod round;
mod summary;

pub use analysis::AnalysisRow;
pub use barrier::{BarrierKind, BarrierRow, BarrierSummary, Metric};
pub use refusals::{RefusalCause, Refusals, clients_in_words};
pub use round::{EvaluationRecord, LayerBytes, MissingRecord, RoundRecord};
pub use summary::{BestRow, Summary, SummaryRow};

/// Returns whether a count is 0 and is therefore not written.
fn is_zero(count: &u32) -> bool {
    *count == 0
}
