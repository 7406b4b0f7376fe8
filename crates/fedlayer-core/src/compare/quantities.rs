//! [`QUANTITIES`], [`MORE_QUANTITIES`]: the quantities that strategies are compared by.

use super::{Absence, Reading};
use crate::record::SummaryRow;

/// The number of quantities of the last round.
const OF_LAST_ROUND: usize = 9;

/// A quantity of a [`SummaryRow`] that strategies are compared by.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    /// The name, as in `summary.json`.
    pub name: &'static str,
    /// Reads the quantity from a row.
    pub of: fn(&SummaryRow) -> Option<f64>,
}

/// The quantities of a summary, in the order of tables: those of the last round, then those of the
/// best round by validation.
pub const QUANTITIES: [Quantity; 14] = [
    Quantity { name: "test_accuracy", of: |row| row.test_accuracy },
    Quantity { name: "test_loss", of: |row| row.test_loss },
    Quantity { name: "client_accuracy_mean", of: |row| row.client_accuracy_mean },
    Quantity { name: "client_accuracy_std", of: |row| row.client_accuracy_std },
    Quantity { name: "full_barrier", of: |row| row.full_barrier },
    Quantity { name: "max_layer_barrier", of: |row| row.max_layer_barrier },
    Quantity { name: "end_loss_spread", of: |row| row.end_loss_spread },
    Quantity { name: "bytes_up", of: |row| Some(row.bytes_up as f64) },
    Quantity { name: "bytes_down", of: |row| Some(row.bytes_down as f64) },
    Quantity { name: "best_round", of: |row| Some(f64::from(row.best.as_ref()?.round)) },
    Quantity { name: "best_value", of: |row| Some(row.best.as_ref()?.value) },
    Quantity { name: "best_test_accuracy", of: |row| row.best.as_ref()?.test_accuracy },
    Quantity { name: "best_test_loss", of: |row| row.best.as_ref()?.test_loss },
    Quantity {
        name: "best_client_accuracy_mean",
        of: |row| row.best.as_ref()?.client_accuracy_mean,
    },
];

/// Returns the quantities that some of these rows can have: those of the best round only if a row
/// has a best round.
pub fn quantities_of(rows: &[SummaryRow]) -> &'static [Quantity] {
    match rows.iter().any(|row| row.best.is_some()) {
        true => &QUANTITIES,
        false => &QUANTITIES[..OF_LAST_ROUND],
    }
}

/// A quantity of a [`Reading`] that no summary has.
#[derive(Debug, Clone, Copy)]
pub struct MoreQuantity {
    /// The name, as `--columns` takes it.
    pub name: &'static str,
    /// Reads the quantity.
    pub of: fn(&Reading) -> Result<f64, Absence>,
}

/// The quantities that are read from the records of a run.
pub const MORE_QUANTITIES: [MoreQuantity; 8] = [
    MoreQuantity { name: "at_round", of: at_round },
    MoreQuantity { name: "bytes", of: |reading| Ok(reading.bytes() as f64) },
    MoreQuantity { name: "macro_f1", of: |reading| reading.more.macro_f1 },
    MoreQuantity { name: "fairness", of: |reading| reading.more.fairness },
    MoreQuantity { name: "worst_decile", of: |reading| reading.more.worst_decile },
    MoreQuantity { name: "incentive", of: |reading| reading.more.incentive },
    MoreQuantity { name: "rounds_to_target", of: |reading| reading.more.rounds_to_target },
    MoreQuantity { name: "bytes_to_target", of: |reading| reading.more.bytes_to_target },
];

/// Returns the last round that a reading's values are from.
fn at_round(reading: &Reading) -> Result<f64, Absence> {
    reading.evaluated.last().map(|&round| f64::from(round)).ok_or(Absence::NoRounds)
}

/// The quantities that do not depend on the point of a reading.
const OF_WHOLE_RUN: [&str; 7] = [
    "rounds_to_target",
    "bytes_to_target",
    "best_round",
    "best_value",
    "best_test_accuracy",
    "best_test_loss",
    "best_client_accuracy_mean",
];

/// Reads every quantity, in the order of [`quantity_names`]. Values that are not finite are absent.
pub(super) fn values(reading: &Reading) -> Vec<Result<f64, Absence>> {
    let summary = QUANTITIES.iter().map(|quantity| {
        let value = (quantity.of)(&reading.row).ok_or(Absence::NoValue);
        (quantity.name, value)
    });
    let more = MORE_QUANTITIES.iter().map(|quantity| (quantity.name, (quantity.of)(reading)));
    let value = |(name, value): (&str, Result<f64, Absence>)| match reading.absence {
        Some(absence) if !OF_WHOLE_RUN.contains(&name) => Err(absence),
        _ => value.and_then(|v| if v.is_finite() { Ok(v) } else { Err(Absence::NoValue) }),
    };
    summary.chain(more).map(value).collect()
}

/// Returns the names of all quantities, in their order in a
/// [`ComparedStrategy`](super::ComparedStrategy).
pub fn quantity_names() -> impl Iterator<Item = &'static str> {
    let summary = QUANTITIES.iter().map(|quantity| quantity.name);
    summary.chain(MORE_QUANTITIES.iter().map(|quantity| quantity.name))
}

/// Returns the index of the quantity with this name.
pub fn quantity_index(name: &str) -> Option<usize> {
    quantity_names().position(|known| known == name)
}
