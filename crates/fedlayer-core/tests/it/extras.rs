//! Values beside the barriers: twins, peaks, interactions; and losses that are not finite.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::{
    Seed,
    barrier::{BarrierStudy, summarize},
    model::{LayerSet, Mix, Params, Point, distance},
    record::{BarrierKind, Metric},
    spec::{BarrierSpec, Baseline, SetSpec, SplitSpec, Weighting},
};
use proptest::prelude::*;

use crate::support::{
    At, Outcomes, at, bits, cohort, ends, layout, mean, measure, near, pairs, params,
};

fn product(v: &[f32]) -> Outcomes {
    (0_u8..4).map(|k| ((v[0] * v[1] - f32::from(k)).powi(2), true)).collect()
}

proptest! {
    /// The norm of a twin is ‖Δ_S‖·α, no other layer moves, and the seed alone decides the
    /// direction.
    ///
    /// The parameters are as large as the step: f32 cannot hold a step of a millionth of the
    /// parameters to six digits.
    #[test]
    fn a_twin_has_the_norm_of_its_mix(
        a in prop::collection::vec(-1.0_f32..1.0, 60),
        b in prop::collection::vec(-1.0_f32..1.0, 60),
        alpha in 0.05..2.0,
        seed in any::<u64>(),
    ) {
        let layout = layout(&[("a", 10), ("b", 30), ("c", 20)]);
        let (base, other) = (params(&layout, &a), params(&layout, &b));
        for layers in [vec![0], vec![1], vec![0, 2], vec![0, 1, 2]] {
            let set = LayerSet::new(layout.clone(), layers);
            let mix = Mix { base: base.clone(), other: other.clone(), set: set.clone(), weight: alpha };
            let twin = mix.twin(Seed::new(seed));
            let step = alpha * distance(&base, &other, set.ranges());
            let moved = distance(&base, &twin, set.ranges());
            prop_assert!((moved - step).abs() <= 1e-6 * step, "{} is not {}", moved, step);
            prop_assert_eq!(distance(&base, &twin, set.complement().ranges()), 0.0);
            prop_assert_eq!(bits(twin.values()), bits(mix.twin(Seed::new(seed)).values()));
            prop_assert_ne!(bits(twin.values()), bits(mix.twin(Seed::new(seed).index(1)).values()));
        }
    }
}

/// Twins are isotropic: over many draws, each coordinate has the same mean square, and mean 0.
#[test]
fn twins_are_isotropic() {
    let layout = layout(&[("a", 4)]);
    let base = Arc::new(Params::zeros(layout.clone()));
    let other = params(&layout, &[2.0, 0.0, 0.0, 0.0]);
    let mix = Mix { base, other, set: LayerSet::all(&layout), weight: 1.0 };
    let twins: Vec<Params> = (0..4000).map(|k| mix.twin(Seed::new(5).index(k))).collect();
    for i in 0..4 {
        let values: Vec<f64> = twins.iter().map(|twin| f64::from(twin.values()[i])).collect();
        let squares: Vec<f64> = values.iter().map(|value| value.powi(2)).collect();
        // ‖Δ‖² = 4 over 4 coordinates; the standard errors are about 0.016 and 0.014.
        assert!(mean(&values).abs() < 0.07, "{i}: {}", mean(&values));
        assert!((mean(&squares) - 1.0).abs() < 0.07, "{i}: {}", mean(&squares));
    }
}

/// Every direction, set and α has as many twins as the scenario asks for, all different. Their row
/// is the mean over the draws.
#[test]
fn every_barrier_has_its_own_twins() {
    let layout = layout(&[("a", 1), ("b", 3)]);
    let ends =
        ends(&layout, &[(&[1.0, 2.0, 0.5, -0.5], 1), (&[-1.0, 0.5, 0.25, 1.0], 1), (&[0.5; 4], 2)]);
    let spec = BarrierSpec { alpha: vec![0.25, 0.5], twins: 3, ..pairs() };
    let study = BarrierStudy::new(&spec, Weighting::Equal, 4, Seed::new(7), &ends).unwrap();
    let twins: Vec<(Mix, Params)> = study
        .probes()
        .into_iter()
        .filter_map(|probe| match probe.point {
            Point::Twin { mix, seed } => Some((mix.clone(), mix.twin(seed))),
            _ => None,
        })
        .collect();
    // Six directions, three sets, two α, three draws. For a single value, a direction is a sign.
    assert_eq!(twins.len(), 6 * 3 * 2 * 3);
    let wide = twins.iter().filter(|(mix, _)| mix.set.parameters() > 1);
    let distinct: BTreeSet<_> = wide.map(|(_, twin)| bits(twin.values())).collect();
    assert_eq!(distinct.len(), 6 * 2 * 2 * 3);

    let norm = |v: &[f32]| vec![(v.iter().map(|x| x * x).sum::<f32>(), true)];
    let measured = measure(&spec, Weighting::Equal, &ends, norm);
    let again = measure(&spec, Weighting::Equal, &ends, norm);
    assert_eq!(measured.rows, again.rows);
    let study = BarrierStudy::new(&spec, Weighting::Equal, 1, Seed::new(7), &ends).unwrap();
    let draws: Vec<f64> = study
        .probes()
        .iter()
        .filter_map(|probe| match &probe.point {
            Point::Twin { mix, seed } if mix.weight == 0.5 && mix.set.is_all() => {
                let pair = (mix.base.values()[0], mix.other.values()[0]) == (1.0, -1.0);
                pair.then(|| f64::from(norm(mix.twin(*seed).values())[0].0))
            }
            _ => None,
        })
        .collect();
    assert_eq!(draws.len(), 3);
    let loss = |k: usize| f64::from(norm(ends[k].update.params.values())[0].0);
    let row = measured.row(at(BarrierKind::Twin, "all", "0<-1"));
    near(row.value.unwrap(), mean(&draws) - 0.5 * (loss(0) + loss(1)), 1e-12, row);
    let center = mean(&draws);
    let variance = draws.iter().map(|draw| (draw - center).powi(2)).sum::<f64>() / 2.0;
    near(row.std_error.unwrap(), (variance / 3.0).sqrt(), 1e-12, row);
}

/// Every set, base and baseline has the largest value of the α grid, with its α.
#[test]
fn a_peak_is_the_maximum_over_the_grid() {
    let layout = layout(&[("a", 1), ("b", 1)]);
    let ends = ends(&layout, &[(&[1.0, 2.0], 1), (&[-1.5, 0.5], 1), (&[4.0, 0.25], 2)]);
    let alpha = vec![0.1, 0.3, 0.5, 0.7, 0.9, 1.0];
    let spec = BarrierSpec { alpha: alpha.clone(), ..cohort() };
    let wavy = |v: &[f32]| {
        let loss = |k: u8| (v[0] * 3.0 + f32::from(k)).sin() + (v[1] * v[0]).cos();
        (0..4).map(|k| (loss(k), loss(k) < 0.0)).collect()
    };
    let measured = measure(&spec, Weighting::Equal, &ends, wavy);
    let mut found = BTreeSet::new();
    for peak in measured.of(BarrierKind::Peak) {
        let grid = measured.rows.iter().filter(|row| {
            [BarrierKind::Full, BarrierKind::Layer].contains(&row.kind)
                && (row.metric, &row.set, &row.base, row.baseline)
                    == (peak.metric, &peak.set, &peak.base, peak.baseline)
        });
        let grid: Vec<_> = grid.collect();
        assert_eq!(grid.len(), alpha.len(), "{peak:?}");
        assert!(grid.iter().all(|row| row.value <= peak.value), "{peak:?}");
        let own = grid.iter().find(|row| row.alpha == peak.alpha).unwrap();
        assert_eq!((own.value, own.std_error), (peak.value, peak.std_error));
        found.insert(peak.alpha.map(f64::to_bits));
    }
    // Two metrics, five baselines, three sets; three bases, their mean and their maximum.
    assert_eq!(measured.of(BarrierKind::Peak).count(), 2 * 5 * 3 * 5);
    assert!(found.len() > 2, "peaks at one α only show nothing");
    assert_eq!(measure(&cohort(), Weighting::Equal, &ends, wavy).of(BarrierKind::Peak).count(), 0);
}

#[test]
fn the_interaction_is_the_full_barrier_less_the_sum_of_the_layers() {
    let layout = layout(&[("a", 1), ("b", 1), ("c", 2)]);
    let models: [(&[f32], u64); 3] =
        [(&[1.0, 2.0, 0.5, 1.0], 1), (&[-1.5, 0.5, 2.0, 0.0], 3), (&[4.0, 0.25, 1.0, 1.0], 2)];
    let loss = |v: &[f32]| {
        let loss = |k: u8| (v[0] * v[1] * v[2] - f32::from(k)).powi(2) + v[3].abs();
        (0_u8..4).map(|k| (loss(k), loss(k) < 1.0)).collect()
    };
    for spec in [pairs(), cohort()] {
        let measured = measure(&spec, Weighting::Examples, &ends(&layout, &models), loss);
        let rows: Vec<_> =
            measured.of(BarrierKind::Interaction).filter(|row| row.base != "max").collect();
        assert!(rows.iter().any(|row| row.value.unwrap().abs() > 1.0));
        for row in rows {
            let value = |kind, set| {
                let (metric, baseline) = (row.metric, row.baseline);
                measured.value(At { metric, baseline, ..at(kind, set, &row.base) })
            };
            let layers: f64 =
                ["a", "b", "c"].map(|layer| value(BarrierKind::Layer, layer)).iter().sum();
            near(row.value.unwrap(), value(BarrierKind::Full, "all") - layers, 1e-12, row);
        }
    }
    let sets = vec![SetSpec::Full];
    let full = BarrierSpec { sets, ..cohort() };
    let measured = measure(&full, Weighting::Equal, &ends(&layout, &models), loss);
    assert_eq!(measured.of(BarrierKind::Interaction).count(), 0);
}

/// Records hold no NaN and no infinity: such values are absent, and no maximum hides them.
#[test]
fn losses_that_are_not_finite_give_no_values() {
    let layout = layout(&[("a", 1), ("b", 1)]);
    let alpha = vec![0.25, 0.5];
    let spec = BarrierSpec { alpha, twins: 2, ..cohort() };
    let models: [(&[f32], u64); 2] = [(&[1.0, 2.0], 1), (&[-1.5, 0.5], 1)];
    for worst in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        // The loss is not finite for all models; for the first end model; for its mixes.
        let everywhere = |_: &[f32]| vec![(worst, false), (1.0, true)];
        let at_the_end = |v: &[f32]| vec![(if *v == [1.0, 2.0] { worst } else { v[1] }, true); 3];
        let on_the_way = |v: &[f32]| {
            let end = models.iter().any(|(end, _)| *end == v);
            vec![(if end || v[0] != 1.0 { v[1] } else { worst }, true); 3]
        };
        let ends = ends(&layout, &models);
        for row in measure(&spec, Weighting::Equal, &ends, everywhere).rows {
            assert!(row.metric != Metric::Loss || row.value.is_none(), "{row:?}");
        }
        let measured = measure(&spec, Weighting::Equal, &ends, at_the_end);
        let value = |at| measured.row(at).value;
        for base in ["0", "1", "mean", "max"] {
            assert_eq!(value(at(BarrierKind::Full, "all", base)), None);
        }
        let baseline = Some(Baseline::Base);
        assert!(value(At { baseline, ..at(BarrierKind::Full, "all", "1") }).is_some());

        let measured = measure(&spec, Weighting::Equal, &ends, on_the_way);
        let value = |at| measured.row(at).value;
        // Averaging `b` into the first model diverges; averaging it into the second does not.
        assert_eq!(value(at(BarrierKind::Layer, "b", "0")), None);
        assert!(value(at(BarrierKind::Layer, "b", "1")).is_some());
        assert_eq!(value(at(BarrierKind::Layer, "b", "mean")), None);
        assert_eq!(value(at(BarrierKind::Layer, "b", "max")), None, "a maximum hides nothing");
        let shown = summarize(&measured.rows);
        assert!(shown.full_barrier.is_some());
        assert_eq!((shown.max_layer, shown.max_layer_barrier), (None, None));
        for row in measured.rows.iter().filter(|row| row.value.is_none()) {
            assert_eq!(row.std_error, None, "{row:?}");
        }
        for row in &measured.rows {
            assert!(row.value.is_none_or(f64::is_finite), "{row:?}");
            assert!(row.std_error.is_none_or(f64::is_finite), "{row:?}");
        }
    }
}

#[test]
fn no_example_gives_no_value() {
    let ends = ends(&layout(&[("a", 1)]), &[(&[1.0], 1), (&[2.0], 1)]);
    let measured = measure(&cohort(), Weighting::Equal, &ends, |_| Vec::new());
    let rows = measured.rows.iter().filter(|row| row.split.is_some());
    assert!(rows.clone().count() > 0);
    assert!(rows.clone().all(|row| (row.value, row.std_error) == (None, None)));
}

/// One model is its own average and has no barrier. A pair needs two models.
#[test]
fn a_cohort_of_one_has_no_barrier() {
    let ends = ends(&layout(&[("a", 1), ("b", 1)]), &[(&[1.0, 2.0], 5)]);
    let spec = BarrierSpec { alpha: vec![0.25, 0.5], twins: 2, ..cohort() };
    let measured = measure(&spec, Weighting::Examples, &ends, product);
    let losses = measured.rows.iter().filter(|row| row.baseline.is_some());
    assert!(losses.clone().count() > 0);
    assert!(losses.clone().all(|row| row.value == Some(0.0)));
    let alone = BarrierSpec { alpha: vec![0.25, 0.5], twins: 2, ..pairs() };
    let measured = measure(&alone, Weighting::Examples, &ends, product);
    assert!(
        measured
            .rows
            .iter()
            .all(|row| matches!(row.kind, BarrierKind::Geometry | BarrierKind::End))
    );
    assert!(BarrierStudy::new(&spec, Weighting::Equal, 1, Seed::new(1), &[]).is_err());
}

/// Tables show a few of the recorded rows.
#[test]
fn tables_show_the_mean_baseline_at_a_half() {
    let layout = layout(&[("w1", 1), ("w2", 1)]);
    let ends = ends(&layout, &[(&[1.0, 1.0], 1), (&[4.0, 0.25], 1)]);
    let loss = |w: &[f32]| vec![((1.0 - w[0] * w[1]).powi(2) * (1.0 + w[0]), true)];
    let spec = BarrierSpec {
        sets: vec![SetSpec::Shallow, SetSpec::Layers, SetSpec::Full],
        alpha: vec![0.25, 0.5],
        splits: vec![SplitSpec::Test, SplitSpec::Train],
        twins: 1,
        ..cohort()
    };
    let measured = measure(&spec, Weighting::Equal, &ends, loss);
    let value = |kind, set| {
        let test = measured.of(kind).filter(|row| row.split == Some(SplitSpec::Test));
        let shown = at(kind, set, "mean");
        let row = test
            .filter(|row| (row.baseline, row.alpha) == (shown.baseline, shown.alpha))
            .find(|row| (row.set.as_str(), row.base.as_str()) == (set, "mean"));
        row.unwrap().value
    };
    let (first, second) = (value(BarrierKind::Layer, "w1"), value(BarrierKind::Layer, "w2"));
    assert_ne!(first, second);
    let shown = summarize(&measured.rows);
    assert_eq!(shown.full_barrier, value(BarrierKind::Full, "all"));
    assert_eq!(shown.max_layer_barrier, if first > second { first } else { second });
    let largest = if first > second { "w1" } else { "w2" };
    assert_eq!(shown.max_layer.unwrap().as_str(), largest);
    assert_eq!(summarize(&[]), Default::default());
}

/// If several bases have the maximum, the first one counts: its value and its standard error are
/// recorded.
#[test]
fn the_standard_error_of_a_maximum_is_the_first_of_the_largest_bases() {
    // Both mixes have the mean loss 2 and the same barrier: the losses are 2, 2 at the first base,
    // and 0, 4 at the second.
    let ends = ends(&layout(&[("a", 1), ("b", 1)]), &[(&[1.0, 2.0], 1), (&[3.0, 4.0], 1)]);
    let losses = |v: &[f32]| match v {
        [1.0, 3.0] => vec![(2.0, true), (2.0, true)],
        [3.0, 3.0] => vec![(0.0, true), (4.0, true)],
        _ => vec![(1.0, true), (1.0, true)],
    };
    let measured = measure(&cohort(), Weighting::Equal, &ends, losses);
    let of = |base| measured.row(at(BarrierKind::Layer, "b", base));
    assert_eq!((of("0").value, of("1").value), (Some(1.0), Some(1.0)));
    assert_eq!((of("0").std_error, of("1").std_error), (Some(0.0), Some(2.0)));
    assert_eq!((of("max").value, of("max").std_error), (Some(1.0), Some(0.0)));
}
