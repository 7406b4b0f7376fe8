//! What a comparison shows, and what it says below.

use fedlayer_core::{
    compare::{
        Absence, Candidate, ComparedEvaluation, ComparedRound, Pairing, ReadAt, Reading, compare,
        compare_candidates,
    },
    model::LayerName,
    record::{BestRow, SummaryRow},
    spec::SelectBy,
};

use super::*;
use crate::tables::{SortBy, SortDirection, TableColumn};

fn row(strategy: &str, seed: u64, accuracy: f64, barrier: f64) -> SummaryRow {
    let mut row = SummaryRow::new(strategy, seed, &[]);
    row.test_accuracy = Some(accuracy);
    row.full_barrier = Some(barrier);
    row.max_layer = Some(LayerName::new("fc1"));
    row.end_loss_spread = Some(0.2);
    row.bytes_up = 68_904;
    row
}

fn table(rows: &[SummaryRow]) -> String {
    comparison_table(&compare(rows), &ComparisonView::default())
}

/// Returns a view with these columns.
fn view(columns: &[&str]) -> ComparisonView {
    let columns = columns.iter().map(|name| TableColumn::named(name).unwrap()).collect();
    ComparisonView { columns: Some(columns), ..Default::default() }
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
strategy  rounds  test acc %         Δ test acc  client acc %  Δ client acc  test loss  full barrier
all            0    91.0±1.4                  -             -             -          -   0.600±0.141
none           0    82.0±2.8  tie [-21.7, +3.7]             -             -          -  !0.000±0.141

strategy  layer barrier  at        up  down
all                   -  fc1  68.9 kB   0 B
none                  -  fc1  68.9 kB   0 B

±: sample standard deviation over 2 seeds.
Barriers: test loss, `mean` baseline, α = ½, last measured round; layer barrier: the
largest barrier of a single layer; at: the layer that has it with most seeds.
Δ: difference from `all`, accuracies in percentage points, paired by seed:
mean [its 95 % interval by Student's t].
tie: no difference at the 5 % level.
! the unmixed models' losses differ by more than this barrier: see the other baselines
in `barriers.jsonl`.
";
    assert_eq!(table(&rows), expected);
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
    let table = table(&rows);
    let none = table.lines().nth(2).unwrap();
    assert_eq!(none.matches('±').count(), 2, "{none}");
    // Differences 20 and 30 points: 25 ± 12.706 · 7.071 / √2 = 25 ± 63.5.
    assert!(none.contains("  tie [-21.7, +3.7]     80.0±14.1  tie [-38.5, +88.5]"), "{none}");
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
    let table = table(&rows);
    assert!(table.contains("Δ of `none` leaves out seed 2: "), "{table}");
    assert!(table.contains("client acc: 2 clients have no test data of their own"), "{table}");
    assert!(table.lines().nth(2).unwrap().contains("  82.0±2.8       -10.0  "), "{table}");
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
        let candidate = |name: &str, rows: &[SummaryRow], pairing| {
            let readings = rows.iter().map(Reading::from).collect();
            Candidate { name: name.to_owned(), readings, pairing }
        };
        let candidates = [
            candidate("digits: all", digits, Pairing::Paired),
            candidate("cifar: all", cifar, pairing),
        ];
        comparison_table(&compare_candidates(&candidates, 0), &ComparisonView::default())
    };
    let unpaired = run(Pairing::Independent);
    assert!(unpaired.lines().nth(2).unwrap().contains("  ~tie [-90.5, +18.5]"), "{unpaired}");
    assert!(unpaired.contains("not paired"), "{unpaired}");
    assert!(!unpaired.contains("paired by seed"), "{unpaired}");
    let nothing = run(Pairing::Nothing);
    assert!(!nothing.contains("paired"), "{nothing}");
}

fn three() -> Vec<SummaryRow> {
    vec![
        row("all", 1, 0.5, 0.1),
        row("all", 2, 0.6, 0.1),
        row("b", 1, 0.9, 0.3),
        row("b", 2, 1.0, 0.3),
        row("a", 1, 0.7, 0.2),
        row("a", 2, 0.6, 0.2),
    ]
}

#[test]
fn columns_and_their_order_are_chosen() {
    let names = ["test_accuracy", "delta_test_accuracy", "p_test_accuracy", "seeds"];
    let text = comparison_table(&compare(&three()), &view(&names));
    // b: 40 points twice. a: 20 and 0 points, t = 1 with one degree of freedom, p = 0.5.
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "strategy  test acc %            Δ test acc  p test acc  seeds");
    assert!(lines[1].ends_with("-           -      2"), "{text}");
    assert!(lines[2].ends_with("+40.0 [+40.0, +40.0]     <0.0001      2"), "{text}");
    assert!(lines[3].ends_with("tie [-117.1, +137.1]      0.5000      2"), "{text}");
    assert!(text.contains("after Holm's correction for the 2 comparisons of a"), "{text}");
    assert!(!text.contains("Barriers"), "{text}");
}

#[test]
fn rows_are_sorted_with_the_best_first_and_absent_values_last() {
    let mut rows = three();
    rows.extend([row("none", 1, 0.1, 0.0), row("none", 2, f64::NAN, 0.0)]);
    let order = |column: Option<&str>, direction| {
        let column = column.map(|name| TableColumn::named(name).unwrap());
        let sort = Some(SortBy { column, direction });
        let view = ComparisonView { sort, ..view(&["test_accuracy"]) };
        let text = comparison_table(&compare(&rows), &view);
        let names = text.lines().skip(1).take(4);
        names.map(|line| line.split_once(' ').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(Some("test_accuracy"), None), ["b", "a", "all", "none"]);
    let ascending = Some(SortDirection::Ascending);
    assert_eq!(order(Some("test_accuracy"), ascending), ["all", "a", "b", "none"]);
    assert_eq!(order(Some("full_barrier"), None), ["none", "all", "a", "b"]);
    let descending = Some(SortDirection::Descending);
    assert_eq!(order(Some("full_barrier"), descending), ["b", "a", "all", "none"]);
    assert_eq!(order(Some("seeds"), None), ["all", "b", "a", "none"], "equal ones stay");
    assert_eq!(order(None, None), ["a", "all", "b", "none"]);
}

#[test]
fn a_value_that_needs_something_says_what() {
    let columns = ["fairness", "macro_f1", "rounds_to_target", "worst_decile", "incentive"];
    let text = comparison_table(&compare(&three()[..2]), &view(&columns));
    let row: Vec<&str> =
        text.lines().nth(1).unwrap().split("  ").filter(|cell| !cell.is_empty()).collect();
    let needs = ["needs clients.jsonl", "needs rounds.jsonl", "needs --target"];
    assert_eq!(row.iter().map(|cell| cell.trim()).collect::<Vec<_>>()[1..4], needs, "{text}");
    assert!(text.contains("fairness pp²: the variance over the clients"), "{text}");
}

#[test]
fn a_seed_that_did_not_reach_the_target_leaves_the_mean_open() {
    let round = |round, accuracy| ComparedRound {
        round,
        evaluation: Some(ComparedEvaluation {
            test_accuracy: Some(accuracy),
            ..Default::default()
        }),
        barriers: None,
        bytes_up: 500,
        bytes_down: 500,
    };
    let reading = |row: &SummaryRow, last| {
        let rounds = [round(1, 0.1), round(2, last)];
        let mut reading = Reading::at(row, &rounds, ReadAt::Last);
        reading.seek_target(&rounds, 0.5);
        reading
    };
    let rows = three();
    let readings = vec![reading(&rows[0], 0.5), reading(&rows[1], 0.4)];
    assert_eq!(readings[1].more.bytes_to_target, Err(Absence::NotReached));
    let name = "all".to_owned();
    let candidate = Candidate { name, readings, pairing: Pairing::Paired };
    let columns = ["rounds_to_target", "bytes_to_target", "at_round"];
    let view = ComparisonView { target: Some(0.5), ..view(&columns) };
    let text = comparison_table(&compare_candidates(&[candidate], 0), &view);
    let row = text.lines().nth(1).unwrap();
    assert!(row.contains("not reached (1 of 2 seeds)"), "{text}");
    assert!(row.ends_with("  2"), "{text}");
    assert!(text.contains("the target's test accuracy (50 %)"), "{text}");
}

#[test]
fn unequal_costs_and_seeds_without_a_value_are_named() {
    let mut rows = three();
    (rows[2].bytes_up, rows[3].bytes_up) = (9_000_000, 11_000_000);
    rows[5].test_accuracy = None;
    let text = table(&rows);
    let cost = "Unequal cost, up and down together: 68.9 kB (`all`) to 10.0 MB (`b`) a seed;";
    assert!(text.contains(cost), "{text}");
    let missing = "`a`, seed 2: no test acc, so there is no mean, and Δ leaves it out.";
    assert!(text.contains(missing), "{text}");
    assert!(!table(&three()).contains("Unequal"), "{text}");
}

#[test]
fn a_run_whose_bytes_do_not_suffice_is_named() {
    let rows = three();
    let mut readings: Vec<Reading> = rows[..2].iter().map(Reading::from).collect();
    readings[1].absence = Some(Absence::TooManyBytes);
    let name = "all".to_owned();
    let candidate = Candidate { name, readings, pairing: Pairing::Paired };
    let view = ComparisonView { at: ReadAt::Bytes(1000), ..Default::default() };
    let text = comparison_table(&compare_candidates(&[candidate], 0), &view);
    assert!(text.contains("`all`, seed 2: its first evaluated round had spent more."), "{text}");
    assert!(text.contains("a seed has spent at most 1.0 kB"), "{text}");
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
    let table = table(&rows);
    let title = table.lines().position(|line| line.contains("best at")).unwrap();
    let last_words = |line: usize| -> Vec<&str> {
        let line = table.lines().nth(line).unwrap();
        let words: Vec<&str> =
            line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
        words[words.len() - 4..].to_vec()
    };
    assert_eq!(last_words(title), ["best at", "validation", "best acc %", "best loss"], "{table}");
    let cells = ["8.0±1.4", "0.250±0.000", "95.0±0.0", "0.125±0.000"];
    assert_eq!(last_words(title + 1), cells, "{table}");
    assert!(table.contains("best: the round with the best `validation-loss`"), "{table}");
    assert!(table.contains("validation: its value there"), "{table}");
}

/// All default columns of a long name, with the widest numbers that are usual.
#[test]
fn no_line_is_wider_than_100_characters() {
    let mut rows = Vec::new();
    for (name, shift) in [("one layer, rotating", 0.0), ("all but the head", 0.1)] {
        for seed in 1..4 {
            let mut row = row(name, seed, 0.5 + shift + 0.02 * seed as f64, -0.5);
            row.client_accuracy_mean = Some(0.6 + shift + 0.03 * seed as f64);
            row.test_loss = Some(4.473 + 0.6 * seed as f64);
            row.max_layer_barrier = Some(-1.507 + 0.2 * seed as f64);
            (row.bytes_up, row.bytes_down) = (11_000_000 * seed, 551_000);
            rows.push(row);
        }
    }
    let text = table(&rows);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}\n{text}");
    }
}

#[test]
fn other_programs_get_every_digit() {
    let columns = view(&["rounds", "test_accuracy", "delta_test_accuracy", "max_layer"]);
    let csv = crate::comparison_csv(&compare(&three()), &columns);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "strategy,rounds_min,rounds_max,test_accuracy,test_accuracy_std,delta_test_accuracy,delta_test_accuracy_low,delta_test_accuracy_high,delta_test_accuracy_p,delta_test_accuracy_holm,max_layer"
    );
    assert!(lines[1].starts_with("all,0,0,0.55,0.0707"), "{csv}");
    assert!(lines[1].ends_with(",,,,,,fc1"), "{csv}");
    let json = crate::comparison_rows(&compare(&three()), &columns);
    let json = serde_json::to_value(json).unwrap();
    assert_eq!(json[0]["is_reference"], true);
    let tie = &json[2]["quantities"]["test_accuracy"]["difference"];
    assert_eq!((&tie["is_tie"], &tie["p"]), (&true.into(), &tie["p_holm"]), "{tie}");
    assert!((tie["mean"].as_f64().unwrap() - 0.1).abs() < 1e-12, "{tie}");
}

#[test]
fn a_page_and_a_paper_get_the_cells_of_the_table() {
    let columns = view(&["test_accuracy", "delta_test_accuracy"]);
    let markdown = crate::comparison_markdown(&compare(&three()), &columns);
    let begins =
        "| strategy | test acc % | Δ test acc |\n| :-- | --: | --: |\n| all | 55.0±7.1 | - |\n";
    assert!(markdown.starts_with(begins), "{markdown}");
    assert!(markdown.contains("\n\n±: sample standard deviation over 2 seeds.\n"), "{markdown}");
    let latex = crate::comparison_latex(&compare(&three()), &columns);
    let begins = "% \\usepackage{booktabs}\n\\begin{tabular}{lrr}\n\\toprule\nstrategy & test acc \\% & $\\Delta$ test acc \\\\\n\\midrule\nall & 55.0$\\pm$7.1 & - \\\\\n";
    assert!(latex.starts_with(begins), "{latex}");
    assert!(latex.contains("tie {[}$-$117.1, $+$137.1{]} \\\\\n\\bottomrule\n"), "{latex}");
    assert!(latex.lines().last().unwrap().starts_with("% "), "{latex}");
}
