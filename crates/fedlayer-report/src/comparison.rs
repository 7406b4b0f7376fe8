//! [`table`]: strategies side by side.

use fedlayer_core::{Compared, Difference, MEASURES, Spread};

use crate::{
    grid::{Align, grid},
    quantity::{NOTHING, bytes, spread},
    refusals::{self, mark},
};

/// A column of the table: a measure of the comparison and how it is shown.
struct Column {
    title: &'static str,
    measure: &'static str,
    form: Form,
}

enum Form {
    /// A fraction, shown in percent.
    Percent,
    /// A loss or a barrier.
    Loss,
    /// Bytes; only the mean is shown.
    Bytes,
}

const COLUMNS: [Column; 7] = [
    Column { title: "test acc %", measure: "test_accuracy", form: Form::Percent },
    Column { title: "test loss", measure: "test_loss", form: Form::Loss },
    Column { title: "client acc %", measure: "client_accuracy_mean", form: Form::Percent },
    Column { title: "full barrier", measure: "full_barrier", form: Form::Loss },
    Column { title: "layer barrier", measure: "max_layer_barrier", form: Form::Loss },
    Column { title: "up", measure: "bytes_up", form: Form::Bytes },
    Column { title: "down", measure: "bytes_down", form: Form::Bytes },
];

/// The comparison that strategies are set against the first by.
const DIFFERENCE: &str = "test_accuracy";

/// The barriers that are set against the spread of the unmixed models.
const FLAGGED: [&str; 2] = ["full_barrier", "max_layer_barrier"];

/// Strategies side by side: means ± sample standard deviations over the seeds, and the paired difference of test accuracy from the first
/// strategy with its 95 % confidence interval. Barriers are test losses under the `mean` baseline at α = ½.
pub fn table(strategies: &[Compared]) -> String {
    let mut heading = vec![("strategy", Align::Left)];
    heading.extend(COLUMNS.iter().map(|column| (column.title, Align::Right)));
    heading.insert(6, ("at", Align::Left));
    heading.insert(1, ("rounds", Align::Right));
    heading.push(("Δ test acc", Align::Right));
    let rows: Vec<Vec<String>> = strategies.iter().map(row).collect();
    grid(&heading, &rows) + &foot(strategies)
}

/// The titles of the columns of these measures.
pub(crate) fn titles(measures: &[&str]) -> Vec<&'static str> {
    let column = |measure: &&str| COLUMNS.iter().find(|column| column.measure == *measure);
    measures.iter().filter_map(column).map(|column| column.title).collect()
}

/// The cells of these measures, flagged where they mislead.
pub(crate) fn cells(strategy: &Compared, measures: &[&str]) -> Vec<String> {
    let column = |measure: &&str| COLUMNS.iter().find(|column| column.measure == *measure);
    measures.iter().filter_map(column).map(|column| cell(strategy, column)).collect()
}

fn cell(strategy: &Compared, column: &Column) -> String {
    let spread = of(&strategy.spreads, column.measure);
    let cell = spread.map_or(NOTHING.to_owned(), |spread| show(&column.form, spread));
    let flag = if is_misleading(column, strategy) { "!" } else { "" };
    flag.to_owned() + &cell
}

fn row(strategy: &Compared) -> Vec<String> {
    let mut cells = vec![strategy.strategy.clone()];
    cells.extend(COLUMNS.iter().map(|column| cell(strategy, column)));
    let layers = strategy.max_layers.first().map_or(NOTHING.to_owned(), Clone::clone);
    cells.insert(6, layers);
    cells.insert(1, rounds(strategy.rounds) + mark(strategy));
    let difference = of(&strategy.differences, DIFFERENCE);
    cells.push(difference.map_or(NOTHING.to_owned(), show_difference));
    cells
}

/// `20`; `3-20` where a seed's run failed after 3.
pub(crate) fn rounds((fewest, most): (u32, u32)) -> String {
    if fewest == most { most.to_string() } else { format!("{fewest}-{most}") }
}

/// Whether a column is a barrier, and the unmixed models' losses differ by more than that: a mix can then be "better than the mean" and still
/// much worse than the better model.
fn is_misleading(column: &Column, strategy: &Compared) -> bool {
    let barrier =
        of(&strategy.spreads, column.measure).filter(|_| FLAGGED.contains(&column.measure));
    let ends = of(&strategy.spreads, "end_loss_spread");
    barrier.zip(ends).is_some_and(|(barrier, ends)| ends.mean > barrier.mean.abs())
}

/// The value of a measure, by its name.
fn of<T: Copy>(values: &[Option<T>], measure: &str) -> Option<T> {
    let index = MEASURES.iter().position(|known| known.name == measure)?;
    *values.get(index)?
}

fn show(form: &Form, Spread { mean, deviation }: Spread) -> String {
    match form {
        Form::Percent => spread(100.0 * mean, deviation.map(|d| 100.0 * d), 1),
        Form::Loss => spread(mean, deviation, 3),
        Form::Bytes => bytes(mean),
    }
}

fn show_difference(difference: Difference) -> String {
    let Difference { mean, half_width } = difference;
    let sign = if mean >= 0.0 { "+" } else { "" };
    sign.to_owned() + &spread(100.0 * mean, half_width.map(|h| 100.0 * h), 1)
}

fn foot(strategies: &[Compared]) -> String {
    let Some(first) = strategies.first() else { return "no strategy is finished\n".to_owned() };
    let differences = format!(
        "Δ test acc: percentage points against `{}`, paired by seed, ± half of the 95 % interval.\n",
        first.strategy
    );
    let strategies: Vec<&Compared> = strategies.iter().collect();
    explanation(&strategies) + &differences + flag(&strategies) + &refusals::lines(&strategies)
}

/// What the numbers of a table are.
pub(crate) fn explanation(strategies: &[&Compared]) -> String {
    let seeds = match strategies.first().map_or(1, |first| first.seeds) {
        1 => "1 seed: no deviations".to_owned(),
        seeds => format!("mean ± standard deviation over {seeds} seeds"),
    };
    format!(
        "\n{seeds}. Barriers: test loss, `mean` baseline, α = ½, last measured round;\n\
         layer barrier: the largest of the single layers, and the layer that most seeds have it at.\n"
    )
}

/// What a `!` means, where there is one.
pub(crate) fn flag(strategies: &[&Compared]) -> &'static str {
    let flagged =
        |strategy: &&Compared| COLUMNS.iter().any(|column| is_misleading(column, strategy));
    if strategies.iter().any(flagged) {
        "! the unmixed models' losses differ by more than this barrier: see the other baselines in `barriers.jsonl`.\n"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{LayerName, SummaryRow, compare};

    use super::*;

    fn row(strategy: &str, seed: u64, accuracy: f64, barrier: f64) -> SummaryRow {
        let mut row = SummaryRow::new(strategy, seed, &[]);
        row.test_accuracy = Some(accuracy);
        row.full_barrier = Some(barrier);
        row.max_layer = Some(LayerName::new("fc1"));
        row.end_loss_spread = Some(0.2);
        row.bytes_up = 68_904;
        row
    }

    #[test]
    fn strategies_stand_side_by_side_and_misleading_barriers_are_flagged() {
        let rows = [
            row("all", 1, 0.9, 0.5),
            row("all", 2, 0.92, 0.7),
            row("none", 1, 0.8, -0.1),
            row("none", 2, 0.84, 0.1),
        ];
        // Deviations: 1.414 points and 2.828; differences −10 and −8, so that 12.706 · 1.414 / √2 = 12.7.
        let expected = "\
strategy  rounds  test acc %  test loss  client acc %  full barrier  layer barrier  at        up  down  Δ test acc
all            0    91.0±1.4          -             -   0.600±0.141              -  fc1  68.9 kB   0 B           -
none           0    82.0±2.8          -             -  !0.000±0.141              -  fc1  68.9 kB   0 B   -9.0±12.7

mean ± standard deviation over 2 seeds. Barriers: test loss, `mean` baseline, α = ½, last measured round;
layer barrier: the largest of the single layers, and the layer that most seeds have it at.
Δ test acc: percentage points against `all`, paired by seed, ± half of the 95 % interval.
! the unmixed models' losses differ by more than this barrier: see the other baselines in `barriers.jsonl`.
";
        assert_eq!(table(&compare(&rows)), expected);
    }
}
