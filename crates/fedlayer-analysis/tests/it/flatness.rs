//! Relative flatness, compared with its definition.

use std::sync::Arc;

use fedlayer_core::{
    model::Layout,
    spec::{Flatness, Measurement, SplitSpec},
};

use crate::fixture::{Quadratic, model_set, normal, of, one, rows};
use crate::support::near;

fn spec(draws: u32) -> Measurement {
    Measurement::Flatness(Flatness { draws })
}

fn network() -> Arc<Layout> {
    let tensors = [
        ("scale", vec![4]),
        ("fc.weight", vec![3, 2]),
        ("fc.bias", vec![3]),
        ("conv.weight", vec![2, 1, 2, 2]),
    ];
    Arc::new(Layout::new(tensors).unwrap())
}

/// Computes κ = Σ_{s,s'} ⟨w_s, w_s'⟩ Tr(H_{s,s'}) literally, for a weight of `rows` rows of `width`
/// values that begins at `first`.
fn kappa(w: &[f32], h: &[Vec<f64>], first: usize, rows: usize, width: usize) -> f64 {
    let mut kappa = 0.0;
    for s in 0..rows {
        for t in 0..rows {
            let row = |s: usize| first + s * width..first + (s + 1) * width;
            let inner: f64 =
                row(s).zip(row(t)).map(|(a, b)| f64::from(w[a]) * f64::from(w[b])).sum();
            let trace: f64 = row(s).zip(row(t)).map(|(a, b)| h[a][b]).sum();
            kappa += inner * trace;
        }
    }
    kappa
}

#[test]
fn kappa_is_its_definition() {
    let layout = network();
    let models = [normal(1, layout.value_count()), normal(2, layout.value_count())];
    let model_set = model_set(&layout, &[&models[0], &models[1]]);
    let mut trainer = Quadratic::drawn(&layout, 3);
    let h = trainer.matrix(SplitSpec::Test);
    // The matrix has 2² directions, and the filters have 4².
    let found = rows(&spec(16), &model_set, &mut trainer);
    for (base, model) in [("3", &models[0]), ("5", &models[1])] {
        for (set, first, height, width) in [("fc", 4, 3, 2), ("conv", 13, 2, 4)] {
            let row = one(&found, "kappa", set, base);
            near(row.value.unwrap(), kappa(model, &h, first, height, width), 1e-6, set);
            assert_eq!(row.std_error, None, "exact");
        }
        assert!(of(&found, "kappa", "scale", base).is_empty(), "no matrix");
    }
    assert_eq!(found.len(), 4);
}

/// Random signs give κ on average.
#[test]
fn fewer_draws_estimate_kappa() {
    let layout = Arc::new(Layout::new([("fc.weight", vec![6, 20])]).unwrap());
    let models = [normal(1, 120), normal(2, 120)];
    let model_set = model_set(&layout, &[&models[0], &models[1]]);
    let mut trainer = Quadratic::drawn(&layout, 4);
    let h = trainer.matrix(SplitSpec::Test);
    let found = rows(&spec(399), &model_set, &mut trainer);
    for (base, model) in [("3", &models[0]), ("5", &models[1])] {
        let exact = kappa(model, &h, 0, 6, 20);
        let row = one(&found, "kappa", "all", base);
        let error = row.std_error.unwrap();
        assert!((row.value.unwrap() - exact).abs() < 3.5 * error, "{row:?}, not {exact}");
    }
    let found = rows(&spec(400), &model_set, &mut trainer);
    near(
        one(&found, "kappa", "all", "3").value.unwrap(),
        kappa(&models[0], &h, 0, 6, 20),
        1e-6,
        "all",
    );
}

/// If the Hessian is c times the identity, κ = c·m·‖W‖², and the draws vary as ‖WR‖² does.
#[test]
fn kappa_of_a_round_bowl() {
    let layout = Arc::new(Layout::new([("fc.weight", vec![3, 5])]).unwrap());
    let model = normal(1, 15);
    let model_set = model_set(&layout, &[&model]);
    let diagonal = |i: usize| (0..15).map(|j| if i == j { 0.25 } else { 0.0 }).collect();
    let mut trainer = Quadratic::new(&layout, (0..15).map(diagonal).collect(), vec![0.0; 15]);
    let square: f64 = model.iter().map(|&w| f64::from(w).powi(2)).sum();
    let found = rows(&spec(25), &model_set, &mut trainer);
    near(one(&found, "kappa", "all", "3").value.unwrap(), 0.5 * 5.0 * square, 1e-6, "test split");
}
