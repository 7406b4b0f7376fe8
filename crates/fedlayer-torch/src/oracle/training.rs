//! Training and evaluation of stacks, compared with `tests/oracle/fixtures/training.json`.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    data::{Examples, FederatedData},
    model::{Params, Point},
    trainer::Evaluation,
};
use serde_json::Value;

use crate::{
    engine::Engine,
    evaluate::{SplitData, evaluate_layers, layers_of},
    examples::DeviceExamples,
    network::{Mode, Network},
    setup,
    train::{Batches, LocalTask, lockstep},
};

const FIXTURE: &str = include_str!("../../../../tests/oracle/fixtures/training.json");

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn data(fixture: &Value) -> Arc<FederatedData> {
    let inputs: Vec<Vec<f32>> = read(&fixture["inputs"]);
    let (shape, classes) = (vec![read(&fixture["features"])], read(&fixture["classes"]));
    let labels = read(&fixture["labels"]);
    let pool = Arc::new(Examples::new(shape, classes, inputs.concat(), labels));
    Arc::new(FederatedData::new(pool.clone(), pool, [(vec![0], vec![])]))
}

fn check_case(case: &Value, fixture: &Value, tolerance: f64) {
    let data = data(fixture);
    let plan = Plan {
        rounds: read(&fixture["rounds"]),
        ..setup::plan(read(&case["model"]), &data, read(&case["local"]))
    };
    let engine = Engine::new(&plan, data.clone(), super::device(), None).unwrap();
    let clients = case["clients"].as_array().unwrap();
    let before: Vec<(Vec<f32>, Vec<Vec<f32>>)> = clients
        .iter()
        .map(|client| (read(&client["before"]["params"]), read(&client["before"]["slots"])))
        .collect();
    let tasks = clients.iter().zip(&before).map(|(client, (params, slots))| LocalTask {
        params,
        slots,
        optimizer_steps: read(&client["before"]["remembered"]),
        rounds_before: read(&fixture["rounds_before"]),
        rounds: plan.rounds.into(),
        examples: data.test.clone(),
        seed: Seed::new(1),
        batches: Batches::in_order(read(&client["order"]), read(&client["examples"]), &plan.local),
    });
    let Network::Stacked(network) = &engine.network else {
        panic!("{} is not stacked", case["name"])
    };
    let trained = lockstep::train(&engine, network, tasks.collect()).unwrap();
    for (trained, client) in trained.into_iter().zip(clients) {
        let after = &client["after"];
        let near = |found: &[f32], expected: &Value, what: &str| {
            let what = format!("{}: {what}", case["name"]);
            setup::assert_near(found, &read::<Vec<f32>>(expected), tolerance, &what);
        };
        near(&trained.params, &after["params"], "parameters");
        near(&[trained.loss as f32], &Value::from(vec![after["loss"].clone()]), "training loss");
        for (slot, expected) in trained.slots.iter().zip(after["slots"].as_array().unwrap()) {
            near(slot, expected, "optimizer state");
        }
        let start: usize = read(&fixture["test"]);
        let rows: Vec<i64> = (start..data.test.len()).map(|row| row as i64).collect();
        let examples = DeviceExamples::new(&data.test, super::device()).unwrap();
        let examples = examples.select(&rows).unwrap();
        let params = Params::new(plan.layout.clone(), trained.params).unwrap();
        let (logits, evaluation) = evaluated(&engine, params, &examples);
        let expected: Vec<Vec<f32>> = read(&after["logits"]);
        near(&logits, &Value::from(expected.concat()), "logits");
        near(&evaluation.losses, &after["losses"], "losses");
        assert_eq!(
            evaluation.correct,
            Some(shares(&read::<Vec<bool>>(&after["correct"]))),
            "{}",
            case["name"]
        );
    }
}

fn evaluated(engine: &Engine, params: Params, examples: &DeviceExamples) -> (Vec<f32>, Evaluation) {
    let layers = layers_of(engine, &Point::Model(Arc::new(params))).unwrap();
    let logits = engine.network.logits(&layers, &examples.inputs, &mut Mode::Evaluate).unwrap();
    let evaluation =
        evaluate_layers(engine, &layers, &SplitData::Device(examples.share()), &mut 0).unwrap();
    (logits.view(-1).try_into().unwrap(), evaluation)
}

/// The share of each example's one label that was predicted.
fn shares(correct: &[bool]) -> Vec<f32> {
    correct.iter().map(|&correct| f32::from(u8::from(correct))).collect()
}

#[test]
fn training_and_evaluation_are_pytorchs() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert!(cases.len() >= 20, "found {} cases", cases.len());
    for case in cases {
        check_case(case, &fixture, 1e-5);
    }
}
