//! [`sweep_table`]: the variants of a sweep side by side.

use fedlayer_core::{
    compare::{ComparedStrategy, compare},
    record::SummaryRow,
    spec::SweptValue,
};

use super::{
    comparison::{cells, titles},
    comparison_cells::{has_best, rounds},
    comparison_notes::{best_round, explanation, flag},
    refused_clients::{self, mark},
    text_table::{ColumnAlign, text_table},
};
use crate::{
    quantity::NOTHING,
    swept_keys::{swept_keys, swept_value},
};

/// The measures to the left of the layer with the largest barrier.
const LEFT_OF_LAYER: [&str; 3] = ["test_accuracy", "full_barrier", "max_layer_barrier"];

/// The measures to its right.
const RIGHT_OF_LAYER: [&str; 2] = ["bytes_up", "bytes_down"];

/// The measures of the best round by validation, if some variant has one.
const OF_BEST_ROUND: [&str; 3] = ["best_round", "best_value", "best_test_accuracy"];

/// Returns a table with one row per variant and strategy: the swept keys (`-` if the variant does
/// not set the key), then means ± sample standard deviations over the seeds.
pub fn sweep_table(rows: &[SummaryRow]) -> String {
    let keys = swept_keys(rows);
    // Strategies are compared within a variant.
    let compared: Vec<(&SummaryRow, Vec<ComparedStrategy>)> = rows
        .chunk_by(|a, b| a.variant == b.variant)
        .filter_map(|rows| Some((rows.first()?, compare(rows))))
        .collect();
    let all = compared.iter().flat_map(|(first, all)| all.iter().map(move |one| (*first, one)));
    let strategies: Vec<&ComparedStrategy> = compared.iter().flat_map(|(_, all)| all).collect();
    let has_best = strategies.iter().any(|strategy| has_best(strategy));
    let of_best: &[&str] = if has_best { &OF_BEST_ROUND } else { &[] };
    let lines: Vec<Vec<String>> =
        all.map(|(first, one)| line(first, one, &keys, of_best)).collect();
    let heading = heading(rows, &keys, of_best);
    let heading: Vec<(&str, ColumnAlign)> =
        heading.iter().map(|(title, align)| (title.as_str(), *align)).collect();
    text_table(&heading, &lines)
        + &explanation(&strategies)
        + &best_round(&strategies)
        + &full_keys(&keys)
        + &flag(&strategies)
        + &refused_clients::lines(&strategies)
}

fn heading(
    rows: &[SummaryRow],
    keys: &[&SweptValue],
    of_best: &[&str],
) -> Vec<(String, ColumnAlign)> {
    let left = |title: &str| (title.to_owned(), ColumnAlign::Left);
    let right = |title: String| (title, ColumnAlign::Right);
    let mut heading: Vec<(String, ColumnAlign)> =
        keys.iter().map(|key| (key.name.clone(), align(rows, key))).collect();
    heading.extend([left("strategy"), right("rounds".to_owned())]);
    heading.extend(titles(&LEFT_OF_LAYER).into_iter().map(right));
    heading.push(left("at"));
    heading.extend(titles(&RIGHT_OF_LAYER).into_iter().map(right));
    heading.extend(titles(of_best).into_iter().map(right));
    heading
}

/// Returns the cells of a strategy in the variant of `row`.
fn line(
    row: &SummaryRow,
    strategy: &ComparedStrategy,
    keys: &[&SweptValue],
    of_best: &[&str],
) -> Vec<String> {
    let mut line: Vec<String> =
        keys.iter().map(|key| swept_value(row, key).unwrap_or(NOTHING).to_owned()).collect();
    line.extend([strategy.strategy.clone(), rounds(strategy.rounds) + mark(strategy)]);
    line.extend(cells(strategy, &LEFT_OF_LAYER));
    line.push(strategy.max_layers.first().map_or(NOTHING.to_owned(), Clone::clone));
    line.extend(cells(strategy, &RIGHT_OF_LAYER));
    line.extend(cells(strategy, of_best));
    line
}

/// Returns a line with the full path of every key that a column shortens; empty if there is none.
fn full_keys(keys: &[&SweptValue]) -> String {
    let shortened: Vec<String> = keys
        .iter()
        .filter(|key| key.name != key.key)
        .map(|key| format!("{} is `{}`", key.name, key.key))
        .collect();
    if shortened.is_empty() { String::new() } else { shortened.join(", ") + ".\n" }
}

/// Aligns a column of numbers to the right and a column of words to the left.
fn align(rows: &[SummaryRow], key: &SweptValue) -> ColumnAlign {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    match rows.iter().filter_map(|row| swept_value(row, key)).all(is_number) {
        true => ColumnAlign::Right,
        false => ColumnAlign::Left,
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{model::LayerName, spec::Variant};

    use super::*;

    fn row(settings: &[(&str, &str, &str)], strategy: &str, seed: u64, barrier: f64) -> SummaryRow {
        let setting = |&(key, name, value): &(&str, &str, &str)| SweptValue {
            key: key.to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let settings: Vec<SweptValue> = settings.iter().map(setting).collect();
        let folder = format!("{}-{}", settings[0].name, settings[0].value);
        let mut row = SummaryRow::new(strategy, seed, &[]);
        row.variant = Some(Variant { folder, settings });
        row.test_accuracy = Some(0.5);
        row.full_barrier = Some(barrier);
        row.max_layer_barrier = Some(barrier / 2.0);
        row.max_layer = Some(LayerName::new("fc1"));
        row.bytes_up = 1000;
        row
    }

    fn rows() -> Vec<SummaryRow> {
        let lr = |value| [("local.optimizer.sgd.lr", "lr", value)];
        let both = [
            ("local.optimizer.sgd.lr", "lr", "0.1"),
            ("data.partition", "partition", "{ dirichlet = 0.3, x = \"y\" }"),
        ];
        vec![
            row(&lr("0.01"), "all", 1, 0.1),
            row(&lr("0.01"), "all", 2, 0.3),
            row(&lr("0.01"), "none", 1, 0.2),
            row(&lr("0.01"), "none", 2, 0.2),
            row(&both, "all", 1, 0.5),
            row(&both, "all", 2, 0.5),
        ]
    }

    #[test]
    fn a_line_per_variant_and_strategy_with_the_swept_keys_first() {
        let expected = r#"  lr  partition                     strategy  rounds  test acc %  full barrier  layer barrier  at       up  down
0.01  -                             all            0    50.0±0.0   0.200±0.141    0.100±0.071  fc1  1.0 kB   0 B
0.01  -                             none           0    50.0±0.0   0.200±0.000    0.100±0.000  fc1  1.0 kB   0 B
 0.1  { dirichlet = 0.3, x = "y" }  all            0    50.0±0.0   0.500±0.000    0.250±0.000  fc1  1.0 kB   0 B

±: sample standard deviation over 2 seeds.
Barriers: test loss, `mean` baseline, α = ½, last measured round; layer barrier: the
largest barrier of a single layer; at: the layer that has it with most seeds.
lr is `local.optimizer.sgd.lr`, partition is `data.partition`.
"#;
        assert_eq!(sweep_table(&rows()), expected);
    }

    #[test]
    fn the_csv_has_a_line_per_seed_and_every_measure() {
        let csv = crate::sweep_csv(&rows());
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(
            lines[0],
            "local.optimizer.sgd.lr,data.partition,strategy,seed,committed_rounds,test_accuracy,test_loss,client_accuracy_mean,client_accuracy_std,full_barrier,max_layer_barrier,end_loss_spread,bytes_up,bytes_down,max_layer,folder"
        );
        assert_eq!(lines[2], "0.01,,all,2,0,0.5,,,,0.3,0.15,,1000,0,fc1,lr-0.01/all/seed-2");
        assert_eq!(
            lines[5],
            "0.1,\"{ dirichlet = 0.3, x = \"\"y\"\" }\",all,1,0,0.5,,,,0.5,0.25,,1000,0,fc1,lr-0.1/all/seed-1"
        );
    }
}
