//! Gradients and Hessian products, compared with differences, closed forms and their own symmetry.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, FederatedData, Split},
    model::{LayerSet, Mix, Params, Point},
    spec::*,
    trainer::{Derivatives, Trainer, TrainerError},
};
use fedlayer_torch::{Device, TorchTrainer};
use rand::RngExt;

use crate::{archive::net, setup::*};

/// A network, its data, and the parameters at which it is differentiated.
struct Case {
    name: String,
    trainer: TorchTrainer,
    params: Arc<Params>,
}

impl Case {
    fn new(model: ModelSpec, data: &Arc<FederatedData>, loss: Loss) -> Self {
        let name = format!("{model:?}, {loss:?}");
        let mut trainer = trainer(&plan(model, data, LocalSpec { loss, ..local(sgd(0.1)) }), data);
        let params = initial(&mut trainer);
        Self { name, trainer, params }
    }

    /// A direction of norm 1 over the trained parameters.
    fn direction(&self, seed: u64) -> Vec<f32> {
        let mut generator = Seed::new(seed).child("direction").generator();
        let mut values: Vec<f32> =
            self.params.values().iter().map(|_| generator.random::<f32>() - 0.5).collect();
        for tensor in self.params.layout().statistics() {
            values[tensor.range.clone()].fill(0.0);
        }
        let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter().map(|value| value / norm).collect()
    }

    fn at(&mut self, params: &Arc<Params>, along: &[Vec<f32>]) -> Derivatives {
        self.trainer.differentiate(&Point::Model(params.clone()), Split::Test, along).unwrap()
    }

    fn here(&mut self, along: &[Vec<f32>]) -> Derivatives {
        self.at(&self.params.clone(), along)
    }

    /// The derivatives at a point one step along a direction.
    fn away(&mut self, direction: &[f32], step: f32) -> Derivatives {
        let values = self.params.values().iter().zip(direction);
        let values = values.map(|(value, direction)| value + step * direction).collect();
        let params = Arc::new(Params::new(self.params.layout().clone(), values).unwrap());
        self.at(&params, &[])
    }

    /// Compares gradient and product with central differences of the loss and of the gradient.
    #[track_caller]
    fn check_differences(&mut self, step: f32) {
        let direction = self.direction(1);
        let here = self.here(std::slice::from_ref(&direction));
        let (up, down) = (self.away(&direction, step), self.away(&direction, -step));
        let slope = (up.loss - down.loss) / f64::from(2.0 * step);
        let along = dot(&here.gradient, &direction);
        let scale = norm(&here.gradient);
        assert!((slope - along).abs() < 2e-3 * scale, "{}: {along}, expected {slope}", self.name);
        let differences = up.gradient.iter().zip(&down.gradient);
        let expected: Vec<f64> =
            differences.map(|(up, down)| (up - down) / f64::from(2.0 * step)).collect();
        let off: Vec<f64> = here.products[0]
            .iter()
            .zip(&expected)
            .map(|(found, expected)| found - expected)
            .collect();
        let (off, scale) = (norm(&off), norm(&expected));
        assert!(scale > 1e-4, "{}: a product of {scale} tests nothing", self.name);
        assert!(off < 5e-3 * scale, "{}: off by {off} of {scale}", self.name);
    }

    /// Checks that the loss is the evaluation's, all values are finite, ⟨u, H v⟩ = ⟨v, H u⟩, and
    /// statistics have no derivative.
    #[track_caller]
    fn check_consistency(&mut self) {
        let (u, v) = (self.direction(2), self.direction(3));
        let found = self.here(&[u.clone(), v.clone()]);
        let evaluation = self.trainer.evaluate(&[probe(&self.params, Split::Test)]).unwrap();
        let loss = evaluation[0].loss().unwrap();
        assert!(
            (found.loss - loss).abs() < 1e-6 * loss,
            "{}: {} and {loss}",
            self.name,
            found.loss
        );
        let all = found.products.iter().flatten().chain(&found.gradient);
        assert!(all.clone().all(|value| value.is_finite()), "{}", self.name);
        assert!(norm(&found.gradient) > 1e-4, "{}", self.name);
        let (uv, vu) = (dot(&found.products[0], &v), dot(&found.products[1], &u));
        let scale = norm(&found.products[0]);
        assert!((uv - vu).abs() <= 1e-4 * scale, "{}: {uv} and {vu}", self.name);
        for tensor in self.params.layout().statistics() {
            assert!(found.gradient[tensor.range.clone()].iter().all(|&value| value == 0.0));
            assert!(found.products[0][tensor.range.clone()].iter().all(|&value| value == 0.0));
        }
        assert_eq!(self.here(&[]).gradient.len(), self.params.values().len());
    }
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn tanh(hidden: &[u32]) -> ModelSpec {
    ModelSpec::Mlp(MlpForm::Full(Mlp { hidden: hidden.to_vec(), activation: Activation::Tanh }))
}

/// Images of 8 × 8 pixels in three classes.
fn images() -> Arc<FederatedData> {
    shaped(&[1, 8, 8], 3, 1, [40, 300])
}

#[test]
fn derivatives_are_differences_where_a_network_is_smooth() {
    let rows = data(6, 3, &[20], 1500);
    for loss in [Loss::CrossEntropy, Loss::Squared] {
        let gelu = r#"{ "mlp": { "hidden": [8], "activation": "gelu" } }"#;
        for model in [tanh(&[8, 5]), model(gelu), ModelSpec::DiagonalLinear(3)] {
            Case::new(model, &rows, loss).check_differences(0.02);
        }
        for norm in ["group", "batch"] {
            Case::new(smooth_cnn(norm), &images(), loss).check_differences(0.02);
        }
    }
    let texts = shaped(&[6], 7, 6, [10, 40]);
    for tied in [true, false] {
        let gpt = Gpt { depth: 2, width: 8, heads: 2, dropout: 0.0, tied };
        Case::new(ModelSpec::Gpt(gpt), &texts, Loss::CrossEntropy).check_differences(0.005);
    }
}

#[test]
fn every_kind_of_network_is_differentiated_twice() {
    let rows = data(6, 3, &[20], 300);
    let linear = [ModelSpec::Linear, ModelSpec::DeepLinear(vec![5]), mlp(&[8, 5])];
    for model in linear.into_iter().chain([ModelSpec::DiagonalLinear(2)]) {
        for loss in [Loss::CrossEntropy, Loss::Squared] {
            Case::new(model.clone(), &rows, loss).check_consistency();
        }
    }
    let pictures = shaped(&[1, 28, 28], 3, 1, [4, 6]);
    Case::new(ModelSpec::Lenet5, &pictures, Loss::CrossEntropy).check_consistency();
    let small = shaped(&[3, 16, 16], 3, 1, [4, 4]);
    for norm in ["none", "batch", "group"] {
        let residual = model(&format!(r#"{{ "resnet-20": {{ "norm": "{norm}" }} }}"#));
        Case::new(residual, &small, Loss::CrossEntropy).check_consistency();
    }
    let dropped = model(
        r#"{ "layers": [{ "conv": { "out": 4, "kernel": 3 } }, "relu", { "max-pool": { "kernel": 2 } }, { "dropout": 0.5 }, "flatten", { "linear": { "out": 3 } }] }"#,
    );
    Case::new(dropped, &images(), Loss::Squared).check_consistency();
}

#[test]
fn a_module_is_differentiated_twice() {
    let data = images();
    let mut plan = plan(ModelSpec::Linear, &data, local(sgd(0.1)));
    plan.model = ModelSpec::Torchscript("net.pt".into());
    plan.layout = Arc::new(module(&net()).unwrap().layout().unwrap());
    let mut trainer =
        TorchTrainer::with_module(&plan, data.clone(), Device::Cpu, Some(&module(&net()).unwrap()))
            .unwrap();
    let params = initial(&mut trainer);
    let mut module = Case { name: "net.pt".into(), trainer, params };
    module.check_consistency();
    let spelt = model(
        r#"{ "layers": [{ "conv": { "out": 4, "kernel": 3, "name": "conv" } }, "relu", "flatten", { "linear": { "out": 3, "name": "fc" } }] }"#,
    );
    let mut spelt = Case::new(spelt, &data, Loss::CrossEntropy);
    spelt.params = Arc::new(
        Params::new(spelt.params.layout().clone(), module.params.values().to_vec()).unwrap(),
    );
    let along = [module.direction(1)];
    let (found, expected) = (module.here(&along), spelt.here(&along));
    for (found, expected) in
        [(&found.gradient, &expected.gradient), (&found.products[0], &expected.products[0])]
    {
        let off: Vec<f64> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
        assert!(norm(&off) < 1e-5 * norm(expected), "{} of {}", norm(&off), norm(expected));
    }
}

#[test]
fn the_hessian_of_a_small_network_is_symmetric() {
    let mut case = Case::new(tanh(&[4]), &data(3, 3, &[10], 50), Loss::CrossEntropy);
    let count = case.params.values().len();
    let unit = |at: usize| (0..count).map(|other| f32::from(u8::from(other == at))).collect();
    let units: Vec<Vec<f32>> = (0..count).map(unit).collect();
    let hessian = case.here(&units).products;
    let largest =
        hessian.iter().flatten().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    assert!(largest > 1e-2);
    for (row, products) in hessian.iter().enumerate() {
        for (column, &value) in products.iter().enumerate() {
            let other = hessian[column][row];
            assert!((value - other).abs() < 1e-5 * largest, "({row}, {column}): {value}, {other}");
        }
    }
}

/// g_c = mean (p_c − y_c)·(x, 1), (H v)_c = mean p_c·(u_c − ⟨p, u⟩)·(x, 1), u = V (x, 1).
#[test]
fn logistic_regression_has_a_closed_form() {
    let data = data(4, 3, &[10], 1100);
    let mut case = Case::new(ModelSpec::Linear, &data, Loss::CrossEntropy);
    let direction = case.direction(1);
    let found = case.here(std::slice::from_ref(&direction));
    let count = data.test.len() as f64;
    let mut expected =
        Derivatives { loss: 0.0, gradient: vec![0.0; 15], products: vec![vec![0.0; 15]] };
    for row in 0..data.test.len() {
        let mut x = Vec::new();
        data.test.read(row, &mut x);
        let label = data.test.labels[row] as usize;
        let outputs = |values: &[f32]| -> [f64; 3] {
            [0, 1, 2].map(|class| {
                let weights = values[4 * class..][..4].iter().zip(&x);
                let sum: f64 = weights.map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
                sum + f64::from(values[12 + class])
            })
        };
        let exps = outputs(case.params.values()).map(f64::exp);
        let p = exps.map(|exp| exp / exps.iter().sum::<f64>());
        let u = outputs(&direction);
        let mean: f64 = p.iter().zip(&u).map(|(p, u)| p * u).sum();
        expected.loss -= p[label].ln() / count;
        for class in 0..3 {
            let first = (p[class] - f64::from(u8::from(class == label))) / count;
            let second = p[class] * (u[class] - mean) / count;
            for (feature, &value) in x.iter().enumerate() {
                expected.gradient[4 * class + feature] += first * f64::from(value);
                expected.products[0][4 * class + feature] += second * f64::from(value);
            }
            expected.gradient[12 + class] += first;
            expected.products[0][12 + class] += second;
        }
    }
    assert!((found.loss - expected.loss).abs() < 1e-6);
    let floats = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
    assert_near(&floats(&found.gradient), &floats(&expected.gradient), 1e-5, "gradient");
    assert_near(&floats(&found.products[0]), &floats(&expected.products[0]), 1e-5, "product");
}

#[test]
fn a_mix_is_differentiated_with_the_statistics_of_its_evaluation() {
    let data = images();
    for statistics in [Statistics::Average, Statistics::Recompute, Statistics::Repair] {
        let mut plan: Plan = plan(smooth_cnn("batch"), &data, local(sgd(0.1)));
        plan.strategy.statistics = statistics;
        let mut trainer = trainer(&plan, &data);
        let base = initial(&mut trainer);
        let other = Arc::new(trainer.initial(Seed::new(9)).unwrap());
        let set = LayerSet::new(plan.layout.clone(), [0, 2]);
        let point = Point::Mix(Mix { base, other, set, weight: 0.5 });
        let found = trainer.differentiate(&point, Split::Train, &[]).unwrap();
        let probe = fedlayer_core::trainer::Probe { point, split: Split::Train };
        let loss = trainer.evaluate(&[probe]).unwrap()[0].loss().unwrap();
        assert!(
            (found.loss - loss).abs() < 1e-6 * loss,
            "{statistics:?}: {} and {loss}",
            found.loss
        );
    }
}

#[test]
fn a_point_that_cannot_be_differentiated_is_refused_with_a_reason() {
    let mut case = Case::new(mlp(&[8]), &data(6, 3, &[9], 20), Loss::CrossEntropy);
    let point = Point::Model(case.params.clone());
    let refused = |found: Result<Derivatives, TrainerError>, words: &str| {
        assert_eq!(found, Err(TrainerError(words.into())));
    };
    let mut at = |split, along: &[Vec<f32>]| case.trainer.differentiate(&point, split, along);
    let words = "found a direction with 3 values; the model has 83 parameters";
    refused(at(Split::Test, &[vec![0.0; 83], vec![0.0; 3]]), words);
    let words = "client 1 is not in the plan: its clients are 0 to 0";
    refused(at(Split::ClientTest(ClientId(1)), &[]), words);
    let mut empty = Case::new(mlp(&[8]), &data(6, 3, &[9], 0), Loss::CrossEntropy);
    let point = Point::Model(empty.params.clone());
    let words = "the split has no examples";
    refused(empty.trainer.differentiate(&point, Split::Test, &[vec![0.0; 83]]), words);
}
