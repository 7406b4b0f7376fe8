//! `clients`: a row per round and client of its cohort.

use fedlayer_core::{data::ClientId, record::MissingRecord};

use super::column::{Table, count, flag, text};
use crate::{ExportedRound, cell::Cell};

/// A client of a round's cohort.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClientRow {
    round: u32,
    client: ClientId,
    /// The reason that it did not report.
    reason: Option<String>,
}

/// A row per committed round and client of its cohort: those that reported, then the missing.
pub(crate) static CLIENTS: Table<ClientRow> = Table {
    name: "clients",
    columns: &[
        count("round", |row| Cell::Count(row.round.into())),
        count("client", |row| Cell::Count(row.client.0.into())),
        flag("reported", |row| Cell::Flag(row.reason.is_none())),
        text("reason", |row| Cell::text_if_any(row.reason.as_deref())),
    ],
};

/// Returns the clients of a round.
pub(crate) fn client_rows(round: &ExportedRound) -> impl Iterator<Item = ClientRow> {
    let number = round.record.round;
    let reported = round.record.reported.iter();
    let reported = reported.map(move |&client| ClientRow { round: number, client, reason: None });
    let missing = |missing: &MissingRecord| ClientRow {
        round: round.record.round,
        client: missing.client,
        reason: Some(missing.reason.clone()),
    };
    reported.chain(round.record.missing.iter().map(missing))
}
