//! Distances of models against values by hand, and their laws.

use std::sync::Arc;

use fedlayer_core::{
    model::Layout,
    record::{AnalysisRow, Metric},
    spec::{Between, Distance, Measurement},
};
use proptest::prelude::*;

use crate::fixture::{Closure, model_set, normal, of, one, refusal, rows};
use crate::support::{layout, near, params};

const KINDS: [&str; 4] = ["distance", "relative", "cosine", "movement"];

fn two_layers() -> Arc<Layout> {
    layout(&[("a", 2), ("b", 2)])
}

/// Measures distances of models that began at `start`. The trainer refuses every call.
fn distances(between: Between, models: &[&[f32]], start: Option<&[f32]>) -> Vec<AnalysisRow> {
    let layout = two_layers();
    let mut model_set = model_set(&layout, models);
    model_set.initial = start.map(|start| params(&layout, start));
    let mut trainer = Closure::new(&layout, |_, _| panic!("nothing is evaluated"));
    rows(&Measurement::Distance(Distance { between }), &model_set, &mut trainer)
}

fn value(rows: &[AnalysisRow], kind: &str, set: &str, base: &str) -> f64 {
    one(rows, kind, set, base).value.unwrap()
}

/// Layer a: (3, 4) and (0, 0), 5 apart. Layer b: (1, 0) and (0, 1), √2 apart at a right angle. From
/// the start (1, 1, 0, 0): layer a moved by (2, 3) and (−1, −1), layer b by itself.
#[test]
fn two_models_have_the_distances_of_geometry() {
    let models: [&[f32]; 2] = [&[3.0, 4.0, 1.0, 0.0], &[0.0, 0.0, 0.0, 1.0]];
    let found = distances(Between::Pairs, &models, Some(&[1.0, 1.0, 0.0, 0.0]));
    let pair = "3<-5";
    for (kind, set, expected) in [
        ("distance", "a", 5.0),
        ("distance", "b", 2_f64.sqrt()),
        ("distance", "all", 27_f64.sqrt()),
        // 2·5/(5 + 0), 2·√2/(1 + 1), 2·√27/(√26 + 1).
        ("relative", "a", 2.0),
        ("relative", "b", 2_f64.sqrt()),
        ("relative", "all", 2.0 * 27_f64.sqrt() / (26_f64.sqrt() + 1.0)),
        ("cosine", "b", 0.0),
        ("cosine", "all", 0.0),
        // ⟨(2, 3), (−1, −1)⟩ = −5 with the norms √13 and √2; all layers: √14 and √3.
        ("movement", "a", -5.0 / 26_f64.sqrt()),
        ("movement", "b", 0.0),
        ("movement", "all", -5.0 / 42_f64.sqrt()),
    ] {
        near(value(&found, kind, set, pair), expected, 1e-14, (kind, set));
    }
    // A layer of zeros has no direction.
    assert!(of(&found, "cosine", "a", pair).is_empty());
    let metrics = KINDS.map(|kind| one(&found, kind, "b", pair).metric);
    let cosine = Some(Metric::Cosine);
    assert_eq!(metrics, [Some(Metric::Norm), None, cosine, cosine]);
    assert!(found.iter().all(|row| row.split.is_none() && row.round == 4));
    // A single pair is its own mean.
    assert!(found.iter().all(|row| row.base == pair));
}

#[test]
fn without_a_known_start_there_are_no_movements() {
    let models: [&[f32]; 2] = [&[3.0, 4.0, 1.0, 0.0], &[0.0, 1.0, 0.0, 1.0]];
    let found = distances(Between::Pairs, &models, None);
    assert!(found.iter().all(|row| row.kind != "movement"));
    assert_eq!(found.len(), 3 * 3);
}

/// Three models, 3, 4 and 5 apart, and the mean over the three pairs.
#[test]
fn every_pair_of_several_models_is_compared_once() {
    let models: [&[f32]; 3] = [&[1.0, 1.0, 0.0, 0.0], &[4.0, 1.0, 0.0, 0.0], &[1.0, 5.0, 0.0, 0.0]];
    let found = distances(Between::Pairs, &models, None);
    let bases: Vec<&str> = found
        .iter()
        .filter(|row| row.kind == "distance" && row.set == "a")
        .map(|row| row.base.as_str())
        .collect();
    assert_eq!(bases, ["3<-5", "3<-7", "5<-7", "mean", "max"]);
    for (base, expected) in
        [("3<-5", 3.0), ("3<-7", 4.0), ("5<-7", 5.0), ("mean", 4.0), ("max", 5.0)]
    {
        near(value(&found, "distance", "a", base), expected, 1e-15, base);
    }
}

/// The mean of the models has their weights: with 3 and 1 examples it is a quarter of the way.
#[test]
fn a_cohort_is_compared_with_its_weighted_mean() {
    let layout = two_layers();
    let mut model_set = model_set(&layout, &[&[0.0; 4], &[8.0, 0.0, 0.0, 0.0]]);
    model_set.models[0].examples = 3;
    let mut trainer = Closure::new(&layout, |_, _| panic!("nothing is evaluated"));
    let measure = Measurement::Distance(Distance { between: Between::Cohort });
    let found = rows(&measure, &model_set, &mut trainer);
    let (to_mean, mean) = ([2.0, 6.0], 0.75 * 2.0 + 0.25 * 6.0);
    for (base, expected) in [("3", to_mean[0]), ("5", to_mean[1]), ("mean", mean), ("max", 6.0)] {
        near(value(&found, "distance", "a", base), expected, 1e-15, base);
    }
}

#[test]
fn one_model_has_no_distance() {
    let layout = two_layers();
    let mut trainer = Closure::new(&layout, |_, _| Vec::new());
    let measure = Measurement::Distance(Distance::default());
    let text = refusal(&measure, &model_set(&layout, &[&[0.0; 4]]), &mut trainer);
    assert_eq!(text, "found 1 models; `distance` needs 2");
}

proptest! {
    /// The order of two models changes no bit of a value.
    #[test]
    fn distances_are_symmetric(seed in 0_u64..1000) {
        let [a, b, start] = [1, 2, 3].map(|of| normal(1000 * of + seed, 4));
        let there = distances(Between::Pairs, &[&a, &b], Some(&start));
        let back = distances(Between::Pairs, &[&b, &a], Some(&start));
        prop_assert_eq!(there, back);
    }

    #[test]
    fn a_model_is_at_no_distance_of_itself(seed in 0_u64..1000) {
        let [a, start] = [1, 2].map(|of| normal(1000 * of + seed, 4));
        let found = distances(Between::Pairs, &[&a, &a], Some(&start));
        for set in ["a", "b", "all"] {
            for (kind, expected) in KINDS.into_iter().zip([0.0, 0.0, 1.0, 1.0]) {
                near(value(&found, kind, set, "3<-5"), expected, 1e-15, kind);
            }
        }
    }

    /// A relative distance does not depend on the unit, and a distance grows with it.
    #[test]
    fn a_relative_distance_has_no_unit(seed in 0_u64..1000) {
        let [a, b] = [1, 2].map(|of| normal(1000 * of + seed, 4));
        let twice = [&a, &b].map(|values| values.iter().map(|v| 2.0 * v).collect::<Vec<f32>>());
        let found = distances(Between::Pairs, &[&a, &b], None);
        let scaled = distances(Between::Pairs, &[&twice[0], &twice[1]], None);
        for set in ["a", "b", "all"] {
            let of = |rows: &[AnalysisRow], kind| value(rows, kind, set, "3<-5");
            near(of(&scaled, "distance"), 2.0 * of(&found, "distance"), 1e-14, set);
            near(of(&scaled, "relative"), of(&found, "relative"), 1e-14, set);
            prop_assert!(of(&found, "relative") <= 2.0);
        }
    }
}
