//! The synthetic set has the properties that define it.

use crate::{load, pool_of};
use fedlayer_core::{
    Seed,
    data::Examples,
    spec::{DataSpec, Synthetic},
};

const INFORMATIVE: usize = 5;
const REDUNDANT: usize = 3;
const NOISE: usize = 2;

fn set(change: Synthetic) -> Synthetic {
    Synthetic {
        informative: INFORMATIVE as u32,
        redundant: REDUNDANT as u32,
        noise: NOISE as u32,
        ..change
    }
}

fn pool(change: Synthetic, seed: u64) -> std::sync::Arc<Examples> {
    pool_of(&load(&crate::synthetic(set(change)), 1, Seed::new(seed)).unwrap())
}

/// Returns the features of example `index`.
fn example(examples: &Examples, index: usize) -> Vec<f32> {
    let mut values = Vec::new();
    examples.read(index, &mut values);
    values
}

/// Returns column `feature` minus its mean.
fn centred(examples: &Examples, feature: usize) -> Vec<f64> {
    let column: Vec<f64> =
        (0..examples.len()).map(|i| example(examples, i)[feature].into()).collect();
    let mean = column.iter().sum::<f64>() / column.len() as f64;
    column.into_iter().map(|value| value - mean).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns the share of the variance of `target` that is left after least squares on `columns`
/// (Gram-Schmidt).
fn residual(mut columns: Vec<Vec<f64>>, target: &[f64]) -> f64 {
    let mut rest = target.to_vec();
    for at in 0..columns.len() {
        let basis = columns[at].clone();
        for vector in columns[at + 1..].iter_mut().chain([&mut rest]) {
            let weight = dot(vector, &basis) / dot(&basis, &basis);
            vector.iter_mut().zip(&basis).for_each(|(v, b)| *v -= weight * b);
        }
    }
    dot(&rest, &rest) / dot(target, target)
}

#[test]
fn redundant_features_are_combinations_of_the_informative_ones_and_others_are_not() {
    let pool = pool(Synthetic::default(), 1);
    let columns: Vec<Vec<f64>> =
        (0..INFORMATIVE + REDUNDANT + NOISE).map(|f| centred(&pool, f)).collect();
    for redundant in &columns[INFORMATIVE..INFORMATIVE + REDUNDANT] {
        let left = residual(columns[..INFORMATIVE].to_vec(), redundant);
        assert!(left < 1e-10, "{left}");
    }
    for (at, other) in columns
        .iter()
        .enumerate()
        .filter(|(at, _)| !(INFORMATIVE..INFORMATIVE + REDUNDANT).contains(at))
    {
        let rest = (0..INFORMATIVE).filter(|&i| i != at).map(|i| columns[i].clone()).collect();
        let left = residual(rest, other);
        assert!(left > 0.05, "feature {at}: {left}");
    }
}

#[test]
fn noise_features_are_standard_normal_and_independent_of_the_class() {
    let pool = pool(Synthetic { examples: Some(20_000), ..Synthetic::default() }, 2);
    let count = pool.len() as f64;
    let labels: Vec<f64> = pool.labels.iter().map(|&label| label.into()).collect();
    let mean = labels.iter().sum::<f64>() / count;
    let mut others: Vec<Vec<f64>> = vec![labels.iter().map(|label| label - mean).collect()];
    others.extend((0..INFORMATIVE + REDUNDANT).map(|feature| centred(&pool, feature)));
    for feature in INFORMATIVE + REDUNDANT..INFORMATIVE + REDUNDANT + NOISE {
        let noise = centred(&pool, feature);
        let variance = dot(&noise, &noise) / count;
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        for other in &others {
            let correlation = dot(&noise, other) / (dot(&noise, &noise) * dot(other, other)).sqrt();
            assert!(correlation.abs() < 4.0 / count.sqrt(), "{correlation}");
        }
        others.push(noise);
    }
}

#[test]
fn classes_are_balanced() {
    let spec =
        Synthetic { examples: Some(4001), classes: 4, label_noise: 0.0, ..Synthetic::default() };
    let data = load(&crate::synthetic(spec), 1, Seed::new(1)).unwrap();
    let mut counts = [0; 4];
    for &label in pool_of(&data).labels.iter().chain(&data.test.labels) {
        counts[label as usize] += 1;
    }
    counts.sort_unstable();
    assert_eq!(counts, [1000, 1000, 1000, 1001]);
}

/// With one cluster per class, a class's mean is its corner: every coordinate is plus or minus the
/// separation, with variance 1.
#[test]
fn clusters_sit_on_different_corners_with_variance_one() {
    let separation = 1.5;
    let change = Synthetic {
        examples: Some(20_000),
        clusters_per_class: 1,
        separation,
        label_noise: 0.0,
        ..Synthetic::default()
    };
    let pool = pool(change, 3);
    let mut corners = std::collections::BTreeSet::new();
    for class in 0..4 {
        let members: Vec<Vec<f32>> = (0..pool.len())
            .filter(|&i| pool.labels[i] == class)
            .map(|i| example(&pool, i))
            .collect();
        let mut corner = Vec::new();
        for feature in 0..INFORMATIVE {
            let count = members.len() as f64;
            let values = members.iter().map(|example| f64::from(example[feature]));
            let mean = values.clone().sum::<f64>() / count;
            let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            assert!((mean.abs() - separation).abs() < 0.1, "{mean}");
            assert!((variance - 1.0).abs() < 0.1, "{variance}");
            corner.push(mean > 0.0);
        }
        corners.insert(corner);
    }
    assert_eq!(corners.len(), 4);
}

/// Returns the share of the test set that is nearest to its own class's mean in the pool.
fn nearest_centroid_accuracy(spec: &DataSpec, seed: u64) -> f64 {
    let data = load(spec, 1, Seed::new(seed)).unwrap();
    let (pool, test) = (&pool_of(&data), &data.test);
    let width = pool.shape[0];
    let mut means = vec![vec![0.0_f64; width]; pool.classes];
    let mut counts = vec![0.0; pool.classes];
    for (i, &label) in pool.labels.iter().enumerate() {
        counts[label as usize] += 1.0;
        means[label as usize]
            .iter_mut()
            .zip(example(pool, i))
            .for_each(|(m, v)| *m += f64::from(v));
    }
    let distance = |class: usize, example: &[f32]| -> f64 {
        let mean = means[class].iter().map(|sum| sum / counts[class]);
        mean.zip(example).map(|(m, &v)| (m - f64::from(v)).powi(2)).sum()
    };
    let nearest = |example: &[f32]| {
        let distances = |&class: &usize| distance(class, example);
        (0..pool.classes).min_by(|a, b| distances(a).total_cmp(&distances(b))).unwrap() as u32
    };
    let right = (0..test.len()).filter(|&i| nearest(&example(test, i)) == test.labels[i]).count();
    right as f64 / test.len() as f64
}

#[test]
fn classes_are_easier_to_tell_apart_the_larger_the_separation() {
    for seed in 0..5 {
        let accuracies = [0.1, 0.5, 1.0, 4.0].map(|separation| {
            let change = Synthetic {
                clusters_per_class: 1,
                separation,
                label_noise: 0.0,
                ..Synthetic::default()
            };
            nearest_centroid_accuracy(&crate::synthetic(set(change)), seed)
        });
        assert!(accuracies.is_sorted_by(|a, b| a < b), "seed {seed}: {accuracies:?}");
        assert!(accuracies[0] < 0.5 && accuracies[3] > 0.99, "seed {seed}: {accuracies:?}");
    }
}

#[test]
fn label_noise_replaces_its_share_of_the_labels() {
    // At separation 10 the nearest centroid gives the right cluster; a quarter of the replaced
    // labels are the right ones.
    let change = Synthetic {
        examples: Some(20_000),
        clusters_per_class: 1,
        separation: 10.0,
        label_noise: 0.4,
        ..Synthetic::default()
    };
    let accuracy = nearest_centroid_accuracy(&crate::synthetic(set(change)), 1);
    assert!((accuracy - 0.7).abs() < 0.03, "{accuracy}");
}
