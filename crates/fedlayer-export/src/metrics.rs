//! [`metrics`]: the numbers of a round by name, for programs that plot numbers over rounds.

use crate::{
    ExportedRound,
    tables::{LAYERS, ROUNDS, TIMINGS, Table, layer_rows},
};

/// A number of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Its name: `rounds/test_loss`, `timings/train`, `layers/fc1/barrier`.
    pub name: String,
    /// The number, finite.
    pub value: f64,
}

/// Returns every number of a round: those of the tables `rounds`, `timings` and `layers`. A null is
/// left out.
pub fn metrics(round: &ExportedRound) -> Vec<Measured> {
    let mut all = numbers(&ROUNDS, ROUNDS.name, &round.record);
    all.extend(round.times.iter().flat_map(|times| numbers(&TIMINGS, TIMINGS.name, times)));
    for row in layer_rows(round) {
        all.extend(numbers(&LAYERS, &format!("{}/{}", LAYERS.name, row.layer), &row));
    }
    all
}

fn numbers<R>(table: &Table<R>, prefix: &str, row: &R) -> Vec<Measured> {
    let own = table.columns.iter().filter(|column| !["round", "position"].contains(&column.name));
    let number = |column: &crate::tables::ExportedColumn<R>| {
        let value = (column.cell)(row).plotted()?;
        Some(Measured { name: format!("{prefix}/{}", column.name), value })
    };
    own.filter_map(number).collect()
}
