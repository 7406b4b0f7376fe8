//! `barriers`, `cumulative`, `window`: the barriers of a round.

use fedlayer_core::{
    Seed,
    barrier::BarrierStudy,
    record::AnalysisRow,
    spec::{
        BarrierSpec, Barriers, Baseline, Between, Cumulative, Measurement, Order, Predict,
        Robustness, SetSpec, SplitSpec, Weighting, Window,
    },
};

use crate::fixture::{Closure, model_set, normal, of, one, refusal, rows};
use crate::support::{Outcomes, ends, layout, measure, near};

fn loss(v: &[f32]) -> Outcomes {
    (0..4).map(|k| (v.iter().skip(k).map(|x| x * x).sum::<f32>() + v[0] * v[3], k > 1)).collect()
}

/// The values are those of a round's study between the same models.
#[test]
fn barriers_are_those_of_a_round() {
    let layout = layout(&[("a", 2), ("b", 2), ("c", 1)]);
    let models = [normal(1, 5), normal(2, 5)];
    let model_set = model_set(&layout, &[&models[0], &models[1]]);
    let mut trainer = Closure::new(&layout, |v, _| loss(v));
    let sets = vec![SetSpec::Full, SetSpec::Layers];
    let spec = Barriers { sets: sets.clone(), ..Barriers::default() };
    let found = rows(&Measurement::Barriers(spec), &model_set, &mut trainer);
    let round = BarrierSpec {
        every: 1,
        sets,
        alpha: vec![0.5],
        splits: vec![SplitSpec::Test],
        baselines: Baseline::ALL.to_vec(),
        between: Between::Pairs,
        twins: 0,
    };
    let ends = ends(&layout, &[(&models[0], 1), (&models[1], 1)]);
    assert!(BarrierStudy::new(&round, Weighting::Equal, 1, Seed::new(7), &ends).is_ok());
    let expected = measure(&round, Weighting::Equal, &ends, loss);
    let mut compared = 0;
    for row in expected.rows.iter().filter(|row| row.baseline.is_some()) {
        let base = row.base.replace('0', "3").replace('1', "5");
        let same = found.iter().find(|found: &&AnalysisRow| {
            (found.kind.as_str(), &found.set, &found.base)
                == (&row.kind.to_string(), &row.set, &base)
                && (found.metric, found.baseline) == (Some(row.metric), row.baseline)
        });
        let same = same.unwrap_or_else(|| panic!("{row:?}"));
        near(same.value.unwrap(), row.value.unwrap(), 1e-12, row);
        compared += 1;
    }
    assert!(compared > 50);
    assert!(found.iter().all(|row| row.round == 4));
}

/// The first step of a cumulative sweep is the barrier of that layer, and the last one the full
/// barrier. A window of all layers is the full barrier too.
#[test]
fn sweeps_end_in_the_full_barrier() {
    let layout = layout(&[("a", 2), ("b", 2), ("c", 1)]);
    let model_set = model_set(&layout, &[&normal(1, 5), &normal(2, 5)]);
    let mut trainer = Closure::new(&layout, |v, _| loss(v));
    let baselines = vec![Baseline::Mean];
    let orders = vec![Order::Shallow, Order::Deep];
    let spec = Cumulative { orders, baselines: baselines.clone() };
    let found = rows(&Measurement::Cumulative(spec), &model_set, &mut trainer);
    let full = one(&found, "full", "all", "3<-5").value;
    for (order, sets) in [("shallow", ["a", "a+b", "all"]), ("deep", ["c", "b+c", "all"])] {
        for set in sets {
            assert_eq!(of(&found, order, set, "3<-5").len(), 1, "{order} {set}");
        }
        assert_eq!(one(&found, order, "all", "3<-5").value, full);
    }
    let spec = Window { widths: vec![2, 3], baselines };
    let found = rows(&Measurement::Window(spec), &model_set, &mut trainer);
    for set in ["a+b", "b+c", "all"] {
        assert_eq!(of(&found, "window", set, "3<-5").len(), 1);
    }
    assert_eq!(one(&found, "window", "all", "3<-5").value, full);
}

#[test]
fn a_split_without_examples_is_named() {
    let layout = layout(&[("a", 2), ("b", 3)]);
    let model_set = model_set(&layout, &[&normal(1, 5), &normal(2, 5)]);
    let mut trainer = Closure::new(&layout, |_, _| Vec::new());
    for measure in [
        Measurement::Barriers(Barriers::default()),
        Measurement::Robustness(Robustness::default()),
        Measurement::Predict(Predict::default()),
    ] {
        let error = refusal(&measure, &model_set, &mut trainer);
        assert!(error.contains("no examples in the test split"), "{}: {error}", measure.word());
    }
}
