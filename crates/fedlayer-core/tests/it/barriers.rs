//! Barriers of a cohort of any size, compared with computations in the tests.

use fedlayer_core::{
    barrier::{BarrierStudy, EndModel},
    data::Split,
    record::{BarrierKind, Metric},
    spec::{BarrierSpec, Baseline, SetSpec, SplitSpec, Weighting},
};
use proptest::prelude::*;

use crate::support::{
    At, Measured, Outcomes, at, cohort, ends, layout, mean, measure, near, pairs,
};

/// The loss is a product, so layers interact; there are four examples.
fn product(v: &[f32]) -> Outcomes {
    let loss = |example: u8| (v[0] * v[1] - f32::from(example)).powi(2);
    (0..4).map(loss).map(|loss| (loss, loss < 1.0)).collect()
}

fn losses(v: &[f32]) -> Vec<f64> {
    product(v).iter().map(|outcome| f64::from(outcome.0)).collect()
}

/// Multiples of ¼ up to 2: every mean and mix below is exact in f32.
fn quarters() -> impl Strategy<Value = [f32; 2]> {
    [-8_i8..8, -8_i8..8].prop_map(|values| values.map(|value| f32::from(value) / 4.0))
}

proptest! {
    /// N = 2 and p = ½ is the definition of the paper.
    #[test]
    fn a_cohort_of_two_equals_is_a_pair(a in quarters(), b in quarters(), examples in 1_u64..9) {
        let alpha = vec![0.25, 0.5, 0.75, 1.0];
        let ends = ends(&layout(&[("a", 1), ("b", 1)]), &[(&a, examples), (&b, examples)]);
        let rows = |spec: BarrierSpec| {
            let spec = BarrierSpec { alpha: alpha.clone(), ..spec };
            measure(&spec, Weighting::Examples, &ends, product).rows
        };
        let (pairs, cohort) = (rows(pairs()), rows(cohort()));
        prop_assert_eq!(pairs.len(), cohort.len());
        for (pair, cohort) in pairs.iter().zip(&cohort) {
            let base = pair.base.split("<-").next();
            prop_assert_eq!((base, &pair.set, pair.alpha), (Some(cohort.base.as_str()), &cohort.set, cohort.alpha));
            prop_assert_eq!(pair.value.is_some(), cohort.value.is_some());
            near(pair.value.unwrap_or(0.0), cohort.value.unwrap_or(0.0), 1e-12, pair);
            near(pair.std_error.unwrap_or(0.0), cohort.std_error.unwrap_or(0.0), 1e-12, pair);
        }
    }
}

/// Three models with weights ½, ¼, ¼: B^(i) = L(θ_i with S ← Σ pⱼθⱼ) − Σ pⱼ L(θⱼ), and every other
/// baseline, computed from the definition.
#[test]
fn a_weighted_cohort_of_three_follows_the_definition() {
    let models: [[f32; 2]; 3] = [[1.0, 2.0], [-1.0, 0.5], [3.0, -1.5]];
    let shares = [0.5, 0.25, 0.25];
    let layout = layout(&[("a", 1), ("b", 1)]);
    let ends = ends(&layout, &[(&models[0], 6), (&models[1], 3), (&models[2], 3)]);
    let spec = BarrierSpec { alpha: vec![0.25, 0.5], ..cohort() };
    let measured = measure(&spec, Weighting::Examples, &ends, product);
    let center: Vec<f32> = (0..2)
        .map(|i| shares.iter().zip(&models).map(|(p, model)| p * f64::from(model[i])).sum::<f64>())
        .map(|value| value as f32)
        .collect();
    assert_eq!(center, [1.0, 0.75]);
    let ends: Vec<f64> = models.iter().map(|model| mean(&losses(model))).collect();
    let average: f64 = shares.iter().zip(&ends).map(|(p, loss)| p * loss).sum();
    for (kind, set, layers) in [
        (BarrierKind::Full, "all", vec![0, 1]),
        (BarrierKind::Layer, "a", vec![0]),
        (BarrierKind::Layer, "b", vec![1]),
    ] {
        for (i, model) in models.iter().enumerate() {
            for alpha in [0.25_f32, 0.5] {
                // The step that reaches the mean at α = ½.
                let step = |l: usize, alpha: f32| 2.0 * alpha * (center[l] - model[l]);
                let toward = |alpha: f32| {
                    let mut mix = *model;
                    layers.iter().for_each(|&l| mix[l] += step(l, alpha));
                    mean(&losses(&mix))
                };
                let (mix, a) = (toward(alpha), f64::from(alpha));
                let expected = [
                    (Baseline::Mean, mix - average),
                    (Baseline::Linear, mix - ((1.0 - 2.0 * a) * ends[i] + 2.0 * a * average)),
                    (Baseline::Max, mix - ends.iter().copied().fold(0.0, f64::max)),
                    (Baseline::Base, mix - ends[i]),
                    (Baseline::Chord, mix - ((1.0 - a) * ends[i] + a * toward(1.0))),
                ];
                let base = i.to_string();
                let mut row = At { alpha: Some(a), ..at(kind, set, &base) };
                for (baseline, value) in expected {
                    row.baseline = Some(baseline);
                    near(measured.value(row), value, 1e-12, row);
                }
            }
        }
    }
}

/// Values are recorded per base, and as mean and maximum over the bases.
#[test]
fn mean_and_max_are_over_the_bases() {
    let layout = layout(&[("a", 1), ("b", 1)]);
    let ends =
        ends(&layout, &[(&[1.0, 2.0], 6), (&[-1.0, 0.5], 3), (&[3.0, -1.5], 3), (&[0.5, 0.5], 1)]);
    for spec in [cohort(), pairs()] {
        let measured = measure(&spec, Weighting::Examples, &ends, product);
        for mean_row in measured.of(BarrierKind::Layer).filter(|row| row.base == "mean") {
            let same = |base: fn(&str) -> bool| {
                let rows = measured.of(BarrierKind::Layer).filter(move |row| base(&row.base));
                rows.filter(|row| {
                    (row.metric, &row.set, row.baseline)
                        == (mean_row.metric, &mean_row.set, mean_row.baseline)
                })
                .map(|row| row.value.unwrap())
                .collect::<Vec<f64>>()
            };
            let bases = same(|base| base != "mean" && base != "max");
            assert_eq!(bases.len(), if spec == cohort() { 4 } else { 12 });
            // The mean is weighted by the models' examples, and unweighted for pairs.
            let weighted = match bases[..] {
                [a, b, c, d] => (6.0 * a + 3.0 * b + 3.0 * c + d) / 13.0,
                _ => mean(&bases),
            };
            near(mean_row.value.unwrap(), weighted, 1e-12, mean_row);
            let max = same(|base| base == "max");
            assert_eq!(max, [bases.iter().copied().fold(f64::NEG_INFINITY, f64::max)]);
        }
    }
}

/// A third model once raised the `max` baseline of two others, and a diverged one made all their
/// barriers absent.
#[test]
fn a_pair_knows_nothing_of_a_third_model() {
    let layout = layout(&[("a", 1), ("b", 1)]);
    let two: [(&[f32], u64); 2] = [(&[1.0, 2.0], 6), (&[-1.0, 0.5], 3)];
    for third in [[9.0, 9.0], [f32::MAX, f32::MAX]] {
        let three = [two[0], two[1], (&third[..], 3)];
        let rows = |models: &[(&[f32], u64)]| -> Measured {
            measure(&pairs(), Weighting::Examples, &ends(&layout, models), product)
        };
        let (two, three) = (rows(&two), rows(&three));
        for row in two.rows.iter().filter(|row| row.base == "0<-1" || row.base == "1<-0") {
            assert!(three.rows.contains(row), "{row:?}");
        }
    }
}

/// Losses are paired per example: the standard error is that of the mean of the differences.
#[test]
fn the_standard_error_is_the_textbooks() {
    let layout = layout(&[("a", 1), ("b", 1)]);
    let (a, b): ([f32; 2], [f32; 2]) = ([1.0, 2.0], [-1.0, 0.5]);
    let measured =
        measure(&pairs(), Weighting::Equal, &ends(&layout, &[(&a, 1), (&b, 1)]), product);
    let mix = losses(&[0.0, 1.25]);
    let differences: Vec<f64> = mix
        .iter()
        .zip(losses(&a).iter().zip(&losses(&b)))
        .map(|(mix, (a, b))| mix - 0.5 * (a + b))
        .collect();
    let center = mean(&differences);
    let n = differences.len() as f64;
    let variance = differences.iter().map(|d| (d - center).powi(2)).sum::<f64>() / (n - 1.0);
    let row = measured.row(at(BarrierKind::Full, "all", "0<-1"));
    near(row.value.unwrap(), center, 1e-12, row);
    near(row.std_error.unwrap(), (variance / n).sqrt(), 1e-12, row);
    assert!(variance > 0.0);
}

/// 100 − accuracy in percent: the first model is right on 3 of 4 examples, the second on 1, their
/// mix on 2.
#[test]
fn errors_are_in_percent() {
    let layout = layout(&[("a", 1)]);
    let outcomes = |v: &[f32]| (0_u8..4).map(|k| (0.0, f32::from(k) < v[0])).collect();
    let ends = ends(&layout, &[(&[3.0], 1), (&[1.0], 1)]);
    let measured = measure(&pairs(), Weighting::Equal, &ends, outcomes);
    let expected = [
        (Baseline::Mean, 0.0),
        (Baseline::Linear, 0.0),
        (Baseline::Max, -25.0),
        (Baseline::Base, 25.0),
        (Baseline::Chord, 0.0),
    ];
    for (baseline, value) in expected {
        let row = At {
            metric: Metric::Error,
            baseline: Some(baseline),
            ..at(BarrierKind::Full, "all", "0<-1")
        };
        near(measured.value(row), value, 1e-12, baseline);
    }
}

/// Every point is evaluated once per split, the train split first, and each row uses the
/// evaluations of its own split.
#[test]
fn splits_do_not_mix() {
    let layout = layout(&[("a", 1), ("b", 1)]);
    let ends: Vec<EndModel> = ends(&layout, &[(&[1.0, 2.0], 1), (&[-1.0, 0.5], 1)]);
    let sets = vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep];
    let splits = vec![SplitSpec::Test, SplitSpec::Train];
    let both = BarrierSpec { sets: sets.clone(), splits, ..cohort() };
    let seed = fedlayer_core::Seed::new(7);
    let study = BarrierStudy::new(&both, Weighting::Equal, 1, seed, &ends).unwrap();
    let probes = study.probes();
    // Two ends and the mean; per base two layers at ½ and 1, and all layers at 1.
    assert_eq!(probes.len(), 2 * (3 + 2 * (4 + 1)));
    assert!(probes[..13].iter().all(|probe| probe.split == Split::Train));
    assert!(probes[13..].iter().all(|probe| probe.split == Split::Test));
    let evaluations: Vec<_> = probes
        .iter()
        .map(|probe| {
            let factor = if probe.split == Split::Train { 3.0 } else { 1.0 };
            let outcomes = product(probe.point.params().values());
            let losses = outcomes.iter().map(|outcome| factor * outcome.0).collect();
            fedlayer_core::trainer::Evaluation { losses, correct: None }
        })
        .collect();
    let rows = study.rows(&evaluations);
    let of = |split| rows.iter().filter(move |row| row.split == Some(split));
    assert!(of(SplitSpec::Test).count() > 0);
    for (train, test) in of(SplitSpec::Train).zip(of(SplitSpec::Test)) {
        near(train.value.unwrap(), 3.0 * test.value.unwrap(), 1e-6, train);
    }
    assert!(rows.iter().all(|row| row.metric != Metric::Error), "nothing was classified");
}
