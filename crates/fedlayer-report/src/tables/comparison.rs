//! [`comparison_table`]: strategies side by side.

use fedlayer_core::{
    compare::{ComparedStrategy, Difference, Pairing, QUANTITIES, Spread},
    text::in_backticks,
};

use super::{
    refused_clients::{self, mark},
    text_table::{ColumnAlign, text_table},
};
use crate::{
    misleading_barrier::{WARNING, is_misleading},
    quantity::{NOTHING, bytes, spread},
};

/// A column of the table: a measure of the comparison, and the format of its cells.
struct Column {
    title: &'static str,
    measure: &'static str,
    format: CellFormat,
}

/// The format of a cell.
enum CellFormat {
    /// A fraction, shown in percent.
    Percent,
    /// A loss or a barrier.
    Loss,
    /// Bytes; only the mean is shown.
    Bytes,
    /// The number of a round.
    Round,
}

const COLUMNS: [Column; 7] = [
    Column { title: "test acc %", measure: "test_accuracy", format: CellFormat::Percent },
    Column { title: "test loss", measure: "test_loss", format: CellFormat::Loss },
    Column { title: "client acc %", measure: "client_accuracy_mean", format: CellFormat::Percent },
    Column { title: "full barrier", measure: "full_barrier", format: CellFormat::Loss },
    Column { title: "layer barrier", measure: "max_layer_barrier", format: CellFormat::Loss },
    Column { title: "up", measure: "bytes_up", format: CellFormat::Bytes },
    Column { title: "down", measure: "bytes_down", format: CellFormat::Bytes },
];

/// The columns of the best round by validation, which are shown only if some strategy has one.
const BEST_COLUMNS: [Column; 4] = [
    Column { title: "best at", measure: "best_round", format: CellFormat::Round },
    Column { title: "validation", measure: "best_value", format: CellFormat::Loss },
    Column { title: "best acc %", measure: "best_test_accuracy", format: CellFormat::Percent },
    Column { title: "best loss", measure: "best_test_loss", format: CellFormat::Loss },
];

/// The columns of differences from the first strategy: title and measure.
const DIFFERENCES: [(&str, &str); 2] =
    [("Δ test acc", "test_accuracy"), ("Δ client acc", "client_accuracy_mean")];

/// The mark of a difference that is not paired by seed.
const UNPAIRED: &str = "~";

/// The barriers that are compared with the spread of the unmixed models' losses.
const FLAGGED: [&str; 2] = ["full_barrier", "max_layer_barrier"];

/// Returns a table of strategies: means ± sample standard deviations over the seeds, and
/// differences of the accuracies from the first strategy, each with its 95 % confidence interval in
/// brackets.
///
/// Barriers are those of the test loss with the baseline `mean` at α = ½.
pub fn comparison_table(strategies: &[ComparedStrategy]) -> String {
    let mut heading = vec![("strategy", ColumnAlign::Left)];
    heading.extend(COLUMNS.iter().map(|column| (column.title, ColumnAlign::Right)));
    heading.insert(6, ("at", ColumnAlign::Left));
    heading.insert(1, ("rounds", ColumnAlign::Right));
    let has_best = strategies.iter().any(has_best);
    let best: &[Column] = if has_best { &BEST_COLUMNS } else { &[] };
    heading.extend(best.iter().map(|column| (column.title, ColumnAlign::Right)));
    heading.extend(DIFFERENCES.map(|(title, _)| (title, ColumnAlign::Right)));
    let rows: Vec<Vec<String>> = strategies.iter().map(|strategy| row(strategy, best)).collect();
    text_table(&heading, &rows) + &foot(strategies)
}

/// Returns the titles of the columns of these measures.
pub(crate) fn titles(measures: &[&str]) -> Vec<&'static str> {
    measures.iter().filter_map(|measure| column(measure)).map(|column| column.title).collect()
}

/// Returns the column of a measure.
fn column(measure: &str) -> Option<&'static Column> {
    COLUMNS.iter().chain(&BEST_COLUMNS).find(|column| column.measure == measure)
}

/// Returns the cells of these measures; a misleading barrier is flagged.
pub(crate) fn cells(strategy: &ComparedStrategy, measures: &[&str]) -> Vec<String> {
    measures.iter().filter_map(|measure| column(measure)).map(|c| cell(strategy, c)).collect()
}

fn cell(strategy: &ComparedStrategy, column: &Column) -> String {
    let spread = of(&strategy.spreads, column.measure);
    let cell = spread.map_or(NOTHING.to_owned(), |spread| show(&column.format, spread));
    let flag = if is_flagged(column, strategy) { "!" } else { "" };
    flag.to_owned() + &cell
}

fn row(strategy: &ComparedStrategy, best: &[Column]) -> Vec<String> {
    let mut cells = vec![strategy.strategy.clone()];
    cells.extend(COLUMNS.iter().map(|column| cell(strategy, column)));
    let layers = strategy.max_layers.first().map_or(NOTHING.to_owned(), Clone::clone);
    cells.insert(6, layers);
    cells.insert(1, rounds(strategy.rounds) + mark(strategy));
    cells.extend(best.iter().map(|column| cell(strategy, column)));
    cells.extend(DIFFERENCES.map(|(_, measure)| {
        let difference = of(&strategy.differences, measure);
        difference.map_or(NOTHING.to_owned(), |difference| {
            let mark = if strategy.pairing == Pairing::Independent { UNPAIRED } else { "" };
            mark.to_owned() + &show_difference(difference)
        })
    }));
    cells
}

/// Returns whether a strategy has a best round by validation.
pub(crate) fn has_best(strategy: &ComparedStrategy) -> bool {
    !strategy.best_by.is_empty()
}

/// Returns the number of rounds: `20`, or `3-20` if the run of a seed failed after round 3.
pub(crate) fn rounds((fewest, most): (u32, u32)) -> String {
    if fewest == most { most.to_string() } else { format!("{fewest}-{most}") }
}

/// Returns whether a column is a misleading barrier.
fn is_flagged(column: &Column, strategy: &ComparedStrategy) -> bool {
    let mean = |measure| of(&strategy.spreads, measure).map(|spread| spread.mean);
    FLAGGED.contains(&column.measure)
        && is_misleading(mean(column.measure), mean("end_loss_spread"))
}

/// Returns the value of the measure with this name.
fn of<T: Copy>(values: &[Option<T>], measure: &str) -> Option<T> {
    let index = QUANTITIES.iter().position(|known| known.name == measure)?;
    *values.get(index)?
}

fn show(format: &CellFormat, Spread { mean, deviation }: Spread) -> String {
    match format {
        CellFormat::Percent => spread(100.0 * mean, deviation.map(|d| 100.0 * d), 1),
        CellFormat::Loss => spread(mean, deviation, 3),
        CellFormat::Bytes => bytes(mean),
        CellFormat::Round => spread(mean, deviation, if deviation.is_some() { 1 } else { 0 }),
    }
}

/// Returns percentage points with their interval, `-39.0 [-42.1, -35.9]`, or `-39.0` without one.
fn show_difference(difference: Difference) -> String {
    let Difference { mean, half_width } = difference;
    let interval = half_width.map_or(String::new(), |half| {
        format!(" [{:+.1}, {:+.1}]", 100.0 * (mean - half), 100.0 * (mean + half))
    });
    format!("{:+.1}{interval}", 100.0 * mean)
}

/// Returns the lines below the table.
fn foot(strategies: &[ComparedStrategy]) -> String {
    let Some(first) = strategies.first() else { return "no strategy is finished\n".to_owned() };
    let all: Vec<&ComparedStrategy> = strategies.iter().collect();
    let unequal: Vec<String> =
        strategies.iter().filter_map(|strategy| unequal_rounds(strategy, first)).collect();
    explanation(&all)
        + &left_out(&all)
        + &best_round(&all)
        + &differences(strategies, first)
        + &unequal.concat()
        + &flag(&all)
        + &refused_clients::lines(&all)
}

/// Explains the columns of differences; empty if they have no values.
fn differences(strategies: &[ComparedStrategy], first: &ComparedStrategy) -> String {
    let has = |meant: fn(Pairing) -> bool| {
        strategies.iter().any(|strategy| {
            meant(strategy.pairing)
                && DIFFERENCES
                    .iter()
                    .any(|(_, measure)| of(&strategy.differences, measure).is_some())
        })
    };
    let reference = &first.strategy;
    let mut lines = String::new();
    if has(|pairing| pairing != Pairing::Independent) {
        lines += &format!(
            "Δ: percentage points against `{reference}`, paired by seed: \
             mean difference [its 95 % interval by Student's t].\n"
        );
    }
    if has(|pairing| pairing == Pairing::Independent) {
        lines += &format!(
            "{UNPAIRED}: percentage points against `{reference}`, not paired: \
             difference of independent means [its 95 % interval by Welch].\n"
        );
    }
    lines
}

/// Names the seeds that are not paired because one of the two runs ended early.
fn unequal_rounds(strategy: &ComparedStrategy, first: &ComparedStrategy) -> Option<String> {
    let seeds: Vec<String> = strategy.unequal_rounds.iter().map(u64::to_string).collect();
    (strategy.pairing == Pairing::Paired && !seeds.is_empty()).then(|| {
        format!(
            "Δ of `{}` leaves out seed {}: there it committed another number of rounds than `{}`.\n",
            strategy.strategy,
            seeds.join(", "),
            first.strategy
        )
    })
}

/// Says how many clients are not in `client acc`; empty if all are.
fn left_out(strategies: &[&ComparedStrategy]) -> String {
    let has = |measure| strategies.iter().any(|strategy| of(&strategy.spreads, measure).is_some());
    let are_left_out = strategies.iter().all(|strategy| strategy.clients_without_test > 0);
    if are_left_out && has("test_accuracy") && !has("client_accuracy_mean") {
        return "client acc: no client has test data of its own (`data.client_test_share`).\n"
            .to_owned();
    }
    match strategies.iter().map(|strategy| strategy.clients_without_test).max() {
        None | Some(0) => String::new(),
        Some(1) => "client acc: 1 client has no test data of its own and is left out.\n".to_owned(),
        Some(clients) => {
            format!(
                "client acc: {clients} clients have no test data of their own and are left out.\n"
            )
        }
    }
}

/// Says by which values the best rounds were chosen; empty if no strategy has one.
pub(crate) fn best_round(strategies: &[&ComparedStrategy]) -> String {
    let mut words: Vec<&str> =
        strategies.iter().flat_map(|strategy| &strategy.best_by).map(|by| by.word()).collect();
    words.sort_unstable();
    words.dedup();
    match words.is_empty() {
        true => String::new(),
        false => format!(
            "best: the round with the best {}, on data that no client trains on and no test uses; \
             validation: its value there; its model is `checkpoints/best.safetensors`.\n",
            in_backticks(words)
        ),
    }
}

/// Explains the numbers of a table.
pub(crate) fn explanation(strategies: &[&ComparedStrategy]) -> String {
    let seeds = || strategies.iter().map(|strategy| strategy.seeds);
    let (fewest, most) = (seeds().min().unwrap_or(1), seeds().max().unwrap_or(1));
    let seeds = match (fewest, most) {
        (_, 1) => "1 seed: neither deviations nor intervals".to_owned(),
        _ if fewest == most => format!("±: sample standard deviation over {most} seeds"),
        _ => format!("±: sample standard deviation over {fewest} to {most} seeds"),
    };
    format!(
        "\n{seeds}. Barriers: test loss, `mean` baseline, α = ½, last measured round;\n\
         layer barrier: the largest barrier of a single layer; at: the layer that has it with most seeds.\n"
    )
}

/// Explains the `!` of misleading barriers; empty if there is none.
pub(crate) fn flag(strategies: &[&ComparedStrategy]) -> String {
    let has_flag =
        |strategy: &&ComparedStrategy| COLUMNS.iter().any(|column| is_flagged(column, strategy));
    match strategies.iter().any(has_flag) {
        true => format!("{WARNING} in `barriers.jsonl`.\n"),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        compare::{Candidate, compare, compare_candidates},
        model::LayerName,
        record::{BestRow, SummaryRow},
        spec::SelectBy,
    };

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
        // Deviations: 1.414 and 2.828 points. Differences: −10 and −8, with the interval
        // −9 ± 12.706 · 1.414 / √2 = −9 ± 12.7.
        let expected = "\
strategy  rounds  test acc %  test loss  client acc %  full barrier  layer barrier  at        up  down          Δ test acc  Δ client acc
all            0    91.0±1.4          -             -   0.600±0.141              -  fc1  68.9 kB   0 B                   -             -
none           0    82.0±2.8          -             -  !0.000±0.141              -  fc1  68.9 kB   0 B  -9.0 [-21.7, +3.7]             -

±: sample standard deviation over 2 seeds. Barriers: test loss, `mean` baseline, α = ½, last measured round;
layer barrier: the largest barrier of a single layer; at: the layer that has it with most seeds.
Δ: percentage points against `all`, paired by seed: mean difference [its 95 % interval by Student's t].
! the unmixed models' losses differ by more than this barrier: see the other baselines in `barriers.jsonl`.
";
        assert_eq!(comparison_table(&compare(&rows)), expected);
    }

    #[test]
    fn the_best_round_is_beside_the_last_and_its_choice_is_said() {
        let mut rows = [row("all", 1, 0.9, 0.5), row("all", 2, 0.92, 0.7)];
        for (row, round) in rows.iter_mut().zip([7, 9]) {
            row.best = Some(BestRow {
                round,
                by: SelectBy::ValidationLoss,
                value: 0.25,
                stopped_early: true,
                test_accuracy: Some(0.95),
                test_loss: Some(0.125),
                client_accuracy_mean: None,
                bytes_up: 1,
                bytes_down: 1,
            });
        }
        let table = comparison_table(&compare(&rows));
        let words = |line: usize| -> Vec<&str> {
            table.lines().nth(line).unwrap().split("  ").filter(|word| !word.is_empty()).collect()
        };
        let title = words(0).iter().position(|title| title.trim() == "best at").unwrap();
        let titles = ["best at", "validation", "best acc %", "best loss"];
        assert_eq!(words(0)[title..title + 4].iter().map(|t| t.trim()).collect::<Vec<_>>(), titles);
        let cells = ["8.0±1.4", "0.250±0.000", "95.0±0.0", "0.125±0.000"];
        assert_eq!(words(1)[title..title + 4].iter().map(|t| t.trim()).collect::<Vec<_>>(), cells);
        assert!(table.contains("best: the round with the best `validation-loss`"), "{table}");
    }

    #[test]
    fn a_row_has_one_meaning_of_plus_or_minus() {
        let mut rows = [
            row("all", 1, 0.9, 0.5),
            row("all", 2, 0.92, 0.7),
            row("none", 1, 0.8, 0.1),
            row("none", 2, 0.84, 0.1),
        ];
        for (row, accuracy) in rows.iter_mut().zip([0.5, 0.6, 0.7, 0.9]) {
            row.client_accuracy_mean = Some(accuracy);
        }
        let table = comparison_table(&compare(&rows));
        let none = table.lines().nth(2).unwrap();
        assert_eq!(none.matches('±').count(), 3, "{none}");
        // Differences 20 and 30 points: 25 ± 12.706 · 7.071 / √2 = 25 ± 63.5.
        assert!(none.ends_with("-9.0 [-21.7, +3.7]  +25.0 [-38.5, +88.5]"), "{none}");
    }

    #[test]
    fn what_a_difference_leaves_out_is_said() {
        let mut rows = [
            row("all", 1, 0.9, 0.5),
            row("all", 2, 0.92, 0.7),
            row("none", 1, 0.8, 0.1),
            row("none", 2, 0.84, 0.1),
        ];
        rows[3].rounds = 4;
        rows[2].clients_without_test = 2;
        let table = comparison_table(&compare(&rows));
        assert!(table.contains("Δ of `none` leaves out seed 2: "), "{table}");
        assert!(table.contains("client acc: 2 clients have no test data of their own"), "{table}");
        assert!(table.lines().nth(2).unwrap().ends_with("  -10.0             -"), "{table}");
    }

    #[test]
    fn a_difference_that_is_not_paired_is_marked() {
        let rows = [
            row("all", 1, 0.9, 0.5),
            row("all", 2, 0.92, 0.7),
            row("all", 1, 0.5, 0.5),
            row("all", 2, 0.6, 0.7),
        ];
        let run = |pairing| {
            let (digits, cifar) = rows.split_at(2);
            let candidate = |name: &str, rows, pairing| {
                let rows = Vec::from_iter(rows);
                Candidate { name: name.to_owned(), rows, pairing }
            };
            let candidates = [
                candidate("digits: all", digits, Pairing::Paired),
                candidate("cifar: all", cifar, pairing),
            ];
            comparison_table(&compare_candidates(&candidates))
        };
        let unpaired = run(Pairing::Independent);
        assert!(unpaired.lines().nth(2).unwrap().contains("  ~-36.0 ["), "{unpaired}");
        assert!(unpaired.contains("not paired"), "{unpaired}");
        assert!(!unpaired.contains("paired by seed"), "{unpaired}");
        let nothing = run(Pairing::Nothing);
        assert!(!nothing.contains("paired"), "{nothing}");
    }
}
