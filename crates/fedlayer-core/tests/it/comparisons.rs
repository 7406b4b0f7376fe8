//! Differences of strategies and distributions over clients, compared with SciPy's, statsmodels'
//! and NumPy's numbers (`tests/oracle/comparisons.py`).

use std::convert::Infallible;

use fedlayer_core::{
    compare::{
        ClientAccuracies, ComparedClient, Difference, holm, independent_difference,
        paired_difference,
    },
    data::ClientId,
};
use serde::Deserialize;

/// The contents of `comparisons.json`.
#[derive(Deserialize)]
struct Comparisons {
    paired: Vec<PairedNumbers>,
    independent: Vec<IndependentNumbers>,
    holm: Vec<HolmNumbers>,
    clients: Vec<ClientNumbers>,
}

#[derive(Deserialize)]
struct PairedNumbers {
    differences: Vec<f64>,
    #[serde(flatten)]
    expected: DifferenceNumbers,
}

#[derive(Deserialize)]
struct IndependentNumbers {
    own: Vec<f64>,
    reference: Vec<f64>,
    #[serde(flatten)]
    expected: DifferenceNumbers,
}

#[derive(Deserialize)]
struct DifferenceNumbers {
    mean: f64,
    low: f64,
    high: f64,
    p: f64,
}

#[derive(Deserialize)]
struct HolmNumbers {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct ClientNumbers {
    own: Vec<f64>,
    local: Vec<f64>,
    averaged: Vec<f64>,
    fairness: f64,
    worst_decile: f64,
    incentive: f64,
}

fn comparisons() -> Comparisons {
    let json = include_str!("../../../../tests/oracle/fixtures/comparisons.json");
    serde_json::from_str(json).unwrap()
}

/// Checks that two numbers differ by at most 1e-9 of the larger one.
fn assert_near(found: f64, expected: f64, about: &str) {
    let scale = found.abs().max(expected.abs());
    assert!((found - expected).abs() <= 1e-9 * scale, "{about}: {found:e}, not {expected:e}");
}

fn assert_difference(found: Difference, expected: &DifferenceNumbers, about: &str) {
    let half = found.half_width.unwrap();
    // The ends of an interval may cancel, so they are compared on the scale of its width.
    let scale = half.max(found.mean.abs());
    for (end, expected) in [(found.mean - half, expected.low), (found.mean + half, expected.high)] {
        assert!((end - expected).abs() <= 1e-9 * scale, "{about}: {end:e}, not {expected:e}");
    }
    assert_near(found.p.unwrap(), expected.p, about);
    assert!((found.mean - expected.mean).abs() <= 1e-12 * scale, "{about}");
}

#[test]
fn intervals_and_p_values_are_those_of_scipy() {
    let Comparisons { paired, independent, .. } = comparisons();
    for PairedNumbers { differences, expected } in &paired {
        let found = paired_difference(differences).unwrap();
        assert_difference(found, expected, &format!("{} pairs", differences.len()));
    }
    for IndependentNumbers { own, reference, expected } in &independent {
        let found = independent_difference(own, reference).unwrap();
        assert_difference(found, expected, &format!("{} and {}", own.len(), reference.len()));
    }
    assert_eq!((paired.len(), independent.len()), (24, 9));
}

#[test]
fn holm_is_that_of_statsmodels() {
    for HolmNumbers { p, adjusted } in comparisons().holm {
        let found = holm(&p);
        assert_eq!(found.len(), adjusted.len());
        found.iter().zip(&adjusted).for_each(|(found, expected)| {
            assert_near(*found, *expected, &format!("{p:?}"));
        });
    }
}

#[test]
fn fairness_worst_decile_and_incentive_are_those_of_numpy() {
    for numbers in comparisons().clients {
        let [own, local, averaged] =
            [&numbers.own, &numbers.local, &numbers.averaged].map(|of| accuracies(of));
        let about = format!("{} clients", numbers.own.len());
        assert!((own.fairness().unwrap() - numbers.fairness).abs() < 1e-12, "{about}");
        assert_near(own.worst_decile().unwrap(), numbers.worst_decile, &about);
        assert_near(own.incentive(&local, &averaged).unwrap(), numbers.incentive, &about);
    }
}

fn accuracies(values: &[f64]) -> ClientAccuracies {
    let client = |(client, &accuracy): (usize, &f64)| -> Result<_, Infallible> {
        let client = ClientId(client as u32);
        Ok(ComparedClient { round: 3, client, test_accuracy_after: Some(accuracy) })
    };
    ClientAccuracies::over(&[3], values.iter().enumerate().map(client)).unwrap()
}
