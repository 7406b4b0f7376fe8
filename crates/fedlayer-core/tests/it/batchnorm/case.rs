//! Three models with two batch normalisations, in f64, from a PyTorch fixture.

use std::sync::Arc;

use fedlayer_core::{
    barrier::EndModel,
    model::{Layer, LayerSet, Layout, Params, Role},
    record::BarrierRow,
    spec::*,
    trainer::Update,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::support::{Outcomes, bits, cross_entropy, measure, update};

const FIXTURE: &str = include_str!("../../../../../tests/oracle/fixtures/batchnorm.json");

pub(crate) fn fixture() -> Value {
    serde_json::from_str(FIXTURE).unwrap()
}

pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// Makes a fully connected network with a batch normalisation behind each hidden layer.
pub(crate) fn layout(fixture: &Value, statistics: Statistics) -> Arc<Layout> {
    let widths: Vec<usize> = read(&fixture["widths"]);
    let mut input: usize = read(&fixture["features"]);
    let mut tensors = Vec::new();
    let mut linear = |tensors: &mut Vec<(String, Vec<usize>, Role)>, at: usize, out: usize| {
        tensors.push((format!("fc{at}.weight"), vec![out, input], Role::Trained));
        tensors.push((format!("fc{at}.bias"), vec![out], Role::Trained));
        input = out;
    };
    for (at, &width) in widths.iter().enumerate() {
        linear(&mut tensors, at + 1, width);
        let norm = |tensor: &str| format!("norm{}.{tensor}", at + 1);
        for tensor in ["weight", "bias"] {
            tensors.push((norm(tensor), vec![width], Role::Trained));
        }
        for tensor in ["running_mean", "running_var"] {
            tensors.push((norm(tensor), vec![width], Role::Statistic));
        }
        tensors.push((norm("num_batches_tracked"), vec![], Role::Statistic));
    }
    linear(&mut tensors, widths.len() + 1, read(&fixture["classes"]));
    Arc::new(Layout::with_roles(tensors).unwrap().with_ownership(statistics.ownership()))
}

/// Computes losses and correct answers on the fixture's test examples, in f64.
pub(crate) fn outcomes(
    fixture: &Value,
    layout: &Arc<Layout>,
) -> impl Fn(&[f32]) -> Outcomes + use<> {
    let inputs: Vec<Vec<f64>> = read(&fixture["inputs"]);
    let labels: Vec<usize> = read(&fixture["labels"]);
    let layers = layout.layers().to_vec();
    move |values| {
        let one = |(input, &label): (&Vec<f64>, &usize)| {
            let logits = logits(&layers, values, input);
            let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            (cross_entropy(&logits, label) as f32, best == Some(label))
        };
        inputs.iter().zip(&labels).map(one).collect()
    }
}

/// Runs the network on one input.
fn logits(layers: &[Layer], values: &[f32], input: &[f64]) -> Vec<f64> {
    let tensor = |layer: &Layer, at: usize| -> Vec<f64> {
        values[layer.tensors[at].range.clone()].iter().map(|&v| v.into()).collect()
    };
    let mut x = input.to_vec();
    for layer in layers {
        let (weight, bias) = (tensor(layer, 0), tensor(layer, 1));
        x = if layer.tensors.len() == 2 {
            let rows = weight.chunks(x.len()).zip(&bias);
            rows.map(|(row, b)| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() + b).collect()
        } else {
            let (mean, variance) = (tensor(layer, 2), tensor(layer, 3));
            let unit = |c: usize, x: f64| (x - mean[c]) / (variance[c] + 1e-5).sqrt();
            let one = |(c, &x): (usize, &f64)| (unit(c, x) * weight[c] + bias[c]).tanh();
            x.iter().enumerate().map(one).collect()
        };
    }
    x
}

pub(crate) struct Case {
    pub(crate) fixture: Value,
    pub(crate) expected: Value,
    pub(crate) layout: Arc<Layout>,
    pub(crate) start: Arc<Params>,
    pub(crate) models: Vec<Arc<Params>>,
}

/// The three models under the policies that need no training examples.
pub(crate) fn cases() -> [Case; 2] {
    [Statistics::Average, Statistics::Keep].map(case)
}

pub(crate) fn case(statistics: Statistics) -> Case {
    let fixture = fixture();
    let layout = layout(&fixture, statistics);
    let params = |values: &Value| Arc::new(Params::new(layout.clone(), read(values)).unwrap());
    let policy = serde_json::to_value(statistics).unwrap();
    let expected = fixture["cases"].as_array().unwrap().iter().find(|c| c["policy"] == policy);
    Case {
        expected: expected.unwrap().clone(),
        start: params(&fixture["start"]),
        models: fixture["models"].as_array().unwrap().iter().map(params).collect(),
        layout,
        fixture,
    }
}

impl Case {
    pub(crate) fn updates(&self) -> Vec<Update> {
        let examples: Vec<u64> = read(&self.fixture["examples"]);
        let one = |(at, model): (usize, &Arc<Params>)| update(at as u32, model, examples[at]);
        self.models.iter().enumerate().map(one).collect()
    }

    pub(crate) fn barriers(&self, spec: &BarrierSpec) -> Vec<BarrierRow> {
        let end = |update| EndModel { start: self.start.clone(), update };
        let ends: Vec<EndModel> = self.updates().into_iter().map(end).collect();
        let outcomes = outcomes(&self.fixture, &self.layout);
        measure(spec, Weighting::Examples, &ends, outcomes).rows
    }

    pub(crate) fn set(&self, layers: &[usize]) -> LayerSet {
        LayerSet::new(self.layout.clone(), layers.iter().copied())
    }

    pub(crate) fn statistics(&self, params: &Params) -> Vec<u32> {
        self.layout.statistics().flat_map(|tensor| bits(params.range(&tensor.range))).collect()
    }
}
