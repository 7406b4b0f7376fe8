//! Barriers, noise, subspaces, relative flatness and Hessians held to `tests/oracle/fixtures/landscape.json` at the root.

use std::sync::Arc;

use fedlayer_core::{
    Derivatives, Examples, FederatedData, LayerSet, Mix, Params, Plan, Point, Probe, Split,
    Trainer, spec::ModelSpec,
};
use fedlayer_torch::TorchTrainer;
use serde_json::Value;

use crate::setup::*;

const FIXTURE: &str = include_str!("../../../../tests/oracle/fixtures/landscape.json");

/// Two trained networks of one form, and the examples on which they are looked at.
struct Case {
    name: String,
    fixture: Value,
    plan: Plan,
    trainer: TorchTrainer,
    ends: [Arc<Params>; 2],
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn cases() -> Vec<Case> {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let cases = fixture["cases"].as_array().unwrap().iter().map(|case| {
        let inputs: Vec<Vec<f32>> = read(&case["inputs"]);
        let (shape, classes) = (read(&case["shape"]), read(&case["classes"]));
        let test = Examples::new(shape, classes, inputs.concat(), read(&case["labels"]));
        let test = Arc::new(test);
        let data = Arc::new(FederatedData::new(test.clone(), test, [(vec![0], vec![])]));
        let plan = plan(read::<ModelSpec>(&case["model"]), &data, local(sgd(0.1)));
        let names: Vec<String> = plan.layout.names().map(|name| name.as_str().to_owned()).collect();
        assert_eq!(names, read::<Vec<String>>(&case["layers"]));
        let end = |end: usize| {
            Arc::new(Params::new(plan.layout.clone(), read(&case["ends"][end])).unwrap())
        };
        Case {
            name: read(&case["name"]),
            fixture: case.clone(),
            ends: [end(0), end(1)],
            trainer: trainer(&plan, &data),
            plan,
        }
    });
    cases.collect()
}

impl Case {
    fn losses(&mut self, points: Vec<Point>) -> Vec<Vec<f32>> {
        let probe = |point| Probe { point, split: Split::Test };
        let probes: Vec<Probe> = points.into_iter().map(probe).collect();
        let evaluations = self.trainer.evaluate(&probes).unwrap();
        evaluations.into_iter().map(|evaluation| evaluation.losses).collect()
    }

    fn derivatives(&mut self, end: usize, along: &[Vec<f32>]) -> Derivatives {
        let point = Point::Model(self.ends[end].clone());
        self.trainer.differentiate(&point, Split::Test, along).unwrap()
    }

    /// Fails where `found` is further from the fixture's value than 10⁻⁴ of `scale`.
    #[track_caller]
    fn near(&self, what: &str, found: f64, expected: &Value, scale: f64) {
        let expected = expected.as_f64().unwrap();
        let off = (found - expected).abs();
        assert!(off <= 1e-4 * scale, "{}, {what}: found {found}, expected {expected}", self.name);
    }

    #[track_caller]
    fn all_near(&self, what: &str, found: &[f64], expected: &Value) {
        let found: Vec<f32> = found.iter().map(|&value| value as f32).collect();
        assert_near(&found, &read::<Vec<f32>>(expected), 1e-4, &format!("{}, {what}", self.name));
    }
}

#[test]
fn barriers_of_every_sweep_are_the_oracles() {
    for mut case in cases() {
        let expected = case.fixture["barriers"].as_array().unwrap().clone();
        let point = |expected: &Value| {
            let base: usize = read(&expected["base"]);
            let set: Vec<usize> = read(&expected["set"]);
            Point::Mix(Mix {
                base: case.ends[base].clone(),
                other: case.ends[1 - base].clone(),
                set: LayerSet::new(case.plan.layout.clone(), set),
                weight: read(&expected["alpha"]),
            })
        };
        let mixes: Vec<Point> = expected.iter().map(point).collect();
        let ends = case.losses(case.ends.iter().cloned().map(Point::Model).collect());
        assert!(mixes.len() >= 20);
        for (losses, expected) in case.losses(mixes).iter().zip(&expected) {
            let mean = ends[0].iter().zip(&ends[1]);
            let mean: Vec<f64> = mean.map(|(&a, &b)| f64::midpoint(a.into(), b.into())).collect();
            let pairs = losses.iter().zip(&mean);
            let differences: Vec<f64> = pairs.map(|(&mix, mean)| f64::from(mix) - mean).collect();
            let count = differences.len() as f64;
            let value = differences.iter().sum::<f64>() / count;
            let squares = differences.iter().map(|difference| (difference - value).powi(2));
            let error = (squares.sum::<f64>() / (count - 1.0) / count).sqrt();
            // A difference of losses of about 1 is as exact as they are.
            let what = format!("{expected}");
            case.near(&what, value, &expected["value"], 1.0);
            case.near(&what, error, &expected["std_error"], 1.0);
        }
    }
}

#[test]
fn noise_around_a_model_raises_the_loss_as_the_oracle_says() {
    for mut case in cases() {
        for noise in case.fixture["robustness"].as_array().unwrap().clone() {
            let direction: Vec<f32> = read(&noise["direction"]);
            let alphas: Vec<f64> = read(&noise["alphas"]);
            let point = |alpha: &f64| {
                let values = case.ends[0].values().iter().zip(&direction);
                let moved = |(&value, &step): (&f32, &f32)| {
                    (f64::from(value) + alpha * f64::from(step)) as f32
                };
                let params = Params::new(case.plan.layout.clone(), values.map(moved).collect());
                Point::Model(Arc::new(params.unwrap()))
            };
            let points = alphas.iter().map(point).collect();
            for (at, losses) in case.losses(points).iter().enumerate() {
                let loss = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
                let (loss, expected) = (loss / losses.len() as f64, &noise["losses"][at]);
                case.near("noise", loss, expected, expected.as_f64().unwrap());
            }
        }
    }
}

#[test]
fn gradients_and_products_of_the_hessian_are_the_oracles() {
    for mut case in cases() {
        for end in 0..2 {
            let expected = case.fixture["curvature"][end].clone();
            let found = case.derivatives(end, &[read(&expected["direction"])]);
            case.near("loss", found.loss, &expected["loss"], found.loss);
            case.all_near("gradient", &found.gradient, &expected["gradient"]);
            case.all_near("product", &found.products[0], &expected["product"]);
        }
    }
}

#[test]
fn traces_of_the_hessian_are_the_oracles() {
    for mut case in cases() {
        let parameters = case.plan.layout.parameters();
        let unit = |at: usize| (0..parameters).map(|o| f32::from(u8::from(o == at))).collect();
        let units: Vec<Vec<f32>> = (0..parameters).map(unit).collect();
        for end in 0..2 {
            let expected = case.fixture["curvature"][end].clone();
            let hessian = case.derivatives(end, &units).products;
            let trace = |range: std::ops::Range<usize>| range.map(|at| hessian[at][at]).sum();
            let whole = &expected["whole"]["trace"];
            case.near("trace", trace(0..parameters), whole, whole.as_f64().unwrap());
            for (at, layer) in case.plan.layout.layers().iter().enumerate() {
                let expected = &expected["layers"][at]["trace"];
                let name = format!("trace of {}", layer.name);
                case.near(&name, trace(layer.range.clone()), expected, whole.as_f64().unwrap());
            }
        }
    }
}

/// κ = Σ_ij ⟨E_ij, H E_ij⟩, E_ij being 0 but for its column i, which is the weight's column j.
#[test]
fn relative_flatness_is_the_oracles_and_its_closed_form() {
    for mut case in cases() {
        for end in 0..2 {
            let expected = case.fixture["curvature"][end].clone();
            for at in 0..case.plan.layout.layers().len() {
                let weight = case.plan.layout.layers()[at].tensors[0].clone();
                let rows = weight.shape[0];
                let columns = weight.range.len() / rows;
                let own = case.ends[end].range(&weight.range).to_vec();
                let moved = |to: usize, from: usize| {
                    let mut direction = vec![0.0; case.plan.layout.parameters()];
                    for row in 0..rows {
                        direction[weight.range.start + row * columns + to] =
                            own[row * columns + from];
                    }
                    direction
                };
                let pairs = (0..columns).flat_map(|to| (0..columns).map(move |from| (to, from)));
                let along: Vec<Vec<f32>> = pairs.map(|(to, from)| moved(to, from)).collect();
                let products = case.derivatives(end, &along).products;
                let forms = products.iter().zip(&along).map(|(product, direction)| {
                    let terms = product.iter().zip(direction);
                    terms.map(|(h, &v)| h * f64::from(v)).sum::<f64>()
                });
                let kappa: f64 = forms.sum();
                let layer = &expected["layers"][at]["kappa"];
                let name = format!("κ of `{}`", weight.name);
                case.near(&name, kappa, layer, layer.as_f64().unwrap().abs());
                if at + 1 == case.plan.layout.layers().len() {
                    let closed = &expected["closed_kappa"];
                    case.near("closed κ", kappa, closed, closed.as_f64().unwrap());
                }
            }
        }
    }
}
