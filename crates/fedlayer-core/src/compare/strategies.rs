//! [`compare`]: strategies side by side over seeds, and their differences from a reference on
//! common random numbers.

use super::{
    Absence, Difference, Reading, holm, independent_difference, paired_difference,
    quantities::values, quantity_index, quantity_names,
};
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
pub struct Candidate {
    /// Its name in the comparison.
    pub name: String,
    /// One reading per seed.
    pub readings: Vec<Reading>,
    /// The way in which it is compared with the reference.
    pub pairing: Pairing,
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
    /// Whether it is the strategy that the others are compared with.
    pub is_reference: bool,
    /// One spread per quantity, in the order of [`quantity_names`](super::quantity_names).
    pub spreads: Vec<Option<Spread>>,
    /// The seeds without a value, per quantity, and the reasons.
    pub missing: Vec<Vec<MissingValue>>,
    /// The way in which it was compared with the reference.
    pub pairing: Pairing,
    /// One difference from the reference per quantity; absent for the reference itself.
    pub differences: Vec<Option<Difference>>,
    /// The common seeds with different numbers of committed rounds; [`Pairing::Paired`] leaves them
    /// out.
    pub unequal_rounds: Vec<u64>,
    /// The smallest number of evaluated rounds that a seed's values are read from.
    pub evaluated: usize,
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

/// A seed without a value of a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingValue {
    /// The seed.
    pub seed: u64,
    /// The reason.
    pub absence: Absence,
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
        readings: rows.iter().filter(|row| row.strategy == name).map(Reading::from).collect(),
        pairing: Pairing::Paired,
    };
    let candidates: Vec<Candidate> = names.into_iter().map(candidate).collect();
    compare_candidates(&candidates, 0)
}

/// Compares candidates of any runs with the one at the index `reference`. The p-values of each
/// quantity are corrected for the number of candidates; see [`holm`].
pub fn compare_candidates(candidates: &[Candidate], reference: usize) -> Vec<ComparedStrategy> {
    let values: Vec<Vec<SeedValues>> = candidates.iter().map(seed_values).collect();
    let Some(of_reference) = values.get(reference) else { return Vec::new() };
    let compared = candidates.iter().zip(&values).enumerate();
    let mut compared: Vec<ComparedStrategy> = compared
        .map(|(index, (candidate, values))| {
            let compared = compare_with(candidate, values, of_reference);
            if index == reference { compared.into_reference() } else { compared }
        })
        .collect();
    (0..quantity_names().count()).for_each(|quantity| correct(&mut compared, quantity));
    compared
}

/// The values of one seed.
struct SeedValues {
    seed: u64,
    rounds: u32,
    /// Whether the run ended early because its best round no longer improved.
    stopped_early: bool,
    /// In the order of [`quantity_names`].
    values: Vec<Result<f64, Absence>>,
}

fn seed_values(candidate: &Candidate) -> Vec<SeedValues> {
    let of = |reading: &Reading| SeedValues {
        seed: reading.row.seed,
        rounds: reading.row.rounds,
        stopped_early: reading.row.best.as_ref().is_some_and(|best| best.stopped_early),
        values: values(reading),
    };
    candidate.readings.iter().map(of).collect()
}

/// Compares one candidate with the reference.
fn compare_with(
    candidate: &Candidate,
    own: &[SeedValues],
    reference: &[SeedValues],
) -> ComparedStrategy {
    let rows: Vec<&SummaryRow> = candidate.readings.iter().map(|reading| &reading.row).collect();
    let committed = rows.iter().map(|row| row.rounds);
    let without_test = rows.iter().map(|row| row.clients_without_test);
    let evaluated = candidate.readings.iter().map(|reading| reading.evaluated.len());
    let quantities = || 0..quantity_names().count();
    ComparedStrategy {
        strategy: candidate.name.clone(),
        seeds: rows.len(),
        rounds: (committed.clone().min().unwrap_or(0), committed.max().unwrap_or(0)),
        is_reference: false,
        spreads: quantities().map(|quantity| spread(own, quantity)).collect(),
        missing: quantities().map(|quantity| missing(own, quantity)).collect(),
        pairing: candidate.pairing,
        differences: quantities()
            .map(|quantity| difference(quantity, candidate.pairing, own, reference))
            .collect(),
        unequal_rounds: pairs(own, reference)
            .filter(|(own, partner)| !ended_alike(own, partner))
            .map(|(own, _)| own.seed)
            .collect(),
        evaluated: evaluated.min().unwrap_or(0),
        max_layers: by_frequency(&rows),
        refused: rows.iter().filter_map(|row| Some((row.seed, row.refused.clone()?))).collect(),
        best_by: best_by(&rows),
        clients_without_test: without_test.max().unwrap_or(0),
    }
}

impl ComparedStrategy {
    /// Makes it the reference, which has no differences.
    fn into_reference(mut self) -> Self {
        self.is_reference = true;
        self.differences.fill(None);
        self.unequal_rounds.clear();
        self
    }

    /// Returns the spread of the quantity with this name.
    pub fn spread(&self, quantity: &str) -> Option<Spread> {
        *self.spreads.get(quantity_index(quantity)?)?
    }

    /// Returns the seeds without a value of the quantity with this name.
    pub fn missing_values(&self, quantity: &str) -> &[MissingValue] {
        quantity_index(quantity)
            .and_then(|index| self.missing.get(index))
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the difference in the quantity with this name.
    pub fn difference(&self, quantity: &str) -> Option<Difference> {
        *self.differences.get(quantity_index(quantity)?)?
    }
}

/// Returns the spread of a quantity over all seeds; `None` if one of them has no value.
fn spread(own: &[SeedValues], quantity: usize) -> Option<Spread> {
    let values: Result<Vec<f64>, Absence> = own.iter().map(|seed| seed.values[quantity]).collect();
    let values = values.ok()?;
    let finite = |value: &f64| value.is_finite();
    let mean = mean(values.iter().copied()).filter(finite)?;
    Some(Spread { mean, deviation: sample_deviation(&values).filter(finite) })
}

fn missing(own: &[SeedValues], quantity: usize) -> Vec<MissingValue> {
    let of = |seed: &SeedValues| {
        let absence = seed.values[quantity].err()?;
        Some(MissingValue { seed: seed.seed, absence })
    };
    own.iter().filter_map(of).collect()
}

/// Returns whether two runs came equally far: to the same round, or the shorter one ended early
/// because its best round no longer improved.
fn ended_alike(own: &SeedValues, partner: &SeedValues) -> bool {
    let shorter = if own.rounds < partner.rounds { own } else { partner };
    own.rounds == partner.rounds || shorter.stopped_early
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

/// Pairs the seeds of a candidate with the same seeds of the reference.
fn pairs<'v>(
    own: &'v [SeedValues],
    reference: &'v [SeedValues],
) -> impl Iterator<Item = (&'v SeedValues, &'v SeedValues)> {
    own.iter().filter_map(|own| {
        let partner = reference.iter().find(|partner| partner.seed == own.seed)?;
        Some((own, partner))
    })
}

fn difference(
    quantity: usize,
    pairing: Pairing,
    own: &[SeedValues],
    reference: &[SeedValues],
) -> Option<Difference> {
    let by_seed = |any_rounds: bool| -> Option<Difference> {
        let meant =
            pairs(own, reference).filter(|(own, partner)| any_rounds || ended_alike(own, partner));
        let differences: Vec<f64> = meant
            .filter_map(|(own, partner)| {
                Some(own.values[quantity].ok()? - partner.values[quantity].ok()?)
            })
            .collect();
        paired_difference(&differences)
    };
    let all = |seeds: &[SeedValues]| -> Option<Vec<f64>> {
        seeds.iter().map(|seed| seed.values[quantity].ok()).collect()
    };
    match pairing {
        Pairing::Paired => by_seed(false),
        Pairing::PairedOverRounds => by_seed(true),
        Pairing::Independent => independent_difference(&all(own)?, &all(reference)?),
        Pairing::Nothing => None,
    }
}

/// Corrects the p-values of a quantity for the number of strategies that have one.
fn correct(compared: &mut [ComparedStrategy], quantity: usize) {
    let mut family: Vec<&mut Difference> = compared
        .iter_mut()
        .filter_map(|strategy| strategy.differences[quantity].as_mut())
        .filter(|difference| difference.p.is_some())
        .collect();
    let p_values: Vec<f64> = family.iter().filter_map(|difference| difference.p).collect();
    for (difference, adjusted) in family.iter_mut().zip(holm(&p_values)) {
        difference.adjusted_p = Some(adjusted);
    }
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
    use crate::{compare::quantities_of, record::BestRow};

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
        let expected = Difference { mean: -0.25, half_width: None, p: None, adjusted_p: None };
        assert_eq!(difference, expected);
        assert_eq!(compared[0].spreads[4], None);
    }

    fn candidate(name: &str, rows: &[SummaryRow], pairing: Pairing) -> Candidate {
        let own = rows.iter().filter(|row| row.strategy == name);
        Candidate { name: name.to_owned(), readings: own.map(Reading::from).collect(), pairing }
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
        let difference = compare_candidates(&all, 0)[1].differences[0].unwrap();
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
        let of = |name| compared.spread(name).map(|spread| spread.mean);
        assert_eq!((of("best_round"), of("best_value")), (Some(8.0), Some(0.25)));
        assert_eq!((of("best_test_accuracy"), of("best_test_loss")), (Some(0.75), Some(0.5)));
        assert_eq!(of("best_client_accuracy_mean"), None);
        // The longer run has not ended early: the shorter one failed.
        (rows[0].best, rows[1].best) = (Some(best(true)), Some(best(false)));
        assert_eq!(compare(&rows)[1].unequal_rounds, [1]);
        let names =
            |rows: &[SummaryRow]| quantities_of(rows).iter().map(|known| known.name).collect();
        let (all, last): (Vec<&str>, Vec<&str>) = (names(&rows), names(&[row("all", 1, 0.5)]));
        assert!(all.contains(&"best_value") && last.last() == Some(&"bytes_down"), "{last:?}");
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
        let difference = compare_candidates(&all, 0)[1].differences[0].unwrap();
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
        assert!(compare_candidates(&all, 0)[1].differences.iter().all(Option::is_none));
    }

    #[test]
    fn any_candidate_may_be_the_reference() {
        let rows = [row("all", 1, 0.5), row("none", 1, 0.25), row("head", 1, 0.75)];
        let all = ["all", "none", "head"].map(|name| candidate(name, &rows, Pairing::Paired));
        let compared = compare_candidates(&all, 1);
        let means = compared.iter().map(|one| one.difference("test_accuracy").map(|d| d.mean));
        assert_eq!(means.collect::<Vec<_>>(), [Some(0.25), None, Some(0.5)]);
        let references: Vec<bool> = compared.iter().map(|one| one.is_reference).collect();
        assert_eq!(references, [false, true, false]);
        assert!(compare_candidates(&all, 3).is_empty());
    }

    #[test]
    fn several_strategies_are_corrected_together() {
        let differences = [("all", [0.0; 3]), ("a", [0.01, 0.012, 0.011]), ("b", [0.1, 0.3, 0.2])];
        let mut rows = Vec::new();
        for (name, values) in differences {
            rows.extend((1..4).zip(values).map(|(seed, value)| row(name, seed, 0.5 + value)));
        }
        let both = compare(&rows);
        let [a, b] = [&both[1], &both[2]].map(|one| one.difference("test_accuracy").unwrap());
        // t = 0.2·√3/0.1 has p = 0.0742 with 2 degrees of freedom (tables), t = 0.011·√3/0.001
        // 0.00274. The smaller one is doubled, the larger one stays.
        assert!((a.adjusted_p.unwrap() - 2.0 * a.p.unwrap()).abs() < 1e-15);
        assert_eq!(b.adjusted_p, b.p);
        assert_eq!((a.is_tie(), b.is_tie()), (Some(false), Some(true)));
        let alone = compare(&rows[..6]);
        let a = alone[1].difference("test_accuracy").unwrap();
        assert_eq!(a.adjusted_p, a.p);
    }

    #[test]
    fn a_seed_without_a_value_is_named_and_leaves_the_mean_open() {
        let mut rows = [row("all", 1, 0.5), row("all", 2, 0.7), row("none", 1, 0.6)];
        rows[1].test_accuracy = Some(f64::NAN);
        rows[0].test_loss = Some(f64::MAX);
        rows[1].test_loss = Some(f64::MAX);
        let compared = compare(&rows);
        assert_eq!(
            (compared[0].spread("test_accuracy"), compared[0].spread("test_loss")),
            (None, None)
        );
        let index = quantity_index("test_accuracy").unwrap();
        let missing = MissingValue { seed: 2, absence: Absence::NoValue };
        assert_eq!(compared[0].missing[index], [missing]);
        assert_eq!(compared[1].missing[index], []);
        assert!((compared[1].difference("test_accuracy").unwrap().mean - 0.1).abs() < 1e-12);
    }
}
