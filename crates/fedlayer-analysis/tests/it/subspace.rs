//! Noise in subspaces (Fig. 6 of the paper).

use std::{collections::BTreeMap, sync::Arc};

use fedlayer_analysis::{ModelSet, analyze};
use fedlayer_core::{
    Seed,
    model::{Layout, Params},
    record::AnalysisRow,
    spec::{Measurement, SplitSpec, Subspace},
};

use crate::fixture::{Closure, model, model_set, normal, of, one, refusal, rows};
use crate::support::{Outcomes, layout, near, params};

const ROUNDS: usize = 5;

/// Two models with five recorded rounds each. `c` has fewer values than the span of training has
/// dimensions.
fn trained() -> (Arc<Layout>, ModelSet) {
    let layout = layout(&[("a", 20), ("b", 30), ("c", 4)]);
    let history = |seed: u64| -> Vec<(u32, Arc<Params>)> {
        let walk = |round: usize| normal(seed + round as u64, 54);
        (0..ROUNDS).map(|round| (round as u32 + 1, params(&layout, &walk(round)))).collect()
    };
    let ended = |id, seed| {
        let history = history(seed);
        let values = history[ROUNDS - 1].1.values().to_vec();
        fedlayer_analysis::TrainedModel { history, ..model(id, &layout, &values) }
    };
    let models = vec![ended(0, 10), ended(1, 20)];
    let model_set = ModelSet { round: 5, models, initial: None, architecture: None };
    (layout, model_set)
}

fn spec(as_published: bool) -> Measurement {
    let (draws, sigma, layer_sigma) = (8, 10.0, 5.0);
    Measurement::Subspace(Subspace { draws, sigma, layer_sigma, layers: true, as_published })
}

fn loss(v: &[f32], _: fedlayer_core::data::Split) -> Outcomes {
    vec![(v.iter().map(|x| x * x).sum(), true)]
}

type Vector = Vec<f64>;

fn minus(a: &Params, b: &Params) -> Vector {
    a.values().iter().zip(b.values()).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// σ and the noise of each draw, by kind, set and base.
type Noises = BTreeMap<(String, String, String), Vec<(f64, Vector)>>;

/// Returns the rows, and the noise of every evaluated model by the row that it belongs to.
fn noises(as_published: bool) -> (Vec<AnalysisRow>, Noises) {
    let (layout, model_set) = trained();
    let mut trainer = Closure::new(&layout, loss);
    let found = rows(&spec(as_published), &model_set, &mut trainer);
    let mut noises = Noises::new();
    let losses = found.iter().filter(|row| row.metric == Some(fedlayer_core::record::Metric::Loss));
    assert_eq!(losses.clone().count(), trainer.seen.len());
    for (row, (_, point)) in losses.zip(&trainer.seen) {
        let base = &model_set.models[usize::from(row.base == "1")].params;
        let key = (row.kind.clone(), row.set.clone(), row.base.clone());
        let sigma = row.sigma.unwrap_or(0.0);
        noises.entry(key).or_default().push((sigma, minus(point, base)));
    }
    (found, noises)
}

/// Returns the differences between the states of both networks on a layer; they generate the span
/// of training.
fn span(set: &str) -> Vec<Vector> {
    let (_, model_set) = trained();
    let states = model_set.models.iter().flat_map(|model| &model.history);
    let states: Vec<_> = states.map(|(_, state)| state.clone()).collect();
    let range = range(set);
    let way = |state: &Arc<Params>| minus(state, &states[0])[range.clone()].to_vec();
    states[1..].iter().map(way).collect()
}

fn range(set: &str) -> std::ops::Range<usize> {
    match set {
        "a" => 0..20,
        "b" => 20..50,
        "c" => 50..54,
        _ => 0..54,
    }
}

/// Orthonormalises vectors by Gram–Schmidt.
fn basis(vectors: &[Vector]) -> Vec<Vector> {
    let mut basis: Vec<Vector> = Vec::new();
    for vector in vectors {
        let mut rest = vector.clone();
        for _ in 0..3 {
            for b in &basis {
                let along = dot(b, &rest);
                rest.iter_mut().zip(b).for_each(|(r, b)| *r -= along * b);
            }
        }
        let length = norm(&rest);
        if length > 1e-6 * norm(vector) {
            basis.push(rest.iter().map(|r| r / length).collect());
        }
    }
    basis
}

/// Returns the share of a vector's squared length that is in a span.
fn share(vector: &[f64], basis: &[Vector]) -> f64 {
    basis.iter().map(|b| dot(b, vector).powi(2)).sum::<f64>() / dot(vector, vector)
}

#[test]
fn noise_has_its_length_and_its_subspace() {
    let (found, noises) = noises(false);
    for base in ["0", "1"] {
        for set in ["a", "b", "c", "all"] {
            let basis = basis(&span(set));
            let rank = one(&found, "rank", set, base).value.unwrap();
            assert_eq!(rank, basis.len() as f64, "{set}");
            assert_eq!(rank, if set == "c" { 4.0 } else { 9.0 });
            for kind in ["training", "null", "interpolation", "extrapolation"] {
                let key = (kind.to_owned(), set.to_owned(), base.to_owned());
                let Some(draws) = noises.get(&key) else {
                    // The span is the whole space, so there is no complement.
                    assert_eq!((kind, set), ("null", "c"));
                    continue;
                };
                assert_eq!(draws.len(), 8);
                for (sigma, noise) in draws {
                    check_noise(kind, set, *sigma, noise, &basis);
                }
            }
        }
    }
    assert_eq!(of(&found, "clean", "none", "0").len(), 1);
}

/// Checks the length of a noise, its subspace and its layers.
fn check_noise(kind: &str, set: &str, sigma: f64, noise: &[f64], basis: &[Vector]) {
    let here = range(set);
    let most = if set == "all" { 10.0 } else { 5.0 };
    assert!((0.001..=most).contains(&sigma));
    assert!((norm(noise) - sigma).abs() <= 1e-6 * sigma.max(1.0), "{kind} {set}");
    assert!(noise.iter().enumerate().all(|(at, n)| here.contains(&at) || *n == 0.0));
    let inside = share(&noise[here], basis);
    match kind {
        "null" => assert!(inside < 1e-10, "{kind} {set}: {inside}"),
        // Both ends of the segment are states, so its direction is in the span.
        _ => assert!((inside - 1.0).abs() < 1e-8, "{kind} {set}: {inside}"),
    }
}

/// Towards the other model, and away from it.
#[test]
fn interpolation_goes_to_the_other_model() {
    let (_, model_set) = trained();
    let (_, noises) = noises(true);
    let way = minus(&model_set.models[1].params, &model_set.models[0].params);
    for (set, base, toward) in
        [("all", "0", 1.0), ("all", "1", -1.0), ("b", "0", 1.0), ("b", "1", -1.0)]
    {
        let way = &way[range(set)];
        let cosine = |kind: &str| {
            let key = (kind.to_owned(), set.to_owned(), base.to_owned());
            let (_, noise) = &noises[&key][0];
            let noise = &noise[range(set)];
            dot(noise, way) / norm(noise) / norm(way)
        };
        near(cosine("interpolation"), toward, 1e-6, (set, base));
        near(cosine("extrapolation"), -toward, 1e-6, (set, base));
        // Fault 2 of the notebook.
        near(cosine("published-interpolation"), -toward, 1e-6, (set, base));
    }
}

/// Coefficients have both signs, so the mean of many directions is near 0. That of the notebook's
/// directions is not.
#[test]
fn directions_are_isotropic_and_the_published_ones_are_not() {
    let (layout, model_set) = trained();
    let mut trainer = Closure::new(&layout, loss);
    let many = Subspace { draws: 400, layers: false, as_published: true, ..Subspace::default() };
    let found = rows(&Measurement::Subspace(many), &model_set, &mut trainer);
    let losses: Vec<_> = found
        .iter()
        .filter(|row| row.metric == Some(fedlayer_core::record::Metric::Loss))
        .collect();
    let crowding = |kind: &str| {
        let mut sum = vec![0.0; 54];
        for (row, (_, point)) in losses.iter().zip(&trainer.seen) {
            if (row.kind.as_str(), row.base.as_str()) == (kind, "0") {
                let noise = minus(point, &model_set.models[0].params);
                let length = norm(&noise);
                sum.iter_mut().zip(noise).for_each(|(s, n)| *s += n / length / 400.0);
            }
        }
        norm(&sum)
    };
    // The mean of 400 isotropic unit vectors has a length of about 1/20.
    assert!(crowding("training") < 0.12, "{}", crowding("training"));
    assert!(crowding("null") < 0.12, "{}", crowding("null"));
    assert!(crowding("published-training") > 0.8, "{}", crowding("published-training"));
    assert!(crowding("published-null") > 0.8, "{}", crowding("published-null"));
    assert!(trainer.most <= 64);
}

/// The four faults of the notebook.
#[test]
fn as_published_has_its_four_faults() {
    let (_, model_set) = trained();
    let (found, noises) = noises(true);
    let finals: Vec<Vector> = model_set
        .models
        .iter()
        .map(|model| model.params.values().iter().map(|&v| v.into()).collect())
        .collect();
    for set in ["a", "b", "c", "all"] {
        // Fault 1: two dimensions, the final models themselves.
        assert_eq!(one(&found, "published-rank", set, "0").value, Some(2.0));
        let here = range(set);
        let basis = basis(&[finals[0][here.clone()].to_vec(), finals[1][here.clone()].to_vec()]);
        let draws = |kind: &str| &noises[&(kind.to_owned(), set.to_owned(), "0".to_owned())];
        for (sigma, noise) in draws("published-training") {
            near(share(&noise[here.clone()], &basis), 1.0, 1e-8, set);
            near(norm(noise), *sigma, 1e-6, set);
        }
        for (sigma, noise) in draws("published-null") {
            assert!(share(&noise[here.clone()], &basis) < 1e-10);
            near(norm(noise), *sigma, 1e-6, set);
        }
        // Fault 4: in a layer, shorter than the other directions.
        let way = minus(&model_set.models[1].params, &model_set.models[0].params);
        let part = norm(&way[here.clone()]) / norm(&way);
        for (sigma, noise) in draws("published-interpolation") {
            near(norm(noise), part * sigma, 1e-6, set);
        }
        assert!(set == "all" || part < 0.9);
    }
    // The correct kinds are the same without the published ones.
    let right: Vec<_> = found.iter().filter(|row| !row.kind.starts_with("published")).collect();
    let (alone, _) = self::noises(false);
    assert_eq!(right, alone.iter().collect::<Vec<_>>());
}

/// A direction depends on the seed, the layer, the model and the draw; σ depends on the seed and
/// the draw.
#[test]
fn draws_are_their_own() {
    let (found, noises) = noises(false);
    let mut seen: Vec<&Vector> = Vec::new();
    for ((kind, ..), draws) in &noises {
        if kind == "training" || kind == "null" {
            seen.extend(draws.iter().map(|(_, noise)| noise));
        }
    }
    for (at, a) in seen.iter().enumerate() {
        assert!(seen[..at].iter().all(|b| (dot(a, b) / norm(a) / norm(b)).abs() < 1.0 - 1e-6));
    }
    let sigmas = |kind: &str, set: &str, base: &str| {
        of(&found, kind, set, base).iter().map(|row| row.sigma.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sigmas("training", "all", "0"), sigmas("null", "all", "1"));
    assert_eq!(sigmas("training", "a", "0"), sigmas("interpolation", "b", "1"));
    let (layout, model_set) = trained();
    let mut trainer = Closure::new(&layout, loss);
    let mut measure = |splits: &[SplitSpec], seed| {
        analyze(&spec(true), &model_set, splits, Seed::new(seed), &mut trainer).unwrap()
    };
    let both = measure(&[SplitSpec::Train, SplitSpec::Test], 1);
    assert_eq!(both, measure(&[SplitSpec::Test, SplitSpec::Train], 1));
    let other = measure(&[SplitSpec::Train, SplitSpec::Test], 2);
    let drawn = |row: &&AnalysisRow| row.kind == "training" && row.set == "all";
    for (row, other) in both.iter().filter(drawn).zip(other.iter().filter(drawn)) {
        assert!(row.sigma != other.sigma, "{row:?}");
    }
}

#[test]
fn too_little_history_is_refused() {
    let (layout, mut known) = trained();
    let mut trainer = Closure::new(&layout, loss);
    let values = normal(1, 54);
    let bare = model_set(&layout, &[&values, &normal(2, 54)]);
    let text = "`subspace` needs the models after at least 2 rounds and found 0: set `checkpoints = { every = 1, keep = \"all\" }` and run the scenario anew";
    assert_eq!(refusal(&spec(false), &bare, &mut trainer), text);
    // The same number of states, but all of them are the final one: the notebook's first fault.
    for model in &mut known.models {
        let last = model.params.clone();
        model.history.iter_mut().for_each(|(_, state)| *state = last.clone());
    }
    let text = "the recorded states of the two models span 1 dimensions; `subspace` needs more than 2: record more rounds, or train longer";
    assert_eq!(refusal(&spec(false), &known, &mut trainer), text);
}
