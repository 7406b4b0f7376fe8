//! A smaller last batch, kept and dropped, compared with `tests/oracle/fixtures/last_batch.json`.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    data::{Examples, FederatedData},
    spec::{LastBatch, LocalSpec, Optimizer, Sgd},
};
use serde_json::Value;

use crate::{
    engine::Engine,
    setup,
    train::{Batches, LocalResult, LocalTask, autograd},
};

const FIXTURE: &str = include_str!("../../../../tests/oracle/fixtures/last_batch.json");

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// Trains two epochs on the fixture's first `examples` examples.
fn trained(
    fixture: &Value,
    examples: usize,
    last_batch: LastBatch,
) -> Result<LocalResult, tch::TchError> {
    let inputs: Vec<Vec<f32>> = read(&fixture["inputs"]);
    let (shape, classes) = (vec![read(&fixture["features"])], read(&fixture["classes"]));
    let pool = Arc::new(Examples::new(shape, classes, inputs.concat(), read(&fixture["labels"])));
    let data = Arc::new(FederatedData::new(pool.clone(), pool.clone(), [(vec![0], vec![])]));
    let optimizer = Optimizer::Sgd(Sgd::new(read(&fixture["lr"])));
    let local = LocalSpec { last_batch, ..LocalSpec::new(2, read(&fixture["batch"]), optimizer) };
    let plan = setup::plan(read(&fixture["model"]), &data, local);
    let engine = Engine::new(&plan, data, super::device(), None).unwrap();
    let order: Vec<u32> = read(&fixture["order"]);
    let order = order.into_iter().filter(|&row| (row as usize) < examples).collect();
    let params: Vec<f32> = read(&fixture["before"]);
    let task = LocalTask {
        params: &params,
        slots: &[],
        optimizer_steps: 0,
        rounds_before: 0,
        rounds: 1,
        examples: pool,
        batches: Batches::in_order(order, examples, &plan.local),
        seed: Seed::new(1),
    };
    autograd::train(&engine, &task)
}

#[test]
fn a_dropped_last_batch_is_a_dataloaders_drop_last() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    for (name, examples, last_batch) in [("drop", 7, LastBatch::Drop), ("keep", 5, LastBatch::Keep)]
    {
        let trained = trained(&fixture, examples, last_batch).unwrap();
        assert_eq!(trained.steps, 4);
        let expected: Vec<f32> = read(&fixture[name]);
        setup::assert_near(&trained.params, &expected, 1e-5, name);
    }
}

/// PyTorch refuses such a batch. Once the running variance became 0/0 here, and the client
/// diverged.
#[test]
fn a_batch_of_one_is_a_typed_error_even_without_the_earlier_checks() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    assert!(fixture["refused"].as_str().unwrap().starts_with("Expected more than 1 value"));
    let error = trained(&fixture, 7, LastBatch::Keep).unwrap_err().to_string();
    assert!(error.contains("leaves batch normalisation `norm1` one value per channel"), "{error}");
}
