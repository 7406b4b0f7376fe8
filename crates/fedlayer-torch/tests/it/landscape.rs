//! The analyses through libtorch: barriers, noise, subspaces, relative flatness and Hessians,
//! compared with `tests/oracle/fixtures/landscape.json`.

use std::sync::Arc;

use fedlayer_analysis::{ModelSet, TrainedModel, analyze};
use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, Examples, FederatedData, Split},
    model::{LayerSet, Params, Point},
    record::{AnalysisRow, Metric},
    spec::*,
    trainer::{Derivatives, Probe, Trainer},
};
use fedlayer_torch::TorchTrainer;
use serde_json::Value;

use crate::setup::*;

const FIXTURE: &str = include_str!("../../../../tests/oracle/fixtures/landscape.json");

/// Two trained networks of one architecture, and the examples on which they are analysed.
struct Case {
    name: String,
    fixture: Value,
    alphas: Value,
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
            alphas: fixture["alphas"].clone(),
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

    /// The rows of a measurement on both end models and their snapshots.
    fn analyze(&mut self, measurement: &Measurement) -> Vec<AnalysisRow> {
        let snapshots: Vec<Vec<f32>> = read(&self.fixture["snapshots"]);
        let half = snapshots.len() / 2;
        let model = |end: usize| {
            let states = snapshots[end * half..][..half].iter().enumerate();
            let params = |values: &Vec<f32>| {
                Arc::new(Params::new(self.plan.layout.clone(), values.clone()).unwrap())
            };
            TrainedModel {
                id: ClientId(end as u32),
                params: self.ends[end].clone(),
                examples: 1,
                history: states.map(|(at, state)| (at as u32 + 1, params(state))).collect(),
            }
        };
        let models = vec![model(0), model(1)];
        let subject = ModelSet { round: half as u32, models, initial: None, architecture: None };
        let splits = [SplitSpec::Test];
        analyze(measurement, &subject, &splits, Seed::new(1), &mut self.trainer).unwrap()
    }

    /// Fails if `found` differs from the fixture's value by more than 10⁻⁴ of `scale`.
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

/// The rows of a measurement by kind, layer set and base, and by α if it has one.
fn measured<'a>(
    rows: &'a [AnalysisRow],
    kind: &str,
    set: &str,
    base: &str,
    alpha: Option<f64>,
) -> &'a AnalysisRow {
    let mut found = rows.iter().filter(|row| {
        let same = row.kind == kind && row.set == set && row.base == base && row.alpha == alpha;
        same && row.metric != Some(Metric::Error)
    });
    let row = found.next().unwrap_or_else(|| panic!("no `{kind}` of {set} at {base}, α {alpha:?}"));
    assert!(found.next().is_none(), "`{kind}` of {set} at {base}, α {alpha:?} stands twice");
    row
}

#[test]
fn barriers_of_every_sweep_are_the_oracles() {
    for mut case in cases() {
        let spec = Barriers {
            sets: vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep],
            alpha: read(&case.alphas),
            baselines: vec![Baseline::Mean],
            ..Barriers::default()
        };
        let rows = case.analyze(&Measurement::Barriers(spec));
        let expected = case.fixture["barriers"].as_array().unwrap().clone();
        assert!(expected.len() >= 20);
        for expected in expected {
            let base: usize = read(&expected["base"]);
            let set: Vec<usize> = read(&expected["set"]);
            // The sweeps that contain a set.
            let layers = case.plan.layout.layers().len();
            let mut kinds = Vec::new();
            kinds.extend((set.len() == layers).then_some("full"));
            kinds.extend((set.len() == 1).then_some("layer"));
            kinds.extend((set[0] == 0).then_some("shallow"));
            kinds.extend((set[set.len() - 1] == layers - 1).then_some("deep"));
            let set = LayerSet::new(case.plan.layout.clone(), set).to_string();
            for kind in kinds {
                let base = format!("{base}<-{}", 1 - base);
                let alpha = expected["alpha"].as_f64();
                let row = measured(&rows, kind, &set, &base, alpha);
                // The losses are about 1: their difference has their absolute error.
                case.near(kind, row.value.unwrap(), &expected["value"], 0.1);
                case.near(kind, row.std_error.unwrap(), &expected["std_error"], 0.1);
            }
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
fn traces_and_eigenvalues_of_the_hessian_are_the_oracles() {
    for mut case in cases() {
        let spec = Hessian { draws: 1000, steps: 500, tolerance: 1e-8 };
        let rows = case.analyze(&Measurement::Hessian(spec));
        for end in 0..2 {
            let expected = case.fixture["curvature"][end].clone();
            let layers = expected["layers"].as_array().unwrap().iter();
            let layers = layers.map(|layer| (layer["name"].as_str().unwrap(), layer));
            for (set, expected) in layers.chain([("all", &expected["whole"])]) {
                let (largest, smallest) = (&expected["largest"], &expected["smallest"]);
                let size = |value: &Value| value.as_f64().unwrap().abs();
                let top = if size(largest) > size(smallest) { largest } else { smallest };
                let row = |kind| measured(&rows, kind, set, &end.to_string(), None);
                let (trace, of_trace) = (row("trace"), &expected["trace"]);
                assert_eq!(trace.std_error, None, "of so few values the trace is exact");
                // A trace is a sum of values of both signs. The error of each is relative to the
                // largest eigenvalue.
                let scale = size(of_trace).max(size(top));
                case.near(&format!("trace of {set}"), trace.value.unwrap(), of_trace, scale);
                case.near(&format!("top of {set}"), row("top").value.unwrap(), top, size(top));
            }
        }
    }
}

#[test]
fn relative_flatness_is_the_oracles_and_its_closed_form() {
    for mut case in cases() {
        let rows = case.analyze(&Measurement::Flatness(Flatness { draws: 1000 }));
        for end in 0..2 {
            let expected = case.fixture["curvature"][end].clone();
            let kappa = |layer: &str| {
                let row = measured(&rows, "kappa", layer, &end.to_string(), None);
                assert_eq!(row.std_error, None, "of so few inputs κ is exact");
                row.value.unwrap()
            };
            for layer in expected["layers"].as_array().unwrap() {
                let (name, of_layer) = (layer["name"].as_str().unwrap(), &layer["kappa"]);
                let scale = of_layer.as_f64().unwrap().abs();
                case.near(&format!("κ of {name}"), kappa(name), of_layer, scale);
            }
            let closed = &expected["closed_kappa"];
            case.near("closed κ", kappa("out"), closed, closed.as_f64().unwrap());
        }
    }
}

#[test]
fn the_subspace_of_training_has_the_oracles_dimensions() {
    for mut case in cases() {
        let spec = Subspace { draws: 2, layers: false, ..Subspace::default() };
        let rows = case.analyze(&Measurement::Subspace(spec));
        let rank = measured(&rows, "rank", "all", "0", None);
        assert_eq!(rank.value, case.fixture["subspace"]["rank"].as_f64());
    }
}
