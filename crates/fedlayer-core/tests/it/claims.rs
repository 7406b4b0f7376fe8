//! The claims about barriers that follow from the definition for every loss.

use std::collections::BTreeMap;

use fedlayer_core::{
    Seed,
    barrier::{EndLosses, target_sets},
    model::{LayerSet, Mix},
    record::{BarrierKind, Metric},
    spec::{BarrierSpec, Baseline, Between, SetSpec, Weighting},
};
use proptest::prelude::*;

use crate::support::{At, Outcomes, at, cohort, ends, layout, measure, near, pairs, params};

/// Three layers of 2, 1 and 2 values.
const LAYERS: [(&str, usize); 3] = [("a", 2), ("b", 1), ("c", 2)];

/// The loss is neither convex, nor separable, nor symmetric.
fn wavy(v: &[f32]) -> Outcomes {
    let loss = |example: u8| {
        let x = f32::from(example);
        (v[0] * v[4] - x).powi(2) + (v[1] + x * v[2]).sin().abs() + (v[3] * v[2]).powi(2)
    };
    (0..6).map(loss).map(|loss| (loss, loss < 2.0)).collect()
}

fn model() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-2.0_f32..2.0, 5)
}

fn weighting() -> impl Strategy<Value = Weighting> {
    prop::sample::select(vec![Weighting::Examples, Weighting::Equal])
}

fn between() -> impl Strategy<Value = Between> {
    prop::sample::select(vec![Between::Cohort, Between::Pairs])
}

/// Every sweep.
fn sweeps() -> Vec<SetSpec> {
    let all = SetSpec::Named(vec!["*".into()]);
    let (one, every) = (SetSpec::Window(1), SetSpec::Window(3));
    let rest = [SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep];
    let drawn = [SetSpec::Random, SetSpec::Alternating, all, one, every];
    rest.into_iter().chain(drawn).collect()
}

#[test]
fn sweeps_share_their_ends() {
    let layout = layout(&LAYERS);
    let sets = |spec: SetSpec| {
        let targets = target_sets(&[spec], &layout, Seed::new(7));
        targets.iter().map(|target| target.set.to_string()).collect::<Vec<_>>()
    };
    let first_and_last = [
        (SetSpec::Shallow, "a"),
        (SetSpec::Deep, "c"),
        (SetSpec::Alternating, "a"),
        (SetSpec::Random, &sets(SetSpec::Random)[0]),
    ];
    for (spec, first) in first_and_last {
        let sets = sets(spec.clone());
        assert!(LAYERS.iter().any(|(name, _)| *name == first), "{spec:?} begins with {first}");
        assert_eq!((sets[0].as_str(), sets[2].as_str(), sets.len()), (first, "all", 3), "{spec:?}");
    }
    assert_eq!(sets(SetSpec::Window(1)), sets(SetSpec::Layers));
    assert_eq!(sets(SetSpec::Window(3)), sets(SetSpec::Full));
    assert_eq!(sets(SetSpec::Named(vec!["*".into()])), sets(SetSpec::Full));
}

proptest! {
    // Every case measures hundreds of barriers.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With the test above: the set of all layers gives the full barrier, the first cumulative step
    /// the barrier of that layer, and the last step the full barrier.
    #[test]
    fn a_barrier_depends_on_its_set_and_not_on_the_sweep(
        models in prop::collection::vec((model(), 1_u64..100), 2..4),
        weighting in weighting(),
        between in between(),
    ) {
        let models: Vec<_> = models.iter().map(|(values, n)| (values.as_slice(), *n)).collect();
        let spec = BarrierSpec {
            sets: sweeps(),
            alpha: vec![0.3, 0.5, 1.0],
            between,
            ..pairs()
        };
        let measured = measure(&spec, weighting, &ends(&layout(&LAYERS), &models), wavy);
        let mut seen = BTreeMap::new();
        let extra = [BarrierKind::Peak, BarrierKind::Interaction, BarrierKind::Geometry];
        for row in measured.rows.iter().filter(|row| !extra.contains(&row.kind)) {
            let alpha = row.alpha.map(f64::to_bits);
            let key = (row.metric, row.set.clone(), row.base.clone(), alpha, row.baseline);
            let value = (row.value, row.std_error);
            prop_assert_eq!(*seen.entry(key).or_insert(value), value, "{:?}", row);
        }
    }

    /// barrier(θ, θ) = 0, exactly. Before training, all barriers are therefore 0, because all
    /// clients hold the same initial parameters.
    #[test]
    fn equal_models_have_no_barrier(
        model in model(),
        examples in prop::collection::vec(1_u64..1000, 1..6),
        weighting in weighting(),
        between in between(),
    ) {
        let models: Vec<_> = examples.iter().map(|&n| (model.as_slice(), n)).collect();
        let spec = BarrierSpec {
            sets: sweeps(),
            alpha: vec![0.1, 0.3, 0.5, 0.7, 1.0],
            between,
            twins: 2,
            ..pairs()
        };
        let measured = measure(&spec, weighting, &ends(&layout(&LAYERS), &models), wavy);
        for row in measured.rows.iter().filter(|row| row.baseline.is_some()) {
            prop_assert_eq!((row.value, row.std_error), (Some(0.0), Some(0.0)), "{:?}", row);
        }
        let norms = measured.of(BarrierKind::Geometry).filter(|row| row.metric == Metric::Norm);
        for row in norms.filter(|row| row.value.is_some()) {
            prop_assert_eq!(row.value, Some(0.0), "{:?}", row);
        }
    }

    /// The barrier into A at α equals the barrier into B at 1−α for all layers, under every
    /// baseline that does not depend on the base.
    #[test]
    fn the_way_back_meets_the_way_there(a in model(), b in model()) {
        let spec = BarrierSpec { alpha: vec![0.25, 0.5, 0.75], ..pairs() };
        let ends = ends(&layout(&LAYERS), &[(&a, 1), (&b, 1)]);
        let measured = measure(&spec, Weighting::Equal, &ends, wavy);
        for baseline in [Baseline::Mean, Baseline::Linear, Baseline::Max, Baseline::Chord] {
            for alpha in [0.25, 0.5, 0.75] {
                let value = |base, alpha| {
                    let (alpha, baseline) = (Some(alpha), Some(baseline));
                    measured.value(At { alpha, baseline, ..at(BarrierKind::Full, "all", base) })
                };
                near(value("0<-1", alpha), value("1<-0", 1.0 - alpha), 1e-12, (baseline, alpha));
            }
        }
    }

    /// Under the linear baseline the barrier is 0 at α = 1 for all layers, and under the chord for
    /// every set.
    #[test]
    fn no_barrier_at_the_other_end(a in model(), b in model()) {
        let spec = BarrierSpec { alpha: vec![1.0], ..pairs() };
        let ends = ends(&layout(&LAYERS), &[(&a, 1), (&b, 3)]);
        let measured = measure(&spec, Weighting::Examples, &ends, wavy);
        for row in measured.rows.iter().filter(|row| row.split.is_some()) {
            let exact = match row.baseline {
                Some(Baseline::Linear) => row.kind == BarrierKind::Full,
                Some(Baseline::Chord) => true,
                _ => false,
            };
            prop_assert!(!exact || row.value == Some(0.0), "{:?}", row);
        }
    }

    /// At α = 0 every mix is the base.
    #[test]
    fn no_barrier_at_the_base(a in model(), b in model(), layer in 0_usize..3) {
        let layout = layout(&LAYERS);
        let set = LayerSet::new(layout.clone(), [layer]);
        let (base, other) = (params(&layout, &a), params(&layout, &b));
        let mix = Mix { base, other, set, weight: 0.0 }.params();
        prop_assert_eq!(mix.values(), a.as_slice());
        let losses = [&a, &b].map(|v| wavy(v).iter().map(|o| f64::from(o.0)).collect::<Vec<_>>());
        for base in [0, 1] {
            let ends = EndLosses { losses: &losses, weights: &[0.5, 0.5], base };
            for baseline in [Baseline::Linear, Baseline::Base, Baseline::Chord] {
                let line = ends.baseline(baseline, 0.0, Some(&losses[1 - base]));
                prop_assert_eq!(line.as_ref(), Some(&losses[base]), "{:?}", baseline);
            }
        }
    }
}

/// The barrier of a single layer may exceed the full barrier. f = w₁w₂, L = (1 − w₁w₂)², θ₁ = (1,
/// 1), θ₂ = (4, ¼): r = 4 (Fig. 4).
#[test]
fn fig_4_has_the_numbers_of_its_closed_form() {
    let layout = layout(&[("w1", 1), ("w2", 1)]);
    let ends = ends(&layout, &[(&[1.0, 1.0], 1), (&[4.0, 0.25], 1)]);
    let loss = |w: &[f32]| vec![((1.0 - w[0] * w[1]).powi(2), true)];
    let expected = [
        (BarrierKind::Full, "all", 0.31640625, 0.31640625),
        (BarrierKind::Layer, "w1", 2.25, 0.140625),
        (BarrierKind::Layer, "w2", 0.140625, 2.25),
    ];
    for (spec, into_1, into_2) in [(pairs(), "0<-1", "1<-0"), (cohort(), "0", "1")] {
        let measured = measure(&spec, Weighting::Equal, &ends, loss);
        for (kind, set, first, second) in expected {
            measured.check(&[
                (kind, set, into_1, first),
                (kind, set, into_2, second),
                (kind, set, "mean", (first + second) / 2.0),
                (kind, set, "max", first.max(second)),
            ]);
        }
    }
}

/// The same for all r and all scales a.
#[test]
fn fig_4_follows_its_formula() {
    let layout = layout(&[("w1", 1), ("w2", 1)]);
    let loss = |w: &[f32]| vec![((1.0 - w[0] * w[1]).powi(2), true)];
    for (a, r) in [(1.0_f32, 2.0_f32), (2.0, 8.0), (0.5, 16.0), (4.0, 0.25)] {
        let b = a * r;
        let ends = ends(&layout, &[(&[a, 1.0 / a], 1), (&[b, 1.0 / b], 1)]);
        let r = f64::from(r);
        let first = ((r - 1.0) / 2.0).powi(2);
        let second = ((r - 1.0) / (2.0 * r)).powi(2);
        let full = ((r - 1.0).powi(2) / (4.0 * r)).powi(2);
        measure(&pairs(), Weighting::Equal, &ends, loss).check(&[
            (BarrierKind::Full, "all", "0<-1", full),
            (BarrierKind::Layer, "w1", "0<-1", first),
            (BarrierKind::Layer, "w2", "0<-1", second),
            (BarrierKind::Full, "all", "1<-0", full),
            (BarrierKind::Layer, "w1", "1<-0", second),
            (BarrierKind::Layer, "w2", "1<-0", first),
        ]);
    }
}
