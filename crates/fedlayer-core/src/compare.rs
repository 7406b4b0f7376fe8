//! [`compare`]: strategies side by side over seeds, and each against a reference on common random numbers.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{Refusals, SummaryRow, sample_deviation, trainer::mean};

/// The mean of a measure over the seeds, and its sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean over the seeds.
    pub mean: f64,
    /// The sample standard deviation (n − 1) over the seeds; absent for one seed.
    pub deviation: Option<f64>,
}

/// How a strategy differs from the reference on the same seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The mean of the per-seed differences.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval of that mean, by Student's t on the paired differences; absent for one seed.
    pub half_width: Option<f64>,
}

/// A number of a [`SummaryRow`] that strategies are compared by.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    /// The name, as in `summary.json`.
    pub name: &'static str,
    /// Takes it out of a row.
    pub of: fn(&SummaryRow) -> Option<f64>,
}

/// The numbers that strategies are compared by, in the order of tables.
pub const MEASURES: [Quantity; 9] = [
    Quantity { name: "test_accuracy", of: |row| row.test_accuracy },
    Quantity { name: "test_loss", of: |row| row.test_loss },
    Quantity { name: "client_accuracy_mean", of: |row| row.client_accuracy_mean },
    Quantity { name: "client_accuracy_std", of: |row| row.client_accuracy_std },
    Quantity { name: "full_barrier", of: |row| row.full_barrier },
    Quantity { name: "max_layer_barrier", of: |row| row.max_layer_barrier },
    Quantity { name: "end_loss_spread", of: |row| row.end_loss_spread },
    Quantity { name: "bytes_up", of: |row| Some(row.bytes_up as f64) },
    Quantity { name: "bytes_down", of: |row| Some(row.bytes_down as f64) },
];

/// One strategy in a comparison.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The strategy's name.
    pub strategy: String,
    /// The number of seeds.
    pub seeds: usize,
    /// The fewest and the most committed rounds over the seeds: they differ where a run failed.
    pub rounds: (u32, u32),
    /// Per measure, in the order of [`MEASURES`].
    pub spreads: Vec<Option<Spread>>,
    /// Per measure, against the first strategy, on the seeds that both have; absent for the first strategy itself.
    pub differences: Vec<Option<Difference>>,
    /// The layers that had the largest barrier, most frequent first.
    pub max_layers: Vec<String>,
    /// Per seed in which clients do not count: the seed, and who and why.
    pub refused: Vec<(u64, Refusals)>,
}

/// Compares strategies, in the order in which they first appear; the first is the reference.
///
/// Runs with the same seed share data, initial weights, cohorts and batches, so that differences are taken seed by seed: what all
/// strategies have in common drops out.
pub fn compare(rows: &[SummaryRow]) -> Vec<Compared> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.strategy.as_str()) {
            names.push(&row.strategy);
        }
    }
    let of = |name: &str| rows.iter().filter(|row| row.strategy == name).collect::<Vec<_>>();
    let reference = names.first().map(|name| of(name)).unwrap_or_default();
    names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let own = of(name);
            let spread = |measure: &Quantity| {
                let values: Option<Vec<f64>> = own.iter().map(|row| (measure.of)(row)).collect();
                let values = values?;
                let mean = mean(values.iter().copied())?;
                Some(Spread { mean, deviation: sample_deviation(&values) })
            };
            let against = |measure: &Quantity| {
                if index == 0 { None } else { difference(measure, &own, &reference) }
            };
            Compared {
                strategy: (*name).to_owned(),
                seeds: own.len(),
                rounds: (
                    own.iter().map(|row| row.rounds).min().unwrap_or(0),
                    own.iter().map(|row| row.rounds).max().unwrap_or(0),
                ),
                spreads: MEASURES.iter().map(spread).collect(),
                differences: MEASURES.iter().map(against).collect(),
                max_layers: by_frequency(&own),
                refused: own
                    .iter()
                    .filter_map(|row| Some((row.seed, row.refused.clone()?)))
                    .collect(),
            }
        })
        .collect()
}

/// The paired differences of a measure on the seeds that both strategies have.
fn difference(
    measure: &Quantity,
    own: &[&SummaryRow],
    reference: &[&SummaryRow],
) -> Option<Difference> {
    let pairs = own.iter().filter_map(|row| {
        let partner = reference.iter().find(|partner| partner.seed == row.seed)?;
        Some((measure.of)(row)? - (measure.of)(partner)?)
    });
    let differences: Vec<f64> = pairs.collect();
    let mean = mean(differences.iter().copied())?;
    let half_width = sample_deviation(&differences).and_then(|deviation| {
        let freedom = (differences.len() - 1) as f64;
        let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975);
        Some(t * deviation / (differences.len() as f64).sqrt())
    });
    Some(Difference { mean, half_width })
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

    fn row(strategy: &str, seed: u64, accuracy: f64) -> SummaryRow {
        let mut row = SummaryRow::new(strategy, seed, &[]);
        row.test_accuracy = Some(accuracy);
        row
    }

    #[test]
    fn differences_are_paired_by_seed() {
        // Seeds differ a lot; within a seed the second strategy is better by 0.02, 0.04 and 0.03.
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
}
