//! `rounds`: a row per round; `timings`: its seconds.

use fedlayer_core::record::{BarrierSummary, EvaluationRecord, RoundRecord};

use super::column::{Table, count, number, text};
use crate::{RoundTimes, cell::Cell};

/// A row per committed round, as in `rounds.jsonl`.
pub(crate) static ROUNDS: Table<RoundRecord> = Table {
    name: "rounds",
    columns: &[
        count("round", |row| Cell::Count(row.round.into())),
        count("attempt", |row| Cell::Count(row.attempt.into())),
        text("averaged", |row| Cell::text(&row.averaged)),
        count("reported", |row| Cell::Count(row.reported.len() as u64)),
        count("missing", |row| Cell::Count(row.missing.len() as u64)),
        count("examples", |row| Cell::Count(row.examples)),
        count("steps", |row| Cell::Count(row.steps)),
        number("train_loss", |row| Cell::number(row.train_loss)),
        number("test_loss", |row| evaluated(row, |of| of.test_loss)),
        number("test_accuracy", |row| evaluated(row, |of| of.test_accuracy)),
        number("client_loss_mean", |row| evaluated(row, |of| of.client_loss_mean)),
        number("client_accuracy_mean", |row| evaluated(row, |of| of.client_accuracy_mean)),
        number("client_accuracy_std", |row| evaluated(row, |of| of.client_accuracy_std)),
        count("clients_without_test", |row| {
            let of = row.evaluation.as_ref();
            of.map_or(Cell::Null, |of| Cell::Count(of.clients_without_test.into()))
        }),
        number("validation_loss", |row| evaluated(row, |of| of.validation_loss)),
        number("validation_accuracy", |row| evaluated(row, |of| of.validation_accuracy)),
        number("client_validation_loss_mean", |row| {
            evaluated(row, |of| of.client_validation_loss_mean)
        }),
        number("client_validation_accuracy_mean", |row| {
            evaluated(row, |of| of.client_validation_accuracy_mean)
        }),
        count("clients_without_validation", |row| {
            let of = row.evaluation.as_ref();
            of.map_or(Cell::Null, |of| Cell::Count(of.clients_without_validation.into()))
        }),
        number("full_barrier", |row| measured(row, |of| of.full_barrier)),
        number("max_layer_barrier", |row| measured(row, |of| of.max_layer_barrier)),
        text("max_layer", |row| {
            let layer = row.barriers.as_ref().and_then(|of| of.max_layer.as_ref());
            Cell::text_if_any(layer.map(|layer| layer.as_str()))
        }),
        number("end_loss_spread", |row| measured(row, |of| of.end_loss_spread)),
        count("bytes_up", |row| Cell::Count(row.bytes_up)),
        count("bytes_down", |row| Cell::Count(row.bytes_down)),
    ],
};

/// A row per committed round, as in `timings.jsonl`, in seconds.
pub(crate) static TIMINGS: Table<RoundTimes> = Table {
    name: "timings",
    columns: &[
        count("round", |row| Cell::Count(row.round.into())),
        number("train", |row| Cell::number(row.train)),
        number("barriers", |row| Cell::number(row.barriers)),
        number("average", |row| Cell::number(row.average)),
        number("evaluate", |row| Cell::number(row.evaluate)),
    ],
};

/// Returns a value of the evaluation; null in a round without one.
fn evaluated(row: &RoundRecord, of: fn(&EvaluationRecord) -> Option<f64>) -> Cell<'static> {
    Cell::number(row.evaluation.as_ref().and_then(of))
}

/// Returns a value of the barriers; null in a round without them.
fn measured(row: &RoundRecord, of: fn(&BarrierSummary) -> Option<f64>) -> Cell<'static> {
    Cell::number(row.barriers.as_ref().and_then(of))
}
