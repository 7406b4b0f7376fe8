//! Plans, data and jobs for tests.
#![allow(dead_code, reason = "two test crates take what they need")]

use std::{path::Path, sync::Arc};

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, Examples, FederatedData, Split},
    model::{Params, Point},
    spec::*,
    trainer::{Probe, TrainJob, Trainer, Update},
};

use fedlayer_torch::{Device, Module, TorchError, TorchTrainer};
use rand::RngExt;

/// The module in a file.
#[allow(clippy::disallowed_methods, reason = "a test reads its fixture")]
pub(crate) fn module(file: &Path) -> Result<Module, TorchError> {
    Module::read(&file.display().to_string(), &std::fs::read(file).unwrap())
}

/// A client per entry of `clients`, with that many training examples and two test examples of its
/// own, and a test set of `test` examples. The labels can be learnt.
pub(crate) fn data(
    features: usize,
    classes: usize,
    clients: &[usize],
    test: usize,
) -> Arc<FederatedData> {
    let mut generator = Seed::new(3).child("data").generator();
    let mut draw = |count: usize| {
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let label = generator.random_range(0..classes);
            labels.push(label as u32);
            for feature in 0..features {
                let center = if feature % classes == label { 1.0 } else { 0.0 };
                values.push(center + generator.random::<f32>() - 0.5);
            }
        }
        Arc::new(Examples::new(vec![features], classes, values, labels))
    };
    let pool = draw(clients.iter().map(|train| train + 2).sum());
    let mut next = 0..;
    let mut take = |count| next.by_ref().take(count).collect::<Vec<u32>>();
    let clients = clients.iter().map(|&train| (take(train), take(2))).collect::<Vec<_>>();
    Arc::new(FederatedData::new(pool, draw(test), clients))
}

/// One client's `train` examples and a test set of `test`, of any shape: numbers in [−1, 1) with
/// one label each, or texts of tokens with several labels.
pub(crate) fn shaped(
    shape: &[usize],
    classes: usize,
    targets: usize,
    [train, test]: [usize; 2],
) -> Arc<FederatedData> {
    let mut generator = Seed::new(6).child("shaped").generator();
    let mut draw = |count: usize| {
        let values = count * shape.iter().product::<usize>();
        let mut token = || generator.random_range(0..classes as u32);
        let tokens: Vec<u32> = (0..values).map(|_| token()).collect();
        let labels = (0..count * targets).map(|_| token()).collect();
        let mut value = |token: u32| match targets {
            1 => 2.0 * generator.random::<f32>() - 1.0,
            _ => token as f32,
        };
        let values = tokens.into_iter().map(&mut value).collect();
        Examples { targets, ..Examples::new(shape.to_vec(), classes, values, labels) }
    };
    let pool = Arc::new(draw(train));
    Arc::new(FederatedData::new(
        pool,
        Arc::new(draw(test)),
        [((0..train as u32).collect(), vec![])],
    ))
}

/// A model from the JSON form of a scenario's `model`.
pub(crate) fn model(json: &str) -> ModelSpec {
    serde_json::from_str(json).unwrap()
}

/// A convolutional network with tanh, a residual and a normalisation. Its loss is smooth
/// everywhere.
pub(crate) fn smooth_cnn(norm: &str) -> ModelSpec {
    let conv = r#"{ "conv": { "out": 4, "kernel": 3, "padding": 1 } }"#;
    let norm = format!(r#"{{ "norm": {{ "kind": "{norm}", "groups": 2 }} }}"#);
    let norm = if norm.contains("batch") { norm.replace(r#", "groups": 2"#, "") } else { norm };
    let residual = format!(r#"{{ "residual": [{conv}, {norm}, "tanh", {conv}] }}"#);
    let pool = r#"{ "avg-pool": { "kernel": 2 } }"#;
    let head = r#""flatten", { "linear": { "out": 3 } }"#;
    model(&format!(r#"{{ "layers": [{conv}, "tanh", {pool}, {residual}, "sigmoid", {head}] }}"#))
}

/// A plan for this model, data and local training.
pub(crate) fn plan(model: ModelSpec, data: &FederatedData, local: LocalSpec) -> Plan {
    let facts = data.facts();
    Plan {
        seed: 1,
        rounds: 3,
        data: DataSpec::new(DataSet::Digits),
        clients: ClientsSpec {
            count: data.clients() as u32,
            per_round: None,
            dropout: 0.0,
            min_clients: 1,
            deadline: None,
            attempts: 1,
        },
        layout: Arc::new(model.layout(&facts).unwrap()),
        model,
        initial: None,
        local,
        barriers: None,
        evaluate: EvaluateSpec::default(),
        checkpoints: CheckpointSpec::default(),
        variant: None,
        strategy: StrategySpec {
            name: "all".into(),
            average: Average::Always(Rule::All),
            weights: Weighting::Examples,
            statistics: Statistics::default(),
            local: None,
        },
    }
}

pub(crate) fn sgd(lr: f64) -> Optimizer {
    Optimizer::Sgd(Sgd::new(lr))
}

pub(crate) fn momentum(lr: f64) -> Optimizer {
    Optimizer::Sgd(Sgd { momentum: 0.9, ..Sgd::new(lr) })
}

pub(crate) fn adam(lr: f64) -> Optimizer {
    Optimizer::Adam(Adam { lr, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 })
}

/// Two epochs in batches of 4.
pub(crate) fn local(optimizer: Optimizer) -> LocalSpec {
    LocalSpec::new(2, 4, optimizer)
}

pub(crate) fn mlp(hidden: &[u32]) -> ModelSpec {
    ModelSpec::Mlp(MlpForm::Hidden(hidden.to_vec()))
}

pub(crate) fn trainer(plan: &Plan, data: &Arc<FederatedData>) -> TorchTrainer {
    TorchTrainer::new(plan, data.clone(), Device::Cpu).unwrap()
}

pub(crate) fn initial(trainer: &mut TorchTrainer) -> Arc<Params> {
    Arc::new(trainer.initial(Seed::new(1).child("model")).unwrap())
}

/// The job of a client in the first round.
pub(crate) fn job(client: u32, params: &Arc<Params>) -> TrainJob {
    TrainJob {
        client: ClientId(client),
        round: 1,
        params: params.clone(),
        optimizer: None,
        seed: Seed::new(5).child("client").index(client.into()),
    }
}

/// The job of the next round, for a client that continues with its own model.
pub(crate) fn next(job: &TrainJob, update: &Update) -> TrainJob {
    TrainJob {
        round: job.round + 1,
        params: update.params.clone(),
        optimizer: update.optimizer.clone(),
        seed: job.seed.child("next"),
        ..job.clone()
    }
}

pub(crate) fn train(trainer: &mut TorchTrainer, jobs: &[TrainJob]) -> Vec<Update> {
    trainer.train(jobs).into_iter().map(|update| update.unwrap()).collect()
}

pub(crate) fn probe(params: &Arc<Params>, split: Split) -> Probe {
    Probe { point: Point::Model(params.clone()), split }
}

/// Fails if a value is off by more than `tolerance` times the largest value.
#[track_caller]
pub(crate) fn assert_near(found: &[f32], expected: &[f32], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: another length");
    let scale = expected.iter().fold(0.0, |scale: f64, value| scale.max(value.abs().into()));
    for (at, (&a, &b)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(a) - f64::from(b)).abs();
        assert!(off <= tolerance * scale, "{what}, value {at}: found {a}, expected {b}");
    }
}
