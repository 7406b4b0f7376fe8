//! Predictions of barriers without evaluating a mix.

use fedlayer_analysis::{ModelSet, analyze};
use fedlayer_core::{
    record::Metric,
    spec::{Baseline, Measurement, Predict, SplitSpec},
    trainer::ToyTrainer,
};

use crate::fixture::{Closure, Quadratic, model_set, normal, of, one, rows};
use crate::support::{data, layout, near, params, plan};

fn spec() -> Measurement {
    Measurement::Predict(Predict {})
}

/// The expansion of a quadratic has no remainder: it *is* the barrier under `base`.
#[test]
fn the_expansion_of_a_quadratic_is_its_barrier() {
    let layout = layout(&[("a", 2), ("b", 5), ("c", 3), ("d", 1)]);
    let model_set = model_set(&layout, &[&normal(1, 11), &normal(2, 11)]);
    let mut trainer = Quadratic::drawn(&layout, 5);
    let splits = [SplitSpec::Train, SplitSpec::Test];
    let found = analyze(&spec(), &model_set, &splits, fedlayer_core::Seed::new(1), &mut trainer);
    let found = found.unwrap();
    let mut largest = 0.0_f64;
    for split in splits {
        for base in ["3", "5"] {
            for set in ["a", "b", "c", "d"] {
                let at = |kind| {
                    let rows = of(&found, kind, set, base);
                    let row = rows.into_iter().find(|row| row.split == Some(split)).unwrap();
                    assert_eq!((row.alpha, row.baseline), (Some(0.5), Some(Baseline::Base)));
                    row.value.unwrap()
                };
                near(at("expansion"), at("measured"), 1e-5, (set, base, split));
                largest = largest.max(at("measured").abs());
            }
            let rank = of(&found, "spearman-expansion", "all", base);
            assert_eq!(rank.len(), 2);
            for row in rank {
                near(row.value.unwrap(), 1.0, 1e-12, row);
                assert_eq!(row.metric, None);
            }
        }
    }
    assert!(largest > 1.0);
}

#[test]
fn the_toy_is_told_exactly() {
    let plan = plan();
    let mut trainer =
        ToyTrainer::new(&plan, data(&[&[[1.0, -2.0], [3.0, 0.5]], &[[0.0, 1.0]]])).unwrap();
    let mut model_set = model_set(&plan.layout, &[&[1.0, 2.0], &[-3.0, 0.5]]);
    model_set.initial = Some(params(&plan.layout, &[0.5, 1.0]));
    let found = rows(&spec(), &model_set, &mut trainer);
    for base in ["3", "5"] {
        for set in ["q1", "q2"] {
            let value = |kind| one(&found, kind, set, base).value.unwrap();
            near(value("expansion"), value("measured"), 1e-5, set);
        }
        let (norm, cosine) = (one(&found, "norm", "q1", base), one(&found, "cosine", "q1", base));
        assert_eq!((norm.metric, norm.value, norm.split), (Some(Metric::Norm), Some(4.0), None));
        // One value goes up, and the other one down.
        assert_eq!((cosine.metric, cosine.value), (Some(Metric::Cosine), Some(-1.0)));
        assert_eq!(one(&found, "norm", "q2", base).value, Some(1.5));
        // Fewer than three layers have no rank correlation.
        for kind in ["spearman-norm", "spearman-cosine", "spearman-expansion"] {
            assert_eq!(one(&found, kind, "all", base).value, None);
        }
    }
}

/// Three layers with barriers that rank as their lengths do, and opposite to their cosines.
#[test]
fn correlations_are_of_the_measured_barriers() {
    let layout = layout(&[("a", 2), ("b", 2), ("c", 2), ("d", 2)]);
    let diagonal = |i: usize| (0..8).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
    let ends: [&[f32]; 2] = [&[0.0; 8], &[1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0]];
    let mut model_set: ModelSet = model_set(&layout, &ends);
    // From this initial model the layers move apart, longer layers more than shorter ones.
    model_set.initial = Some(params(&layout, &[0.5, -1.0].repeat(4)));
    let mut trainer = Quadratic::new(&layout, (0..8).map(diagonal).collect(), vec![0.0; 8]);
    let found = rows(&spec(), &model_set, &mut trainer);
    let value = |kind, base| one(&found, kind, "all", base).value.unwrap();
    // Away from the minimum the loss rises with ‖Δ‖²; towards it, the loss falls.
    near(value("spearman-norm", "3"), 1.0, 1e-12, "norm");
    near(value("spearman-norm", "5"), -1.0, 1e-12, "norm");
    near(value("spearman-cosine", "3"), -1.0, 1e-12, "cosine");
    near(value("spearman-expansion", "5"), 1.0, 1e-12, "expansion");
    let cosine: Vec<f64> =
        ["a", "b", "c", "d"].map(|set| one(&found, "cosine", set, "3").value.unwrap()).to_vec();
    assert!(cosine.windows(2).all(|pair| pair[1] < pair[0]), "{cosine:?}");

    // If the initial model is not known, there are no cosines and no correlations with them.
    model_set.initial = None;
    let found = rows(&spec(), &model_set, &mut trainer);
    assert_eq!(one(&found, "cosine", "a", "3").value, None);
    assert_eq!(one(&found, "spearman-cosine", "all", "3").value, None);
}

#[test]
fn a_trainer_without_derivatives_says_so() {
    let layout = layout(&[("a", 2)]);
    let model_set = model_set(&layout, &[&[1.0, 2.0], &[2.0, 2.0]]);
    let mut trainer = Closure::new(&layout, |v, _| vec![(v[0], true)]);
    let text = crate::fixture::refusal(&spec(), &model_set, &mut trainer);
    assert_eq!(text, "no derivatives");
}
