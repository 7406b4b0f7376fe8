//! Layers that are rewound or drawn again.

use std::sync::Arc;

use fedlayer_analysis::{ModelSet, TrainedModel, analyze};
use fedlayer_core::{
    Seed,
    data::Split,
    model::Layout,
    record::{AnalysisRow, Metric},
    spec::{Criticality, Measurement, SplitSpec},
    trainer::Trainer,
};

use crate::fixture::{Closure, model, model_set, normal, of, one, refusal, rows};
use crate::support::{Outcomes, layout, mean, near, params};

const N: usize = 400;

/// Three layers. The loss does not depend on `idle`, and grows with the distance of `a` and of `b`
/// from 1.
fn loss(v: &[f32], _: Split) -> Outcomes {
    let away = |layer: usize| {
        let values = &v[layer * N..(layer + 1) * N];
        values.iter().map(|x| (x - 1.0).powi(2)).sum::<f32>() / N as f32
    };
    vec![(away(0) + 0.25 * away(1), true), (away(0) + 0.25 * away(1) + 0.5, false)]
}

/// Two models after three recorded rounds, on their way from 0 to 1, with a little noise.
fn trained() -> (Arc<Layout>, ModelSet) {
    let layout = layout(&[("a", N), ("b", N), ("idle", N)]);
    let at = |seed: u64, share: f32| -> Vec<f32> {
        normal(seed, 3 * N).iter().map(|noise| share + 0.01 * noise).collect()
    };
    let grown = |id: u32, seed: u64| {
        let states = [(1, 0.3), (2, 0.7), (4, 1.0)];
        let history = states.map(|(round, share)| (round, params(&layout, &at(seed, share))));
        TrainedModel { history: history.to_vec(), ..model(id, &layout, &at(seed, 1.0)) }
    };
    let models = vec![grown(0, 1), grown(1, 2)];
    let initial = Some(params(&layout, &[0.0; 3 * N]));
    (layout.clone(), ModelSet { round: 4, models, initial, architecture: None })
}

fn spec() -> Criticality {
    Criticality::default()
}

fn measure(spec: Criticality) -> Vec<AnalysisRow> {
    let (layout, model_set) = trained();
    rows(&Measurement::Criticality(spec), &model_set, &mut Closure::new(&layout, loss))
}

#[test]
fn a_layer_goes_back_alone() {
    let found = measure(spec());
    for base in ["0", "1"] {
        let end = one(&found, "end", "none", base).value.unwrap();
        let initial = |set| {
            let row = one(&found, "initial", set, base);
            assert_eq!(row.epoch, Some(0));
            row.value.unwrap()
        };
        // Back at 0, the layer's own part of the loss is 1.
        near(initial("a") - end, 1.0, 0.01, base);
        near(initial("b") - end, 0.25, 0.01, base);
        assert_eq!(initial("idle"), end);
        for set in ["a", "b", "idle"] {
            let rewound = of(&found, "rewind", set, base);
            let epochs: Vec<_> = rewound.iter().map(|row| row.epoch.unwrap()).collect();
            assert_eq!(epochs, [1, 2, 4]);
            // The last recorded round is the model itself.
            assert_eq!(rewound[2].value, Some(end));
            assert!(set == "idle" || rewound[0].value > rewound[1].value);
        }
        near(of(&found, "rewind", "a", base)[0].value.unwrap() - end, 0.49, 0.01, base);
    }
    assert!(found.iter().any(|row| row.metric == Some(Metric::Error)));
}

#[test]
fn fresh_draws_are_those_of_the_trainer() {
    let (layout, model_set) = trained();
    let mut trainer = Closure::new(&layout, loss);
    let found = rows(&Measurement::Criticality(spec()), &model_set, &mut trainer);
    let row = |set: &str, base: &str, draw| {
        let rows = of(&found, "redrawn", set, base);
        rows.into_iter().find(|row| row.draw == draw).unwrap().clone()
    };
    let draws =
        |set, base| (0..3).map(|k| row(set, base, Some(k)).value.unwrap()).collect::<Vec<_>>();
    let end = one(&found, "end", "none", "0").value.unwrap();
    assert!(draws("idle", "0").iter().all(|&value| value == end));
    let values = draws("a", "0");
    // E(x − 1)² = 2 for standard normal values.
    assert!(values.iter().all(|value| (value - end - 2.0).abs() < 0.6), "{values:?}");
    assert!(values[0] != values[1] && values[1] != values[2]);
    near(row("a", "0", None).value.unwrap(), mean(&values), 1e-12, "mean");
    // Both models get the same fresh layers: the rest of the loss is that of the end.
    let other = one(&found, "end", "none", "1").value.unwrap();
    for (k, value) in draws("a", "1").iter().enumerate() {
        let seen: Vec<_> = trainer.seen.iter().map(|(_, point)| point.range(&(0..N))).collect();
        let fresh = trainer_draw(&layout, k);
        assert!(seen.contains(&&fresh[..N]), "draw {k}");
        assert!((value - other - (values[k] - end)).abs() < 0.01);
    }
}

/// Returns the trainer's draw for a fresh draw of the layers.
fn trainer_draw(layout: &Arc<Layout>, draw: usize) -> Vec<f32> {
    let seed = Seed::new(1).child("analysis").child("criticality").child("redrawn");
    let mut trainer = Closure::new(layout, loss);
    trainer.initial(seed.index(draw as u64)).unwrap().values().to_vec()
}

/// With θ^0 = 0 and θ^F ≈ 1, the excess loss of the first layer at (α, σ) is (1−α)² + σ², and that
/// of the second layer a quarter of it.
#[test]
fn module_criticality_is_the_smallest_on_the_grid() {
    let (alpha, sigma) = (vec![0.0, 0.25, 0.5, 0.75, 1.0], vec![0.05, 0.1, 0.2, 0.4, 0.8]);
    let epsilon = 0.1;
    let grid = Criticality { draws: 8, epsilon, sigma: sigma.clone(), alpha: alpha.clone() };
    let found = measure(grid);
    for (set, part) in [("a", 1.0), ("b", 0.25), ("idle", 0.0)] {
        let mut best = (f64::INFINITY, 0.0, 0.0);
        for &a in &alpha {
            for &s in &sigma {
                let excess = part * ((1.0 - a) * (1.0 - a) + s * s);
                let value: f64 = a * a * N as f64 / (s * s);
                let better = value < best.0 || (value == best.0 && s > best.2);
                if excess <= epsilon && better {
                    best = (value, a, s);
                }
            }
        }
        let row = one(&found, "criticality", set, "0");
        assert_eq!(row.alpha, Some(best.1), "{set}");
        // The root mean square of the trained layer is 1, up to its noise.
        near(row.sigma.unwrap(), best.2, 1e-3, set);
        near(row.value.unwrap(), best.0, 0.01, set);
    }
    let value = |set| one(&found, "criticality", set, "1").value.unwrap();
    assert!(value("a") > value("b") && value("b") > value("idle"));
    assert_eq!(value("idle"), 0.0);
    // No noise of this grid is small enough.
    let loud = Criticality { epsilon: 1e-6, sigma: vec![1.0], ..spec() };
    let found = measure(loud);
    let row = one(&found, "criticality", "a", "0");
    assert_eq!((row.value, row.alpha, row.sigma), (None, None, None));
}

#[test]
fn rows_follow_from_the_seed() {
    let (layout, model_set) = trained();
    let mut trainer = Closure::new(&layout, loss);
    let measurement = Measurement::Criticality(spec());
    let mut measure = |splits: &[SplitSpec]| {
        analyze(&measurement, &model_set, splits, Seed::new(1), &mut trainer).unwrap()
    };
    let both = measure(&[SplitSpec::Train, SplitSpec::Test]);
    assert_eq!(both, measure(&[SplitSpec::Test, SplitSpec::Train]));
    assert!(trainer.most <= 2 * 64);
}

#[test]
fn an_unknown_start_is_refused() {
    let layout = layout(&[("a", 3)]);
    let model_set = model_set(&layout, &[&[1.0, 2.0, 3.0]]);
    let mut trainer = Closure::new(&layout, |v, _| vec![(v[0], true)]);
    let text =
        "`criticality` needs the initial model: analyse a run, or name its file with `--initial`";
    assert_eq!(refusal(&Measurement::Criticality(spec()), &model_set, &mut trainer), text);
}
