//! Every number of a network with batch normalisation, under each policy for running statistics,
//! compared with `tests/oracle/fixtures/batchnorm.json`.
//!
//! Three clients trained one network with two normalisations on data of very different scales:
//! their running statistics are far apart, and so are the losses of models that take each other's.

mod analyses;
mod barriers;

use std::sync::Arc;

use fedlayer_analysis::{ModelSet, TrainedModel};
use fedlayer_core::{
    Plan,
    data::{ClientId, Examples, FederatedData},
    model::{Params, architecture::Architecture},
    spec::*,
    trainer::Update,
};
use fedlayer_torch::TorchTrainer;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::setup::{local, model, plan, sgd, trainer};

const FIXTURE: &str = include_str!("../../../../../tests/oracle/fixtures/batchnorm.json");

/// The three models under one policy, and PyTorch's numbers.
struct Case {
    statistics: Statistics,
    fixture: Value,
    /// PyTorch's numbers under this policy.
    expected: Value,
    plan: Plan,
    trainer: TorchTrainer,
    start: Arc<Params>,
    models: Vec<Arc<Params>>,
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn data(fixture: &Value) -> Arc<FederatedData> {
    let examples = |inputs: &str, labels: &str| {
        let inputs: Vec<Vec<f32>> = read(&fixture[inputs]);
        let (shape, classes) = (vec![read(&fixture["features"])], read(&fixture["classes"]));
        Arc::new(Examples::new(shape, classes, inputs.concat(), read(&fixture[labels])))
    };
    let counts: Vec<u32> = read(&fixture["examples"]);
    let mut next = 0;
    let clients = counts.iter().map(|count| {
        let own: Vec<u32> = (next..next + count).collect();
        next += count;
        (own, vec![])
    });
    let clients: Vec<_> = clients.collect();
    let (pool, test) = (examples("pool", "pool_labels"), examples("inputs", "labels"));
    Arc::new(FederatedData::new(pool, test, clients))
}

fn network(widths: &[u32], classes: u32) -> ModelSpec {
    let hidden = |width: &u32| {
        format!(
            r#"{{ "linear": {{ "out": {width} }} }}, {{ "norm": {{ "kind": "batch" }} }}, "tanh""#
        )
    };
    let hidden: Vec<String> = widths.iter().map(hidden).collect();
    let head = format!(r#"{{ "linear": {{ "out": {classes} }} }}"#);
    model(&format!(r#"{{ "layers": [{}, {head}] }}"#, hidden.join(", ")))
}

/// One case for each policy.
fn cases() -> Vec<Case> {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let data = data(&fixture);
    let network = network(&read::<Vec<u32>>(&fixture["widths"]), read(&fixture["classes"]));
    let case = |expected: &Value| {
        let statistics: Statistics = read(&expected["policy"]);
        let mut plan = plan(network.clone(), &data, local(sgd(0.1)));
        plan.strategy.statistics = statistics;
        plan.layout = Arc::new(plan.layout.with_ownership(statistics.ownership()));
        let params =
            |values: &Value| Arc::new(Params::new(plan.layout.clone(), read(values)).unwrap());
        Case {
            statistics,
            expected: expected.clone(),
            start: params(&fixture["start"]),
            models: fixture["models"].as_array().unwrap().iter().map(params).collect(),
            trainer: trainer(&plan, &data),
            plan,
            fixture: fixture.clone(),
        }
    };
    let cases: Vec<Case> = fixture["cases"].as_array().unwrap().iter().map(case).collect();
    assert_eq!(cases.len(), 4);
    cases
}

impl Case {
    fn update(&self, client: usize) -> Update {
        Update {
            client: ClientId(client as u32),
            params: self.models[client].clone(),
            optimizer: None,
            examples: read(&self.fixture["examples"][client]),
            steps: 1,
            loss: 1.0,
        }
    }

    /// The three models with a snapshot halfway, which is slightly off the line between start and
    /// end.
    fn subject(&self) -> ModelSet {
        let model = |client: usize| {
            let Update { client: id, params, examples, .. } = self.update(client);
            let ends = self.start.values().iter().zip(params.values()).enumerate();
            let bend = |at: usize| 0.01 * ((at * (client + 1)) as f32).sin();
            let halfway = ends.map(|(at, (a, b))| 0.5 * (a + b) + bend(at));
            let halfway = Params::new(self.plan.layout.clone(), halfway.collect()).unwrap();
            let history = vec![(1, Arc::new(halfway)), (2, params.clone())];
            TrainedModel { id, params, examples, history }
        };
        let facts = data(&self.fixture).facts();
        let architecture = Architecture::new(&self.plan.model, &facts).unwrap();
        ModelSet {
            round: 2,
            models: (0..3).map(model).collect(),
            initial: Some(self.start.clone()),
            architecture: Some(architecture),
        }
    }

    /// Compares a value with the fixture's, which is `null` for NaN. A difference of losses has
    /// their absolute error.
    #[track_caller]
    fn near(&self, found: Option<f64>, expected: &Value, tolerance: f64, what: &str) {
        let what = format!("{:?}, {what}", self.statistics);
        match (found, expected.as_f64()) {
            (Some(found), Some(expected)) => {
                let off = (found - expected).abs();
                assert!(off <= tolerance, "{what}: found {found}, expected {expected}");
            }
            (found, expected) => assert_eq!(found, expected, "{what}"),
        }
    }
}
