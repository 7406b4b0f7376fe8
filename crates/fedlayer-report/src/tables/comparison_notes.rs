//! The lines below a comparison: the meaning of its numbers, and everything that they leave out.

use fedlayer_core::compare::{Absence, ComparedStrategy, MissingValue, Pairing, ReadAt};
use fedlayer_core::{spec::SelectBy, text::in_backticks};

use super::{
    columns::TableColumn,
    comparison_cells::{UNPAIRED, is_flagged},
    comparison_view::ComparisonView,
    refused_clients,
};
use crate::{misleading_barrier::WARNING, quantity::bytes};

/// The largest number of lines about missing values.
const SHOWN_MISSING: usize = 4;

/// The columns that the lines about barriers explain.
const BARRIERS: [&str; 3] = ["full_barrier", "max_layer_barrier", "max_layer"];

/// The meaning of columns that a table has only if they are chosen.
const MEANINGS: [(&str, &str); 6] = [
    ("fairness", "the variance over the clients of their own-test accuracies; 0 is the fairest"),
    ("worst_decile", "the mean own-test accuracy of the worst tenth of the clients"),
    ("incentive", "the share of clients better off than with local training alone and with FedAvg"),
    ("macro_f1", "the mean over the classes of the F1 score on the common test set"),
    ("rounds_to_target", "the first evaluated round with the target's test accuracy"),
    ("bytes_to_target", "the bytes until that round, up and down together"),
];

/// Returns the lines below the table.
pub(crate) fn notes(strategies: &[ComparedStrategy], view: &ComparisonView) -> String {
    let reference = strategies.iter().find(|strategy| strategy.is_reference);
    let Some(reference) = reference else { return "no strategy is finished\n".to_owned() };
    let all = view.sorted(strategies);
    let columns = view.columns(strategies);
    let shows = |names: &[&str]| columns.iter().any(|column| column.is_about(names));
    let mut text = deviations(&all) + &point(view.at) + &short_means(&all, view.at);
    if shows(&BARRIERS) {
        text += &barriers(view.at);
    }
    text += &meanings(&columns, view.target);
    if shows(&["client_accuracy_mean"]) {
        text += &left_out(&all);
    }
    text += &best_round(&all);
    text += &differences(&all, reference, &columns);
    text += &all.iter().filter_map(|one| unequal_rounds(one, reference)).collect::<String>();
    text += &without_value(&all, &columns);
    text += &spent(&all, view.at);
    if shows(&BARRIERS[..2]) {
        text += &flag(&all);
    }
    text + &refused_clients::lines(&all)
}

/// Explains deviations.
fn deviations(strategies: &[&ComparedStrategy]) -> String {
    let seeds = || strategies.iter().map(|strategy| strategy.seeds);
    let (fewest, most) = (seeds().min().unwrap_or(1), seeds().max().unwrap_or(1));
    match (fewest, most) {
        (_, 1) => "1 seed: neither deviations nor intervals.\n".to_owned(),
        _ if fewest == most => format!("±: sample standard deviation over {most} seeds.\n"),
        _ => format!("±: sample standard deviation over {fewest} to {most} seeds.\n"),
    }
}

/// Explains barriers.
fn barriers(at: ReadAt) -> String {
    let until = match at {
        ReadAt::Best(_) | ReadAt::Bytes(_) => " until then",
        ReadAt::Last | ReadAt::Mean(_) => "",
    };
    format!(
        "Barriers: test loss, `mean` baseline, α = ½, last measured round{until}; layer barrier: the\n\
         largest barrier of a single layer; at: the layer that has it with most seeds.\n"
    )
}

/// Explains the numbers of a table of last rounds.
pub(crate) fn explanation(strategies: &[&ComparedStrategy]) -> String {
    format!("\n{}{}", deviations(strategies), barriers(ReadAt::Last))
}

/// Names the point at which values were read; empty for the last round.
fn point(at: ReadAt) -> String {
    match at {
        ReadAt::Last => String::new(),
        ReadAt::Best(by) => format!(
            "Read in the best round of each seed by {}; up and down: until that round.\n",
            validation_value(by)
        ),
        ReadAt::Mean(rounds) => {
            format!("Accuracies and test loss: means of the last {rounds} evaluated rounds.\n")
        }
        ReadAt::Bytes(most) => format!(
            "Read in the last evaluated round until which a seed has spent at most {}, up and down\n\
             together.\n",
            bytes(most as f64)
        ),
    }
}

/// Returns a validation value in words.
pub(crate) fn validation_value(by: SelectBy) -> &'static str {
    match by {
        SelectBy::ValidationLoss => "validation loss",
        SelectBy::ValidationAccuracy => "validation accuracy",
        SelectBy::ClientValidationLoss => "the clients' mean validation loss",
        SelectBy::ClientValidationAccuracy => "the clients' mean validation accuracy",
    }
}

/// Names the strategies with fewer evaluated rounds than a mean asks for.
fn short_means(strategies: &[&ComparedStrategy], at: ReadAt) -> String {
    let ReadAt::Mean(asked) = at else { return String::new() };
    let short = strategies.iter().filter(|strategy| strategy.evaluated < asked as usize);
    let names: Vec<String> =
        short.map(|one| format!("`{}` has {}", one.strategy, one.evaluated)).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("Fewer evaluated rounds: {}.\n", names.join(", ")),
    }
}

/// Explains the chosen columns that need it.
fn meanings(columns: &[TableColumn], target: Option<f64>) -> String {
    let known = MEANINGS.iter().filter_map(|(name, meaning)| {
        let column = TableColumn::named(name)?;
        let is_shown = columns.iter().any(|shown| shown.is_about(&[name]));
        let target = match (*name, target) {
            ("rounds_to_target", Some(target)) => format!(" ({} %)", 1e2 * target),
            _ => String::new(),
        };
        is_shown.then(|| format!("{}: {meaning}{target}.\n", column.title()))
    });
    known.collect()
}

/// Says how many clients are not in `client acc`; empty if all are.
fn left_out(strategies: &[&ComparedStrategy]) -> String {
    let has = |quantity| strategies.iter().any(|one| one.spread(quantity).is_some());
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
            "best: the round with the best {}, on data that no client trains on and no test\n\
             uses; validation: its value there; its model is `checkpoints/best.safetensors`.\n",
            in_backticks(words)
        ),
    }
}

/// Explains differences and ties; empty if no column shows a difference.
fn differences(
    strategies: &[&ComparedStrategy],
    reference: &ComparedStrategy,
    columns: &[TableColumn],
) -> String {
    let has = |meant: fn(Pairing) -> bool| {
        strategies.iter().any(|one| {
            let shown = columns.iter().filter_map(compared_quantity);
            meant(one.pairing) && shown.filter_map(|name| one.difference(name)).next().is_some()
        })
    };
    let name = &reference.strategy;
    let mut lines = String::new();
    if has(|pairing| pairing != Pairing::Independent) {
        lines += &format!(
            "Δ: difference from `{name}`, accuracies in percentage points, paired by seed:\n\
             mean [its 95 % interval by Student's t].\n"
        );
    }
    if has(|pairing| pairing == Pairing::Independent) {
        lines += &format!(
            "{UNPAIRED}: difference from `{name}`, accuracies in percentage points, not paired:\n\
             difference of independent means [its 95 % interval by Welch].\n"
        );
    }
    lines + &ties(strategies, columns)
}

/// Returns the quantity of a column of differences or p-values.
fn compared_quantity(column: &TableColumn) -> Option<&'static str> {
    match column {
        TableColumn::Delta(quantity) | TableColumn::PValue(quantity) => Some(quantity.name),
        _ => None,
    }
}

/// Explains ties, and the correction if several strategies are compared; empty if no difference was
/// tested.
fn ties(strategies: &[&ComparedStrategy], columns: &[TableColumn]) -> String {
    let tested = |name: &str| {
        let differences = strategies.iter().filter_map(|one| one.difference(name));
        differences.filter(|difference| difference.p.is_some()).count()
    };
    match columns.iter().filter_map(compared_quantity).map(tested).max() {
        None | Some(0) => String::new(),
        Some(1) => "tie: no difference at the 5 % level.\n".to_owned(),
        Some(family) => format!(
            "tie: no difference at the 5 % level, after Holm's correction for the {family} comparisons of a\n\
             column. Intervals are not corrected.\n"
        ),
    }
}

/// Names the seeds that are not paired because one of the two runs ended early.
fn unequal_rounds(strategy: &ComparedStrategy, reference: &ComparedStrategy) -> Option<String> {
    let seeds: Vec<String> = strategy.unequal_rounds.iter().map(u64::to_string).collect();
    (strategy.pairing == Pairing::Paired && !seeds.is_empty()).then(|| {
        format!(
            "Δ of `{}` leaves out seed {}: there it committed another number of rounds than `{}`.\n",
            strategy.strategy,
            seeds.join(", "),
            reference.strategy
        )
    })
}

/// Names the seeds without a value where other seeds of the strategy have one, or where the allowed
/// bytes are too few: the table shows only a `-` there.
fn without_value(strategies: &[&ComparedStrategy], columns: &[TableColumn]) -> String {
    let of = |strategy: &&ComparedStrategy| -> Vec<String> {
        let too_few =
            strategy.missing.iter().flatten().filter(|m| m.absence == Absence::TooManyBytes);
        let mut seeds: Vec<u64> = too_few.map(|missing| missing.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        if !seeds.is_empty() {
            let seeds = numbers(seeds.into_iter());
            return vec![format!(
                "`{}`, seed {seeds}: its first evaluated round had spent more.\n",
                strategy.strategy
            )];
        }
        let quantities = columns.iter().filter_map(|column| match column {
            TableColumn::Value(quantity) => Some(*quantity),
            _ => None,
        });
        let partly = quantities.filter_map(|quantity| {
            let missing = strategy.missing_values(quantity.name);
            let is_part = !missing.is_empty() && missing.len() < strategy.seeds;
            let no_value = |missing: &MissingValue| missing.absence == Absence::NoValue;
            (is_part && missing.iter().all(no_value)).then(|| {
                let seeds = numbers(missing.iter().map(|missing| missing.seed));
                format!(
                    "`{}`, seed {seeds}: no {}, so there is no mean, and Δ leaves it out.\n",
                    strategy.strategy, quantity.title
                )
            })
        });
        partly.collect()
    };
    let lines: Vec<String> = strategies.iter().flat_map(of).collect();
    let more = lines.len().saturating_sub(SHOWN_MISSING);
    let rest = if more > 0 { format!("… and {more} more such lines.\n") } else { String::new() };
    lines[..lines.len() - more].concat() + &rest
}

fn numbers(numbers: impl Iterator<Item = u64>) -> String {
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}

/// Names the smallest and the largest amount of bytes if strategies spent different amounts.
fn spent(strategies: &[&ComparedStrategy], at: ReadAt) -> String {
    let amount = |strategy: &&ComparedStrategy| {
        Some((strategy.spread("bytes")?.mean, strategy.strategy.clone()))
    };
    let amounts: Vec<(f64, String)> = strategies.iter().filter_map(amount).collect();
    let least = amounts.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let most = amounts.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((least, most)) = least.zip(most).filter(|(least, most)| least.0 != most.0) else {
        return String::new();
    };
    let advice = match at {
        ReadAt::Bytes(_) => ".",
        _ => ";\n`fedlayer compare --at bytes:SIZE` compares at equal bytes.",
    };
    format!(
        "Unequal cost, up and down together: {} (`{}`) to {} (`{}`) a seed{advice}\n",
        bytes(least.0),
        least.1,
        bytes(most.0),
        most.1
    )
}

/// Explains the `!` of misleading barriers; empty if there is none.
pub(crate) fn flag(strategies: &[&ComparedStrategy]) -> String {
    let has_flag =
        |strategy: &&ComparedStrategy| BARRIERS.iter().any(|barrier| is_flagged(barrier, strategy));
    match strategies.iter().any(has_flag) {
        true => format!("{WARNING}\nin `barriers.jsonl`.\n"),
        false => String::new(),
    }
}
