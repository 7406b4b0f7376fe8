//! Trace and largest eigenvalue of the Hessian, compared with known matrices.

use std::sync::Arc;

use fedlayer_analysis::ModelSet;
use fedlayer_core::{
    model::{Layout, Role},
    record::AnalysisRow,
    spec::{Hessian, Measurement, SplitSpec},
    trainer::ToyTrainer,
};

use crate::fixture::{Quadratic, model_set, normal, of, one, rows};
use crate::support::{data, layout, near, plan};

fn spec(draws: u32, steps: u32) -> Measurement {
    Measurement::Hessian(Hessian { draws, steps, tolerance: 1e-12 })
}

fn drawn() -> (Arc<Layout>, ModelSet, Quadratic) {
    let layout = layout(&[("a", 2), ("b", 5), ("c", 3)]);
    let model_set = model_set(&layout, &[&normal(1, 10), &normal(2, 10)]);
    let trainer = Quadratic::drawn(&layout, 5);
    (layout, model_set, trainer)
}

/// Returns the range of a set's values.
fn range(set: &str) -> std::ops::Range<usize> {
    match set {
        "a" => 0..2,
        "b" => 2..7,
        "c" => 7..10,
        _ => 0..10,
    }
}

/// Returns the diagonal block of a set.
fn block(trainer: &Quadratic, set: &str) -> Vec<Vec<f64>> {
    let matrix = trainer.matrix(SplitSpec::Test);
    matrix[range(set)].iter().map(|row| row[range(set)].to_vec()).collect()
}

/// Computes the eigenvalues of a symmetric matrix by Jacobi rotations.
fn eigenvalues(mut m: Vec<Vec<f64>>) -> Vec<f64> {
    let n = m.len();
    for _ in 0..100 {
        for p in 0..n {
            for q in p + 1..n {
                let angle = 0.5 * (2.0 * m[p][q]).atan2(m[q][q] - m[p][p]);
                let (s, c) = angle.sin_cos();
                for row in &mut m {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                let (upper, lower) = m.split_at_mut(q);
                for (x, y) in upper[p].iter_mut().zip(&mut lower[0]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
        }
    }
    (0..n).map(|k| m[k][k]).collect()
}

/// The toy is separable, so everything is known: the trace is Σ c_l·dim_l, and the largest
/// eigenvalue max c_l.
#[test]
fn the_toy_has_its_curvatures() {
    let plan = plan();
    let mut trainer =
        ToyTrainer::new(&plan, data(&[&[[1.0, -2.0], [3.0, 0.5]], &[[0.0, 1.0]]])).unwrap();
    let model_set = model_set(&plan.layout, &[&[1.0, 2.0], &[-3.0, 0.5]]);
    let found = rows(&spec(10, 100), &model_set, &mut trainer);
    for base in ["3", "5"] {
        for (set, trace, top) in [("q1", 1.0, 1.0), ("q2", 0.5, 0.5), ("all", 1.5, 1.0)] {
            let row = one(&found, "trace", set, base);
            near(row.value.unwrap(), trace, 1e-12, set);
            assert_eq!(row.std_error, None, "exact");
            near(one(&found, "top", set, base).value.unwrap(), top, 1e-6, set);
            near(one(&found, "residual", set, base).value.unwrap(), 0.0, 1e-4, set);
        }
    }
}

#[test]
fn as_many_draws_as_values_give_the_trace() {
    let (_, model_set, mut trainer) = drawn();
    for (draws, exact) in [(5, vec!["a", "b", "c"]), (10, vec!["a", "b", "c", "all"])] {
        let found = rows(&spec(draws, 1), &model_set, &mut trainer);
        for set in ["a", "b", "c", "all"] {
            let row = one(&found, "trace", set, "3");
            let block = block(&trainer, set);
            let trace: f64 = (0..block.len()).map(|k| block[k][k]).sum();
            if exact.contains(&set) {
                near(row.value.unwrap(), trace, 1e-12, set);
                assert_eq!(row.std_error, None);
            } else {
                assert!(row.std_error.is_some());
            }
        }
    }
}

/// With fewer draws than values, the trace is within its standard errors. On a diagonal matrix,
/// draws of signs have no variance.
#[test]
fn fewer_draws_estimate_the_trace() {
    let layout = layout(&[("a", 200)]);
    let n = 200;
    let model_set = model_set(&layout, &[&normal(1, n), &normal(2, n)]);
    let mut trainer = Quadratic::drawn(&layout, 6);
    let trace: f64 = (0..n).map(|k| trainer.matrix(SplitSpec::Test)[k][k]).sum();
    let found = rows(&spec(150, 1), &model_set, &mut trainer);
    let mut values = Vec::new();
    for base in ["3", "5"] {
        let row = one(&found, "trace", "all", base);
        let error = row.std_error.unwrap();
        assert!((row.value.unwrap() - trace).abs() < 4.0 * error, "{row:?}, not {trace}");
        // Var⟨v, Hv⟩ = 2Σ_{i≠j} H_ij²; each H_ij of the test split has variance 2·4.
        near(error, (2.0 * 200.0 * 199.0 * 8.0 / 150.0_f64).sqrt(), 0.2, "error");
        values.push(row.value);
    }
    assert_ne!(values[0], values[1], "both models draw for themselves");

    let diagonal = |i: usize| (0..n).map(|j| if i == j { 0.5 + i as f64 } else { 0.0 }).collect();
    let mut trainer = Quadratic::new(&layout, (0..n).map(diagonal).collect(), vec![0.0; n]);
    let found = rows(&spec(3, 1), &model_set, &mut trainer);
    let row = one(&found, "trace", "all", "3");
    near(row.value.unwrap(), 2.0 * (100.0 + 199.0 * 100.0), 1e-9, "trace");
    near(row.std_error.unwrap(), 0.0, 1e-9, "signs alone do not matter");
}

#[test]
fn the_power_iteration_finds_the_largest_eigenvalue_of_either_sign() {
    let (_, model_set, mut trainer) = drawn();
    let found = rows(&spec(2, 10_000), &model_set, &mut trainer);
    let mut signs = Vec::new();
    for set in ["a", "b", "c", "all"] {
        let all = eigenvalues(block(&trainer, set));
        let top = all.iter().copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a }).unwrap();
        let row = one(&found, "top", set, "3");
        near(row.value.unwrap(), top, 1e-5, set);
        assert!(one(&found, "residual", set, "3").value.unwrap() < 1e-4 * top.abs(), "{set}");
        signs.push(top > 0.0);
    }
    assert!(signs.contains(&true) && signs.contains(&false), "one sign alone shows nothing");
    // A step of all layers and of the whole model is one call.
    let steps = 3;
    trainer.calls = 0;
    rows(&spec(10, steps), &model_set, &mut trainer);
    assert_eq!(trainer.calls, 2 * (4 + steps as usize));
    // After too few steps the residual is large.
    let found = rows(&spec(10, 1), &model_set, &mut trainer);
    let residual = one(&found, "residual", "all", "3").value.unwrap();
    assert!(residual > 0.1, "{residual}");
    assert!(residual.abs() > 0.01 * one(&found, "top", "all", "3").value.unwrap().abs());
}

/// Running statistics have no curvature, and no direction includes them.
#[test]
fn statistics_take_no_part() {
    let tensors = [
        ("norm.weight", vec![2], Role::Trained),
        ("norm.running_mean", vec![2], Role::Statistic),
        ("out.weight", vec![3], Role::Trained),
    ];
    let layout = Arc::new(Layout::with_roles(tensors).unwrap());
    let model_set = model_set(&layout, &[&normal(1, 7), &normal(2, 7)]);
    // This trainer returns curvature for all values; only that of trained values counts.
    let diagonal = |i: usize| (0..7).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
    let mut trainer = Quadratic::new(&layout, (0..7).map(diagonal).collect(), vec![0.0; 7]);
    let found = rows(&spec(10, 10), &model_set, &mut trainer);
    let trace = |set| one(&found, "trace", set, "3").value.unwrap();
    assert_eq!([trace("norm"), trace("out"), trace("all")], [4.0, 6.0, 10.0]);
}

#[test]
fn one_model_is_enough_and_a_third_is_left_out() {
    let layout = layout(&[("a", 2)]);
    let mut trainer = Quadratic::drawn(&layout, 5);
    let single = model_set(&layout, &[&[1.0, 2.0]]);
    let found = rows(&spec(10, 10), &single, &mut trainer);
    let kinds: Vec<&str> = found.iter().map(|row: &AnalysisRow| row.kind.as_str()).collect();
    assert_eq!(kinds, ["trace", "top", "residual"]);
    let three = model_set(&layout, &[&[1.0, 2.0], &[2.0, 2.0], &[3.0, 2.0]]);
    let found = rows(&spec(10, 10), &three, &mut trainer);
    assert_eq!(found.len(), 6);
    assert!(of(&found, "trace", "a", "7").is_empty());
}
