//! The cells of a comparison, as people read them.

use fedlayer_core::compare::{
    Absence, ComparedStrategy, Difference, MissingValue, Pairing, Spread,
};

use super::{
    columns::{NumberForm, ShownQuantity, TableColumn},
    refused_clients::mark,
};
use crate::{
    misleading_barrier::is_misleading,
    quantity::{NOTHING, bytes, spread},
};

/// The mark of a difference that is not paired by seed.
pub(crate) const UNPAIRED: &str = "~";

/// The barriers that are compared with the spread of the unmixed models' losses.
const FLAGGED: [&str; 2] = ["full_barrier", "max_layer_barrier"];

/// Returns the text of a cell.
pub(crate) fn cell(strategy: &ComparedStrategy, column: &TableColumn) -> String {
    match column {
        TableColumn::Rounds => rounds(strategy.rounds) + mark(strategy),
        TableColumn::Seeds => strategy.seeds.to_string(),
        TableColumn::MaxLayer => {
            strategy.max_layers.first().map_or(NOTHING.to_owned(), Clone::clone)
        }
        TableColumn::Value(quantity) => value(strategy, quantity),
        TableColumn::Delta(quantity) => match strategy.difference(quantity.name) {
            Some(difference) => delta(strategy.pairing, difference, quantity.form),
            None => NOTHING.to_owned(),
        },
        TableColumn::PValue(quantity) => {
            let difference = strategy.difference(quantity.name);
            difference.and_then(|difference| difference.adjusted_p).map_or(NOTHING.to_owned(), p)
        }
    }
}

/// Returns the number of rounds: `20`, or `3-20` if the run of a seed failed after round 3.
pub(crate) fn rounds((fewest, most): (u32, u32)) -> String {
    if fewest == most { most.to_string() } else { format!("{fewest}-{most}") }
}

/// Returns whether a strategy has a best round by validation.
pub(crate) fn has_best(strategy: &ComparedStrategy) -> bool {
    !strategy.best_by.is_empty()
}

/// Returns the mean and deviation of a quantity, or the reason why there is none. A misleading
/// barrier is flagged.
pub(crate) fn value(strategy: &ComparedStrategy, quantity: &ShownQuantity) -> String {
    let flag = if is_flagged(quantity.name, strategy) { "!" } else { "" };
    match strategy.spread(quantity.name) {
        Some(spread) => flag.to_owned() + &show(quantity.form, spread),
        None => absent(strategy.missing_values(quantity.name), strategy.seeds),
    }
}

/// Returns whether a quantity is a misleading barrier.
pub(crate) fn is_flagged(quantity: &str, strategy: &ComparedStrategy) -> bool {
    let mean = |name| strategy.spread(name).map(|spread| spread.mean);
    FLAGGED.contains(&quantity) && is_misleading(mean(quantity), mean("end_loss_spread"))
}

/// Returns the reason why a quantity has no mean, with the number of seeds if some have a value.
fn absent(missing: &[MissingValue], seeds: usize) -> String {
    let Some(first) = missing.first() else { return NOTHING.to_owned() };
    match (needs(first.absence), missing.len() == seeds) {
        (NOTHING, _) => NOTHING.to_owned(),
        (reason, true) => reason.to_owned(),
        (reason, false) => format!("{reason} ({} of {seeds} seeds)", missing.len()),
    }
}

/// Returns what a value needs, or why it does not exist.
pub(crate) fn needs(absence: Absence) -> &'static str {
    match absence {
        Absence::NoValue | Absence::TooManyBytes => NOTHING,
        Absence::NoRounds => "needs rounds.jsonl",
        Absence::NoClients => "needs clients.jsonl",
        Absence::NotRecorded => "needs a record of it",
        Absence::NoLocalTraining => "needs local training",
        Absence::NoFederatedAveraging => "needs FedAvg",
        Absence::NoTarget => "needs --target",
        Absence::NotReached => "not reached",
        Absence::NoValidation => "needs validation",
    }
}

fn show(form: NumberForm, Spread { mean, deviation }: Spread) -> String {
    let scaled =
        |factor: f64, decimals| spread(factor * mean, deviation.map(|d| factor * d), decimals);
    match form {
        NumberForm::Percent => scaled(1e2, 1),
        NumberForm::SquaredPercent => scaled(1e4, 1),
        NumberForm::Loss => scaled(1.0, 3),
        NumberForm::Rounds if mean.fract() == 0.0 && deviation.unwrap_or(0.0) == 0.0 => {
            format!("{mean}")
        }
        NumberForm::Rounds => scaled(1.0, 1),
        NumberForm::Bytes => bytes(mean),
    }
}

/// Returns a difference with its interval, `-39.0 [-42.1, -35.9]`; `-39.0` without an interval;
/// `tie [-1.0, +0.2]` if it is a tie: the middle of the interval is its mean.
fn delta(pairing: Pairing, difference: Difference, form: NumberForm) -> String {
    let Difference { mean, half_width, .. } = difference;
    let mark = if pairing == Pairing::Independent { UNPAIRED } else { "" };
    let word = match difference.is_tie() {
        Some(true) => "tie".to_owned(),
        _ => signed(mean, form),
    };
    let interval = half_width.map_or(String::new(), |half| {
        format!(" [{}, {}]", signed(mean - half, form), signed(mean + half, form))
    });
    format!("{mark}{word}{interval}")
}

/// Writes a number with its sign.
fn signed(value: f64, form: NumberForm) -> String {
    match form {
        NumberForm::Percent => format!("{:+.1}", 1e2 * value),
        NumberForm::SquaredPercent => format!("{:+.1}", 1e4 * value),
        NumberForm::Loss => format!("{value:+.3}"),
        NumberForm::Rounds => format!("{value:+.1}"),
        NumberForm::Bytes => {
            format!("{}{}", if value < 0.0 { "-" } else { "+" }, bytes(value.abs()))
        }
    }
}

/// Writes a p-value.
fn p(value: f64) -> String {
    if value < 1e-4 { "<0.0001".to_owned() } else { format!("{value:.4}") }
}
