//! [`compare`]: strategies side by side over seeds, and their differences from a reference on
//! common random numbers.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{
    estimate::{mean, sample_deviation},
    record::{Refusals, SummaryRow},
    spec::SelectBy,
};

/// The mean of a quantity over the seeds, and its sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean over the seeds.
    pub mean: f64,
    /// The sample standard deviation (n − 1) over the seeds; absent for one seed.
    pub deviation: Option<f64>,
}

/// The difference between a strategy and the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The mean of the differences per seed, or the difference of the means; see [`Pairing`].
    pub mean: f64,
    /// Half the width of the 95 % confidence interval; absent if there are too few seeds.
    pub half_width: Option<f64>,
}

/// The way in which a strategy is compared with the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Seed by seed, over common seeds with the same number of committed rounds, or of which the
    /// shorter run ended early by its patience. Runs with the same seed share data, initial weights
    /// and cohorts, so their common variation cancels.
    Paired,
    /// Seed by seed, whatever the numbers of committed rounds.
    PairedOverRounds,
    /// As independent samples: the difference of the means, with the interval of Welch (1947).
    Independent,
    /// No difference is taken.
    Nothing,
}

/// One strategy to compare.
#[derive(Debug, Clone)]
pub struct Candidate<'r> {
    /// Its name in the comparison.
    pub name: String,
    /// One row per seed.
    pub rows: Vec<&'r SummaryRow>,
    /// The way in which it is compared with the first candidate.
    pub pairing: Pairing,
}

/// A quantity of a [`SummaryRow`] that strategies are compared by.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    /// The name, as in `summary.json`.
    pub name: &'static str,
    /// Reads the quantity from a row.
    pub of: fn(&SummaryRow) -> Option<f64>,
}

/// The number of quantities of the last round.
const OF_LAST_ROUND: usize = 9;

/// The quantities that strategies are compared by, in the order of tables: those of the last round,
/// then those of the best round by validation.
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

/// One strategy in a comparison.
#[derive(Debug, Clone)]
pub struct ComparedStrategy {
    /// The strategy's name.
    pub strategy: String,
    /// The number of seeds.
    pub seeds: usize,
    /// The smallest and the largest number of committed rounds over the seeds. They differ if a run
    /// failed.
    pub rounds: (u32, u32),
    /// One spread per quantity, in the order of [`QUANTITIES`].
    pub spreads: Vec<Option<Spread>>,
    /// The way in which it was compared with the first strategy.
    pub pairing: Pairing,
    /// One difference from the first strategy per quantity; absent for the first strategy itself.
    pub differences: Vec<Option<Difference>>,
    /// The common seeds with different numbers of committed rounds; [`Pairing::Paired`] leaves them
    /// out.
    pub unequal_rounds: Vec<u64>,
    /// The layers with the largest barrier, most frequent first.
    pub max_layers: Vec<String>,
    /// The seeds with missing updates, and their clients and causes.
    pub refused: Vec<(u64, Refusals)>,
    /// The values that chose the best rounds, each once; empty if only last rounds are reported.
    pub best_by: Vec<SelectBy>,
    /// The largest number of clients of a seed that have no test data of their own and are left out
    /// of the means over it.
    pub clients_without_test: u32,
}

/// Compares the strategies of one scenario, in the order of their first rows; the first is the
/// reference.
///
/// Runs with the same seed share data, initial weights, cohorts and batches. Differences are
/// therefore taken seed by seed, and the common variation cancels.
pub fn compare(rows: &[SummaryRow]) -> Vec<ComparedStrategy> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.strategy.as_str()) {
            names.push(&row.strategy);
        }
    }
    let candidate = |name: &str| Candidate {
        name: name.to_owned(),
        rows: rows.iter().filter(|row| row.strategy == name).collect(),
        pairing: Pairing::Paired,
    };
    let candidates: Vec<Candidate<'_>> = names.into_iter().map(candidate).collect();
    compare_candidates(&candidates)
}

/// Compares candidates of any runs; the first is the reference.
pub fn compare_candidates(candidates: &[Candidate<'_>]) -> Vec<ComparedStrategy> {
    let Some((first, others)) = candidates.split_first() else { return Vec::new() };
    let mut compared = vec![ComparedStrategy {
        differences: vec![None; QUANTITIES.len()],
        ..compare_with(first, first)
    }];
    compared.extend(others.iter().map(|candidate| compare_with(candidate, first)));
    compared
}

/// Compares one candidate with the reference.
fn compare_with(candidate: &Candidate<'_>, reference: &Candidate<'_>) -> ComparedStrategy {
    let own = &candidate.rows;
    let spread = |measure: &Quantity| {
        let values: Option<Vec<f64>> = own.iter().map(|row| (measure.of)(row)).collect();
        let values = values?;
        let mean = mean(values.iter().copied())?;
        Some(Spread { mean, deviation: sample_deviation(&values) })
    };
    let difference = |measure: &Quantity| difference(measure, candidate, reference);
    let committed = own.iter().map(|row| row.rounds);
    let without_test = own.iter().map(|row| row.clients_without_test);
    ComparedStrategy {
        strategy: candidate.name.clone(),
        seeds: own.len(),
        rounds: (committed.clone().min().unwrap_or(0), committed.max().unwrap_or(0)),
        spreads: QUANTITIES.iter().map(spread).collect(),
        pairing: candidate.pairing,
        differences: QUANTITIES.iter().map(difference).collect(),
        unequal_rounds: pairs(candidate, reference)
            .filter(|(row, partner)| !ended_alike(row, partner))
            .map(|(row, _)| row.seed)
            .collect(),
        max_layers: by_frequency(own),
        refused: own.iter().filter_map(|row| Some((row.seed, row.refused.clone()?))).collect(),
        best_by: best_by(own),
        clients_without_test: without_test.max().unwrap_or(0),
    }
}

/// Pairs the rows of a candidate with the rows of the reference that have the same seed.
fn pairs<'r>(
    candidate: &Candidate<'r>,
    reference: &Candidate<'r>,
) -> impl Iterator<Item = (&'r SummaryRow, &'r SummaryRow)> {
    candidate.rows.iter().filter_map(|&row| {
        let partner = reference.rows.iter().find(|partner| partner.seed == row.seed)?;
        Some((row, *partner))
    })
}

/// Returns whether two runs came equally far: to the same round, or the shorter one ended early
/// because its best round no longer improved.
fn ended_alike(row: &SummaryRow, partner: &SummaryRow) -> bool {
    let shorter = if row.rounds < partner.rounds { row } else { partner };
    row.rounds == partner.rounds || shorter.best.as_ref().is_some_and(|best| best.stopped_early)
}

/// Returns the values that chose the best rounds, each once, in the order of the rows.
fn best_by(rows: &[&SummaryRow]) -> Vec<SelectBy> {
    let mut found = Vec::new();
    for by in rows.iter().filter_map(|row| Some(row.best.as_ref()?.by)) {
        if !found.contains(&by) {
            found.push(by);
        }
    }
    found
}

fn difference(
    measure: &Quantity,
    candidate: &Candidate<'_>,
    reference: &Candidate<'_>,
) -> Option<Difference> {
    let by_seed = |any_rounds: bool| -> Option<Difference> {
        let meant = pairs(candidate, reference)
            .filter(|(row, partner)| any_rounds || ended_alike(row, partner));
        let differences: Vec<f64> = meant
            .filter_map(|(row, partner)| Some((measure.of)(row)? - (measure.of)(partner)?))
            .collect();
        paired(&differences)
    };
    let values = |candidate: &Candidate<'_>| -> Option<Vec<f64>> {
        candidate.rows.iter().map(|row| (measure.of)(row)).collect()
    };
    match candidate.pairing {
        Pairing::Paired => by_seed(false),
        Pairing::PairedOverRounds => by_seed(true),
        Pairing::Independent => independent(&values(candidate)?, &values(reference)?),
        Pairing::Nothing => None,
    }
}

/// Returns the mean of paired differences, with the interval of Student's t.
fn paired(differences: &[f64]) -> Option<Difference> {
    let mean = mean(differences.iter().copied())?;
    let half_width = sample_deviation(differences).and_then(|deviation| {
        let error = deviation / (differences.len() as f64).sqrt();
        half_width(error, (differences.len() - 1) as f64)
    });
    Some(Difference { mean, half_width })
}

/// Returns the difference of the means of independent samples, with the interval of Welch, B. L.
/// (1947), *The generalization of "Student's" problem when several different population variances
/// are involved*.
fn independent(own: &[f64], reference: &[f64]) -> Option<Difference> {
    let difference = mean(own.iter().copied())? - mean(reference.iter().copied())?;
    let squared_error = |values: &[f64]| {
        sample_deviation(values).map(|deviation| deviation.powi(2) / values.len() as f64)
    };
    let errors = squared_error(own).zip(squared_error(reference));
    let half_width = errors.and_then(|(a, b)| {
        let (n, m) = (own.len() as f64, reference.len() as f64);
        let freedom = (a + b).powi(2) / (a.powi(2) / (n - 1.0) + b.powi(2) / (m - 1.0));
        // Samples without any spread have no degrees of freedom, and an interval of width 0.
        if a + b == 0.0 { Some(0.0) } else { half_width((a + b).sqrt(), freedom) }
    });
    Some(Difference { mean: difference, half_width })
}

/// Returns half the width of a 95 % interval.
fn half_width(standard_error: f64, freedom: f64) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975);
    Some(t * standard_error)
}

fn by_frequency(rows: &[&SummaryRow]) -> Vec<String> {
    let layers: Vec<String> =
        rows.iter().filter_map(|row| Some(row.max_layer.as_ref()?.to_string())).collect();
    let count = |layer: &String| layers.iter().filter(|other| *other == layer).count();
    let mut distinct = layers.clone();
    distinct.sort_by_key(|layer| (std::cmp::Reverse(count(layer)), layer.clone()));
    distinct.dedup();
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BestRow;

    fn row(strategy: &str, seed: u64, accuracy: f64) -> SummaryRow {
        let mut row = SummaryRow::new(strategy, seed, &[]);
        row.test_accuracy = Some(accuracy);
        row
    }

    #[test]
    fn differences_are_paired_by_seed() {
        // Seeds differ much; within a seed the second strategy is better by 0.02, 0.04 and 0.03.
        let rows = [
            row("all", 1, 0.50),
            row("all", 2, 0.70),
            row("all", 3, 0.90),
            row("head", 3, 0.93),
            row("head", 1, 0.52),
            row("head", 2, 0.74),
        ];
        let compared = compare(&rows);
        assert_eq!(compared[0].strategy, "all");
        assert!(compared[0].differences.iter().all(Option::is_none));
        let spread = compared[1].spreads[0].unwrap();
        assert!((spread.mean - 0.73).abs() < 1e-12);
        let difference = compared[1].differences[0].unwrap();
        assert!((difference.mean - 0.03).abs() < 1e-12);
        // t(0.975; 2) = 4.30265 (tables), sd = 0.01, n = 3.
        let expected = 4.302_652_729_911_275 * 0.01 / 3.0_f64.sqrt();
        assert!((difference.half_width.unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn one_seed_has_no_spread() {
        let compared = compare(&[row("all", 1, 0.5), row("none", 1, 0.25)]);
        assert_eq!(compared[0].spreads[0], Some(Spread { mean: 0.5, deviation: None }));
        let difference = compared[1].differences[0].unwrap();
        assert_eq!(difference, Difference { mean: -0.25, half_width: None });
        assert_eq!(compared[0].spreads[4], None);
    }

    fn candidate<'r>(name: &str, rows: &'r [SummaryRow], pairing: Pairing) -> Candidate<'r> {
        let rows = rows.iter().filter(|row| row.strategy == name).collect();
        Candidate { name: name.to_owned(), rows, pairing }
    }

    #[test]
    fn seeds_that_did_not_come_equally_far_are_no_pair() {
        let mut rows =
            [row("all", 1, 0.5), row("all", 2, 0.7), row("none", 1, 0.6), row("none", 2, 0.1)];
        rows.iter_mut().for_each(|row| row.rounds = 20);
        rows[3].rounds = 3;
        let compared = &compare(&rows)[1];
        assert_eq!(compared.unequal_rounds, [2]);
        let difference = compared.differences[0].unwrap();
        assert!((difference.mean - 0.1).abs() < 1e-12, "seed 1 alone");
        assert_eq!(difference.half_width, None);
        let all = [
            candidate("all", &rows, Pairing::Paired),
            candidate("none", &rows, Pairing::PairedOverRounds),
        ];
        let difference = compare_candidates(&all)[1].differences[0].unwrap();
        assert!((difference.mean + 0.25).abs() < 1e-12, "both seeds");
    }

    /// The shorter run ended early by its patience, so both ran to their ends.
    #[test]
    fn runs_that_ended_by_their_patience_are_paired() {
        let mut rows = [row("all", 1, 0.5), row("none", 1, 0.7)];
        (rows[0].rounds, rows[1].rounds) = (20, 12);
        assert_eq!(compare(&rows)[1].unequal_rounds, [1]);
        let best = |stopped_early| BestRow {
            round: 8,
            by: SelectBy::ValidationLoss,
            value: 0.25,
            stopped_early,
            test_accuracy: Some(0.75),
            test_loss: Some(0.5),
            client_accuracy_mean: None,
            bytes_up: 1,
            bytes_down: 1,
        };
        rows[1].best = Some(best(true));
        let compared = &compare(&rows)[1];
        assert_eq!((compared.unequal_rounds.len(), compared.best_by.len()), (0, 1));
        assert!((compared.differences[0].unwrap().mean - 0.2).abs() < 1e-12);
        let names: Vec<&str> = quantities_of(&rows).iter().map(|known| known.name).collect();
        let at = |name| names.iter().position(|known| *known == name).unwrap();
        let of = |name| compared.spreads[at(name)].map(|spread| spread.mean);
        assert_eq!((of("best_round"), of("best_value")), (Some(8.0), Some(0.25)));
        assert_eq!((of("best_test_accuracy"), of("best_test_loss")), (Some(0.75), Some(0.5)));
        assert_eq!(of("best_client_accuracy_mean"), None);
        // The longer run has not ended early: the shorter one failed.
        (rows[0].best, rows[1].best) = (Some(best(true)), Some(best(false)));
        assert_eq!(compare(&rows)[1].unequal_rounds, [1]);
        assert_eq!(quantities_of(&[row("all", 1, 0.5)]).len(), OF_LAST_ROUND);
    }

    #[test]
    fn independent_samples_have_the_interval_of_welch() {
        // Printed by `tests/oracle/welch.py`: the difference of the means, and half of its
        // interval.
        let (mean, half_width) = (0.15, 0.327_718_939_234);
        let rows = [
            row("own", 1, 0.6),
            row("own", 2, 0.7),
            row("own", 3, 0.8),
            row("reference", 4, 0.35),
            row("reference", 5, 0.45),
            row("reference", 6, 0.55),
            row("reference", 7, 0.85),
        ];
        let all = [
            candidate("reference", &rows, Pairing::Paired),
            candidate("own", &rows, Pairing::Independent),
        ];
        let difference = compare_candidates(&all)[1].differences[0].unwrap();
        assert!((difference.mean - mean).abs() < 1e-12);
        assert!((difference.half_width.unwrap() - half_width).abs() < 1e-9);
    }

    #[test]
    fn runs_that_cannot_be_compared_have_no_difference() {
        let rows = [row("digits", 1, 0.9), row("cifar", 1, 0.2)];
        let all = [
            candidate("digits", &rows, Pairing::Paired),
            candidate("cifar", &rows, Pairing::Nothing),
        ];
        assert!(compare_candidates(&all)[1].differences.iter().all(Option::is_none));
    }
}
