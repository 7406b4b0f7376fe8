//! The table of a run, and the keys of `[local]` in which its strategies differ.

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    compare::{Pairing, compare},
    record::Summary,
    spec::LocalSpec,
};
use fedlayer_report::{
    ComparisonView, DifferingRun, comparison_table, setup_differences, sweep_csv, sweep_table,
};
use serde::Serialize;

use crate::exit::Failure;

/// The names of strategies and their local training, in the order of the scenario.
pub(crate) type StrategyLocals = Vec<(String, LocalSpec)>;

/// A summary, and the strategies that train differently from the first one.
#[derive(Serialize)]
struct SummaryAndDifferences<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differing: Vec<DifferingRun>,
}

/// Renders a summary as a table, or as JSON. `variants` has the strategies of each variant of a
/// sweep; of a scenario without a sweep, those of the scenario.
pub(crate) fn render(
    summary: &Summary,
    variants: &[StrategyLocals],
    json: bool,
) -> Result<String, Failure> {
    let differing = differing_strategies(variants)?;
    if json {
        let all = SummaryAndDifferences { summary, differing };
        return Ok(format!("{}\n", serde_json::to_string_pretty(&all)?));
    }
    let table = match is_sweep(summary) {
        true => sweep_table(&summary.rows),
        false => comparison_table(&compare(&summary.rows), &ComparisonView::default()),
    };
    let first = variants.first().and_then(|strategies| strategies.first());
    let reference = first.map_or("", |(name, _)| name);
    Ok(table + &setup_differences(reference, &differing))
}

/// Renders the summary of a sweep as CSV, with all its rows; `None` if there is no sweep.
pub(crate) fn sheet(summary: &Summary) -> Option<String> {
    is_sweep(summary).then(|| sweep_csv(&summary.rows))
}

fn is_sweep(summary: &Summary) -> bool {
    summary.rows.iter().any(|row| row.variant.is_some())
}

/// Returns the local training of the strategies of plans, variant by variant.
pub(crate) fn locals_of(plans: &[Arc<Plan>]) -> Vec<StrategyLocals> {
    let strategies = |variant: &[Arc<Plan>]| {
        let each = variant.chunk_by(|a, b| a.strategy.name == b.strategy.name);
        let first = each.filter_map(|plans| plans.first());
        first.map(|plan| (plan.strategy.name.clone(), plan.local.clone())).collect()
    };
    plans.chunk_by(|a, b| a.variant == b.variant).map(strategies).collect()
}

/// Returns the strategies that do not train like the first one. Of a sweep, the differences that
/// all variants have: the others are named with their variant.
pub(crate) fn differing_strategies(
    variants: &[StrategyLocals],
) -> Result<Vec<DifferingRun>, Failure> {
    let Some((first, others)) = variants.split_first() else { return Ok(Vec::new()) };
    let mut differing = differing_in(first)?;
    for variant in others {
        let there = differing_in(variant)?;
        for run in &mut differing {
            let same = there.iter().find(|other| other.run == run.run);
            run.keys.retain(|key| same.is_some_and(|other| other.keys.contains(key)));
        }
    }
    differing.retain(|run| !run.keys.is_empty());
    Ok(differing)
}

fn differing_in(strategies: &StrategyLocals) -> Result<Vec<DifferingRun>, Failure> {
    let Some(((_, reference), others)) = strategies.split_first() else { return Ok(Vec::new()) };
    let others = others.iter().filter(|(_, local)| local != reference);
    let differing = others.map(|(name, local)| {
        let keys = fedlayer_scenario::local_contrasts(reference, local)?;
        Ok(DifferingRun { run: name.clone(), keys, pairing: Pairing::Paired })
    });
    differing.collect()
}

#[cfg(test)]
mod tests {
    use fedlayer_core::spec::{Optimizer, Sgd};

    use super::*;

    fn strategies(epochs: &[u32], batch: u32) -> StrategyLocals {
        let local = |epochs| LocalSpec::new(epochs, batch, Optimizer::Sgd(Sgd::new(0.1)));
        let named = |&epochs: &u32| (format!("{epochs} epochs"), local(epochs));
        epochs.iter().map(named).collect()
    }

    fn names(variants: &[StrategyLocals]) -> Vec<(String, String)> {
        let differing = differing_strategies(variants).unwrap();
        let keys = |run: DifferingRun| {
            let keys: Vec<String> = run
                .keys
                .iter()
                .map(|k| format!("{}: {} {}", k.key, k.reference, k.other))
                .collect();
            (run.run, keys.join(", "))
        };
        differing.into_iter().map(keys).collect()
    }

    #[test]
    fn strategies_that_train_like_the_first_are_not_named() {
        assert_eq!(names(&[strategies(&[1, 1], 4)]), []);
        let named = [("3 epochs".to_owned(), "local.epochs: 1 3".to_owned())];
        assert_eq!(names(&[strategies(&[1, 1, 3], 4)]), named);
    }

    #[test]
    fn of_a_sweep_the_differences_of_all_variants_are_named() {
        let named = [("3 epochs".to_owned(), "local.epochs: 1 3".to_owned())];
        assert_eq!(names(&[strategies(&[1, 3], 4), strategies(&[1, 3], 8)]), named);
        assert_eq!(names(&[strategies(&[1, 3], 4), strategies(&[2, 3], 8)]), []);
    }
}
