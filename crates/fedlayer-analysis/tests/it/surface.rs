//! Loss surfaces, and Fig. 4 of the paper.

use std::sync::Arc;

use fedlayer_core::{
    model::Params,
    record::AnalysisRow,
    spec::{Measurement, Surface, Through},
};

use crate::fixture::{Closure, Quadratic, model_set, normal, refusal, rows};
use crate::support::{Outcomes, dense, layout, near, params};

fn surface(through: Through, points: u32, beyond: f64) -> Measurement {
    Measurement::Surface(Surface { through, points, beyond })
}

fn of<'a>(rows: &'a [AnalysisRow], kind: &'a str) -> impl Iterator<Item = &'a AnalysisRow> {
    rows.iter().filter(move |row| row.kind == kind)
}

/// f = w₁w₂, L = (1 − w₁w₂)²; θ₁ = (1, 1), θ₂ = (4, ¼): r = 4.
#[test]
fn fig_4_in_its_own_numbers() {
    let layout = layout(&[("w1", 1), ("w2", 1)]);
    let model_set = model_set(&layout, &[&[1.0, 1.0], &[4.0, 0.25]]);
    let loss = |w: &[f32], _| -> Outcomes { vec![((1.0 - w[0] * w[1]).powi(2), true)] };
    let names = |name: &str| vec![name.to_owned()];
    let spec = surface(Through::Layers([names("w1"), names("w2")]), 5, 0.0);
    let found = rows(&spec, &model_set, &mut Closure::new(&layout, loss));
    let found: Vec<_> = found
        .into_iter()
        .filter(|r| r.metric == Some(fedlayer_core::record::Metric::Loss))
        .collect();
    let at = |kind: &str, alpha: f64, beta: f64| {
        let mut rows = of(&found, kind).filter(|r| (r.alpha, r.beta) == (Some(alpha), Some(beta)));
        rows.next().unwrap_or_else(|| panic!("{kind} {alpha} {beta}")).value.unwrap()
    };
    // Full, first layer, second layer; all of them are grid points.
    for (alpha, beta, value) in [(0.5, 0.5, 0.31640625), (0.5, 0.0, 2.25), (0.0, 0.5, 0.140625)] {
        near(at("plane", alpha, beta), value, 1e-12, (alpha, beta));
    }
    // Into the second model the roles are swapped: the other layer is fully mixed.
    near(at("plane", 1.0, 0.5), 2.25, 1e-12, "second layer half-way back");
    near(at("plane", 0.5, 1.0), 0.140625, 1e-12, "first layer half-way back");
    near(at("path-full", 0.5, 0.5), 0.31640625, 1e-12, "path");
    near(at("path-layers", 0.5, 0.0), 2.25, 1e-12, "path");
    near(at("path-layers", 1.0, 0.0), 9.0, 1e-12, "path");
    near(at("path-layers", 1.0, 0.5), 2.25, 1e-12, "path");
    let counts =
        ["plane", "path-full", "path-layers", "model"].map(|kind| of(&found, kind).count());
    assert_eq!(counts, [25, 5, 9, 2]);
    assert!(of(&found, "plane").all(|row| row.set == "w1|w2" && row.base == "3"));
    let ends: Vec<_> =
        of(&found, "model").map(|r| (r.base.as_str(), r.alpha, r.beta, r.value)).collect();
    let one = |at| (Some(at), Some(at), Some(0.0));
    let place = |base, (alpha, beta, value)| (base, alpha, beta, value);
    assert_eq!(ends, [place("3", one(0.0)), place("5", one(1.0))]);
}

#[test]
fn a_quadratic_is_a_parabola_on_the_segment() {
    let layout = layout(&[("a", 3), ("b", 2)]);
    let (a, b) = (normal(1, 5), normal(2, 5));
    let model_set = model_set(&layout, &[&a, &b]);
    let mut trainer = Quadratic::drawn(&layout, 9);
    let found = rows(&surface(Through::Segment, 9, 0.5), &model_set, &mut trainer);
    let line: Vec<_> = of(&found, "segment").collect();
    let alphas: Vec<f64> = line.iter().map(|row| row.alpha.unwrap()).collect();
    assert_eq!(alphas, [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]);
    let values: Vec<f64> = line.iter().map(|row| row.value.unwrap()).collect();
    // The second difference of a parabola is constant.
    let second = |at: usize| values[at] - 2.0 * values[at + 1] + values[at + 2];
    for at in 0..7 {
        near(second(at), second(0), 1e-5, at);
    }
    assert!(second(0).abs() > 0.1);
    let ends: Vec<_> = of(&found, "model").map(|row| (row.alpha, row.value)).collect();
    assert_eq!(ends, [(Some(0.0), line[2].value), (Some(1.0), line[6].value)]);
}

/// The coordinates are distances and angles of parameter space, in units of the distance between
/// the first two models.
#[test]
fn a_plane_goes_through_its_three_models() {
    let layout = layout(&[("a", 30), ("b", 20)]);
    let models = [normal(1, 50), normal(2, 50), normal(3, 50)];
    let loss = |v: &[f32], _| -> Outcomes { vec![(v.iter().sum::<f32>().sin() + v[0], true)] };
    let whole = model_set(&layout, &[&models[0], &models[1], &models[2]]);
    let mut trainer = Closure::new(&layout, loss);
    let found = rows(&surface(Through::Models, 4, 0.25), &whole, &mut trainer);
    let places: Vec<(f64, f64)> = of(&found, "model")
        .filter(|row| row.metric == Some(fedlayer_core::record::Metric::Loss))
        .map(|row| (row.alpha.unwrap(), row.beta.unwrap()))
        .collect();
    let length = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
    };
    let unit = length(&models[0], &models[1]);
    let apart = |a: (f64, f64), b: (f64, f64)| unit * (a.0 - b.0).hypot(a.1 - b.1);
    for (i, j) in [(0, 1), (0, 2), (1, 2)] {
        near(apart(places[i], places[j]), length(&models[i], &models[j]), 1e-5, (i, j));
    }
    // The same holds for all grid points: the first three evaluations are the models, then come the
    // columns.
    let grid: Vec<_> = of(&found, "plane")
        .filter(|row| row.metric == Some(fedlayer_core::record::Metric::Loss))
        .map(|row| (row.alpha.unwrap(), row.beta.unwrap()))
        .collect();
    assert_eq!((grid.len(), trainer.seen.len()), (16, 3 + 16));
    for (place, (_, point)) in grid.iter().zip(&trainer.seen[3..]) {
        for (model, at) in models.iter().zip(&places) {
            near(length(point.values(), model), apart(*place, *at), 1e-5, place);
        }
    }
    let lowest = |of: fn(&(f64, f64)) -> f64| grid.iter().map(of).fold(f64::INFINITY, f64::min);
    near(lowest(|p| p.0), places[2].0.min(0.0) - 0.25, 1e-12, "left");
    near(lowest(|p| p.1), -0.25, 1e-12, "bottom");

    // Two models and the initial model are three models as well.
    let mut two = model_set(&layout, &[&models[0], &models[1]]);
    two.initial = Some(params(&layout, &models[2]));
    let again = rows(&surface(Through::Models, 4, 0.25), &two, &mut trainer);
    let values = |rows: &[AnalysisRow]| rows.iter().map(|row| row.value).collect::<Vec<_>>();
    assert_eq!(values(&again), values(&found));
    assert!(again.iter().any(|row| row.base == "initial"));
}

#[test]
fn filters_move_by_their_own_norms_and_biases_not_at_all() {
    let layout = dense(&[5, 4, 3]);
    let values = normal(8, layout.value_count());
    let model_set = model_set(&layout, &[&values]);
    let mut trainer = Closure::new(&layout, |v, _| vec![(v[0], true)]);
    // From −1 to 1.
    rows(&surface(Through::Filters, 3, 0.0), &model_set, &mut trainer);
    let points: Vec<&Arc<Params>> = trainer.seen.iter().map(|(_, params)| params).collect();
    assert_eq!(points.len(), 1 + 9);
    let step = |at: usize| -> Vec<f64> {
        let pairs = points[at].values().iter().zip(&values);
        pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)).collect()
    };
    // After the model: (−1, −1), (−1, 0), (−1, 1), (0, −1), (0, 0), (0, 1), (1, −1), (1, 0), (1,
    // 1).
    assert!(step(5).iter().all(|&value| value == 0.0));
    let (first, second) = (step(8), step(6));
    for tensor in layout.tensors() {
        let range = tensor.range.clone();
        if tensor.shape.len() < 2 {
            assert!(range.clone().all(|at| first[at] == 0.0 && second[at] == 0.0));
            continue;
        }
        let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let own: Vec<f64> = values.iter().map(|&v| v.into()).collect();
        for filter in range.clone().step_by(tensor.shape[1]).map(|at| at..at + tensor.shape[1]) {
            for way in [&first, &second] {
                near(norm(&way[filter.clone()]), norm(&own[filter.clone()]), 1e-5, &tensor.name);
            }
        }
        assert_ne!(first[range.clone()], second[range]);
    }
    for at in 0..values.len() {
        near(step(9)[at], first[at] + second[at], 1e-5, at);
    }
}

#[test]
fn planes_that_are_none_are_refused() {
    let layout = layout(&[("a", 2), ("b", 1)]);
    let loss = |v: &[f32], _| -> Outcomes { vec![(v[0], true)] };
    let mut trainer = Closure::new(&layout, loss);
    let line = model_set(&layout, &[&[0.0, 1.0, 2.0], &[1.0, 2.0, 3.0], &[3.0, 4.0, 5.0]]);
    let models = surface(Through::Models, 3, 0.0);
    let text = "`surface`: the three models lie on one line; choose models that do not";
    assert_eq!(refusal(&models, &line, &mut trainer), text);
    let same = model_set(&layout, &[&[1.0; 3], &[1.0; 3], &[3.0, 4.0, 5.0]]);
    assert_eq!(refusal(&models, &same, &mut trainer), text);
    let two = model_set(&layout, &[&[0.0; 3], &[1.0; 3]]);
    let text = "found 2 models; `surface` needs 3";
    assert_eq!(refusal(&models, &two, &mut trainer), text);
    let names = |name: &str| vec![name.to_owned()];
    let both = surface(Through::Layers([names("*"), names("b")]), 3, 0.0);
    let text = "`surface`: layer `b` is in both sets of `layers`; name each layer once";
    assert_eq!(refusal(&both, &two, &mut trainer), text);
    let none = surface(Through::Layers([names("a"), names("x")]), 3, 0.0);
    let text = "`surface`: `x` matches no layer";
    assert_eq!(refusal(&none, &two, &mut trainer), text);
}
