//! Robustness (Fig. 5 of the paper).

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_analysis::{ModelSet, analyze};
use fedlayer_core::{
    Seed,
    data::Split,
    model::{LayerSet, Layout, distance},
    record::{AnalysisRow, Metric},
    spec::{Barriers, Baseline, Measurement, Robustness, SetSpec, SplitSpec},
};

use crate::fixture::{Closure, model_set, normal, of, one, refusal, rows};
use crate::support::{Outcomes, bits, layout, mean, near};

fn two() -> (Arc<Layout>, ModelSet) {
    let layout = layout(&[("a", 10), ("b", 30), ("c", 2)]);
    let model_set = model_set(&layout, &[&normal(1, 42), &normal(2, 42)]);
    (layout, model_set)
}

fn loss(v: &[f32], split: Split) -> Outcomes {
    let factor = if split == Split::Test { 1.0 } else { 3.0 };
    let loss = |k: usize| factor * v.iter().skip(k).map(|x| x * x).sum::<f32>();
    (0..4).map(|k| (loss(k), loss(k) < 30.0)).collect()
}

fn spec() -> Measurement {
    Measurement::Robustness(Robustness { draws: 5, alpha: vec![0.5, 1.0] })
}

/// Every random point is at distance α‖Δ_l‖ from its base, on its layer alone, and no two points
/// have the same direction.
#[test]
fn random_points_lie_as_far_as_the_mixes() {
    let (layout, model_set) = two();
    let mut trainer = Closure::new(&layout, loss);
    let found = rows(&spec(), &model_set, &mut trainer);
    let models: Vec<_> = model_set.models.iter().map(|model| model.params.clone()).collect();
    let mut directions = BTreeSet::new();
    // The draws of each base and set.
    let mut own: Vec<Vec<Vec<f64>>> = Vec::new();
    let cut = |way: &[f32], set: &LayerSet| -> Vec<f64> {
        let values = set.ranges().iter().cloned().flatten();
        values.map(|at| way[at].into()).collect()
    };
    let mut points = trainer.seen.iter().skip(2).map(|(_, params)| params);
    for (base, other) in [(&models[0], &models[1]), (&models[1], &models[0])] {
        for members in [vec![0], vec![1], vec![2], vec![0, 1, 2]] {
            let set = LayerSet::new(layout.clone(), members);
            let step = distance(base, other, set.ranges());
            let mut ways = Vec::new();
            for alpha in [0.5, 1.0] {
                let mix = points.next().unwrap();
                near(distance(base, mix, set.ranges()), alpha * step, 1e-6, "mix");
                for _ in 0..5 {
                    let point = points.next().unwrap();
                    near(distance(base, point, set.ranges()), alpha * step, 1e-6, "random");
                    assert_eq!(distance(base, point, set.complement().ranges()), 0.0);
                    let way = |(a, b): (&f32, &f32)| (b - a) / alpha as f32;
                    ways.push(
                        base.values().iter().zip(point.values()).map(way).collect::<Vec<_>>(),
                    );
                    directions.insert(bits(point.values()));
                }
            }
            own.push(ways[..5].iter().map(|way| cut(way, &set)).collect::<Vec<_>>());
            // A draw is one direction for all α.
            for draw in 0..5 {
                for (half, whole) in ways[draw].iter().zip(&ways[5 + draw]) {
                    near((*half).into(), (*whole).into(), 1e-5, draw);
                }
            }
        }
    }
    assert!(points.next().is_none());
    // No two directions are equal, on any layers.
    let drawn: Vec<&Vec<f64>> = own.iter().flatten().filter(|way| way.len() > 2).collect();
    for (at, a) in drawn.iter().enumerate() {
        for b in &drawn[..at] {
            let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            let both = a.len().min(b.len());
            let (a, b) = (&a[..both], &b[..both]);
            let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
            assert!(cosine < 1.0 - 1e-5, "{cosine}");
        }
    }
    // Two bases, four sets, two α, five draws.
    assert_eq!(directions.len(), 2 * 4 * 2 * 5);
    assert!(found.iter().all(|row| row.round == 4));
}

#[test]
fn values_are_absolute_and_relative_to_the_base() {
    let (layout, model_set) = two();
    let mut trainer = Closure::new(&layout, loss);
    let found = rows(&spec(), &model_set, &mut trainer);
    for base in ["3", "5"] {
        let own = one(&found, "end", "none", base).value.unwrap();
        for set in ["a", "b", "c", "all"] {
            for alpha in [0.5, 1.0] {
                for baseline in [None, Some(Baseline::Base)] {
                    let here =
                        |row: &&&AnalysisRow| row.alpha == Some(alpha) && row.baseline == baseline;
                    let random = of(&found, "random", set, base);
                    let random: Vec<_> = random.iter().filter(here).collect();
                    let (draws, means): (Vec<&&AnalysisRow>, Vec<_>) =
                        random.iter().partition(|row| row.draw.is_some());
                    let values: Vec<f64> = draws.iter().map(|row| row.value.unwrap()).collect();
                    assert_eq!((values.len(), means.len()), (5, 1));
                    near(means[0].value.unwrap(), mean(&values), 1e-12, "mean");
                    let square = |v: &f64| (v - mean(&values)).powi(2);
                    let variance = values.iter().map(square).sum::<f64>() / 4.0;
                    near(means[0].std_error.unwrap(), (variance / 5.0).sqrt(), 1e-9, "error");
                }
                let mixes = of(&found, "mix", set, base);
                let at = |baseline| {
                    let mut rows = mixes.iter().filter(|row| row.alpha == Some(alpha));
                    rows.find(|row| row.baseline == baseline).unwrap().value.unwrap()
                };
                near(at(Some(Baseline::Base)), at(None) - own, 1e-9, (set, base));
            }
        }
        // The full swap of all layers is the other model.
        let other = one(&found, "end", "none", if base == "3" { "5" } else { "3" }).value;
        let swap = of(&found, "mix", "all", base);
        let swap = swap.iter().find(|r| r.alpha == Some(1.0) && r.baseline.is_none()).unwrap();
        assert_eq!(swap.value, other);
    }
    assert!(found.iter().any(|row| row.metric == Some(Metric::Error) && row.draw == Some(4)));
}

/// Under `base`, a half mix is the barrier of `barriers`.
#[test]
fn the_half_mix_is_the_barrier() {
    let (layout, model_set) = two();
    let mut trainer = Closure::new(&layout, loss);
    let found = rows(&spec(), &model_set, &mut trainer);
    let sets = vec![SetSpec::Layers, SetSpec::Full];
    let barriers = Measurement::Barriers(Barriers { sets, ..Barriers::default() });
    let barriers = rows(&barriers, &model_set, &mut trainer);
    let mut compared = 0;
    for row in found.iter().filter(|row| row.kind == "mix" && row.alpha == Some(0.5)) {
        if row.baseline == Some(Baseline::Base) {
            let pair = if row.base == "3" { "3<-5" } else { "5<-3" };
            let same = barriers.iter().find(|barrier| {
                (barrier.base.as_str(), &barrier.set, barrier.metric, barrier.baseline)
                    == (pair, &row.set, row.metric, row.baseline)
                    && barrier.alpha == row.alpha
            });
            let same = same.unwrap();
            assert_eq!((same.value, same.std_error), (row.value, row.std_error));
            compared += 1;
        }
    }
    assert_eq!(compared, 2 * 4 * 2);
}

/// The order of the splits changes nothing; another seed changes only the draws.
#[test]
fn rows_follow_from_the_seed() {
    let (layout, model_set) = two();
    let mut trainer = Closure::new(&layout, loss);
    let mut measure = |splits: &[SplitSpec], seed| {
        analyze(&spec(), &model_set, splits, Seed::new(seed), &mut trainer).unwrap()
    };
    let both = measure(&[SplitSpec::Train, SplitSpec::Test], 1);
    assert_eq!(both, measure(&[SplitSpec::Test, SplitSpec::Train, SplitSpec::Test], 1));
    let test: Vec<_> = both.iter().filter(|row| row.split == Some(SplitSpec::Test)).collect();
    let alone = measure(&[SplitSpec::Test], 1);
    assert_eq!(test, alone.iter().collect::<Vec<_>>());
    for (row, other) in alone.iter().zip(measure(&[SplitSpec::Test], 2)) {
        if row.metric == Some(Metric::Loss) {
            assert_eq!(row.value != other.value, row.kind == "random", "{row:?}");
        }
    }
}

#[test]
fn a_single_model_is_refused() {
    let layout = layout(&[("a", 2)]);
    let model_set = model_set(&layout, &[&[1.0, 2.0]]);
    let mut trainer = Closure::new(&layout, loss);
    let text = "found 1 models; `robustness` needs 2";
    assert_eq!(refusal(&spec(), &model_set, &mut trainer), text);
}
