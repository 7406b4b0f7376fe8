//! `barriers`: a row per measured value.

use fedlayer_core::record::BarrierRow;

use super::column::{Table, count, number, text, word_if_any};
use crate::cell::Cell;

/// A row per measured value, as in `barriers.jsonl`.
pub(crate) static BARRIERS: Table<BarrierRow> = Table {
    name: "barriers",
    columns: &[
        count("round", |row| Cell::Count(row.round.into())),
        text("split", |row| word_if_any(row.split)),
        text("metric", |row| Cell::word(row.metric)),
        text("kind", |row| Cell::word(row.kind)),
        text("set", |row| Cell::text(&row.set)),
        text("base", |row| Cell::text(&row.base)),
        number("alpha", |row| Cell::number(row.alpha)),
        text("baseline", |row| word_if_any(row.baseline)),
        number("value", |row| Cell::number(row.value)),
        number("std_error", |row| Cell::number(row.std_error)),
    ],
};
