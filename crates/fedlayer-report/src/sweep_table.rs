//! [`sweep_table`]: the variants of a scenario side by side; [`sweep_csv`]: the same seed by seed, for other programs.

use fedlayer_core::{ComparedStrategy, QUANTITIES, SummaryRow, compare, slug, spec::SweptValue};

use crate::{
    comparison::{cells, explanation, flag, rounds, titles},
    grid::{ColumnAlign, text_table},
    quantity::NOTHING,
    refusals::{self, mark},
    sheet::quoted,
};

/// The measures of the table, before and after the layer that has the largest barrier.
const BEFORE: [&str; 3] = ["test_accuracy", "full_barrier", "max_layer_barrier"];
const AFTER: [&str; 2] = ["bytes_up", "bytes_down"];

/// One row per variant and strategy: the swept keys, each with its value (`-` where the variant leaves it as the scenario has it), then means ± sample standard
/// deviations over the seeds.
pub fn sweep_table(rows: &[SummaryRow]) -> String {
    let keys = keys(rows);
    // Strategies are compared within a variant.
    let compared: Vec<(&SummaryRow, Vec<ComparedStrategy>)> = rows
        .chunk_by(|a, b| a.variant == b.variant)
        .filter_map(|rows| Some((rows.first()?, compare(rows))))
        .collect();
    let line = |(first, strategy): (&SummaryRow, &ComparedStrategy)| {
        let mut line: Vec<String> =
            keys.iter().map(|key| value(first, key).unwrap_or(NOTHING).to_owned()).collect();
        line.extend([strategy.strategy.clone(), rounds(strategy.rounds) + mark(strategy)]);
        line.extend(cells(strategy, &BEFORE));
        line.push(strategy.max_layers.first().map_or(NOTHING.to_owned(), Clone::clone));
        line.extend(cells(strategy, &AFTER));
        line
    };
    let all = compared.iter().flat_map(|(first, all)| all.iter().map(move |one| (*first, one)));
    let lines: Vec<Vec<String>> = all.map(line).collect();
    let mut heading: Vec<(&str, ColumnAlign)> =
        keys.iter().map(|key| (&*key.name, align(rows, key))).collect();
    heading.extend([("strategy", ColumnAlign::Left), ("rounds", ColumnAlign::Right)]);
    heading.extend(titles(&BEFORE).into_iter().map(|title| (title, ColumnAlign::Right)));
    heading.push(("at", ColumnAlign::Left));
    heading.extend(titles(&AFTER).into_iter().map(|title| (title, ColumnAlign::Right)));
    let strategies: Vec<&ComparedStrategy> = compared.iter().flat_map(|(_, all)| all).collect();
    let swept: Vec<String> = keys
        .iter()
        .filter(|key| key.name != key.key)
        .map(|key| format!("{} is `{}`", key.name, key.key))
        .collect();
    let swept = if swept.is_empty() { String::new() } else { swept.join(", ") + ".\n" };
    text_table(&heading, &lines)
        + &explanation(&strategies)
        + &swept
        + flag(&strategies)
        + &refusals::lines(&strategies)
}

/// Every row as comma-separated values: the swept keys under their whole paths, empty where the variant leaves them as the scenario has them; strategy and seed;
/// all measures of the summary, empty where there is none; the layer of the largest barrier; the folder of the records.
pub fn sweep_csv(rows: &[SummaryRow]) -> String {
    let keys = keys(rows);
    let mut heading: Vec<String> = keys.iter().map(|key| key.key.clone()).collect();
    heading.extend(["strategy", "seed", "committed_rounds"].map(str::to_owned));
    heading.extend(QUANTITIES.iter().map(|measure| measure.name.to_owned()));
    heading.extend(["max_layer", "folder"].map(str::to_owned));
    let line = |row: &SummaryRow| {
        let mut line: Vec<String> =
            keys.iter().map(|key| value(row, key).unwrap_or_default().to_owned()).collect();
        line.extend([row.strategy.clone(), row.seed.to_string(), row.rounds.to_string()]);
        let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        line.extend(QUANTITIES.iter().map(|measure| number((measure.of)(row))));
        line.push(row.max_layer.as_ref().map_or(String::new(), ToString::to_string));
        let variant = row.variant.as_ref().map_or("", |variant| &variant.folder);
        line.push(format!("{variant}/{}/seed-{}", slug(&row.strategy), row.seed));
        line
    };
    std::iter::once(heading).chain(rows.iter().map(line)).map(|cells| csv_line(&cells)).collect()
}

fn csv_line(cells: &[String]) -> String {
    cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n"
}

/// The swept keys, in the order in which variants first set them.
fn keys(rows: &[SummaryRow]) -> Vec<&SweptValue> {
    let mut keys: Vec<&SweptValue> = Vec::new();
    let settings = rows.iter().filter_map(|row| row.variant.as_ref());
    for setting in settings.flat_map(|variant| &variant.settings) {
        if keys.iter().all(|known| known.key != setting.key) {
            keys.push(setting);
        }
    }
    keys
}

fn value<'r>(row: &'r SummaryRow, key: &SweptValue) -> Option<&'r str> {
    row.variant.as_ref()?.value(&key.key)
}

/// Numbers stand right, words left.
fn align(rows: &[SummaryRow], key: &SweptValue) -> ColumnAlign {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    match rows.iter().filter_map(|row| value(row, key)).all(is_number) {
        true => ColumnAlign::Right,
        false => ColumnAlign::Left,
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{LayerName, spec::Variant};

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

±: sample standard deviation over 2 seeds. Barriers: test loss, `mean` baseline, α = ½, last measured round;
layer barrier: the largest of the single layers, and the layer that most seeds have it at.
lr is `local.optimizer.sgd.lr`, partition is `data.partition`.
"#;
        assert_eq!(sweep_table(&rows()), expected);
    }

    #[test]
    fn a_sheet_has_a_line_per_seed_and_every_measure() {
        let sheet = sweep_csv(&rows());
        let lines: Vec<&str> = sheet.lines().collect();
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
