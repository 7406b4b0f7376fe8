//! The training examples on which running statistics are measured anew.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    data::{FederatedData, Split},
    spec::*,
    trainer::{Evaluation, Trainer},
};

use crate::setup::*;

/// One client that trains on these rows of a pool of 5000 examples.
fn client_of(rows: impl Iterator<Item = u32>) -> Arc<FederatedData> {
    let all = data(3, 2, &[5000], 40);
    Arc::new(FederatedData::new(
        all.pool().unwrap().clone(),
        all.test.clone(),
        [(rows.collect(), vec![])],
    ))
}

/// Evaluates one model on the test set, with running statistics measured on a client's examples.
fn measured_on(data: &Arc<FederatedData>) -> Evaluation {
    let layers = r#"{ "layers": [{ "linear": { "out": 4 } }, { "norm": { "kind": "batch" } }, "relu", { "linear": { "out": 2 } }] }"#;
    let mut plan = plan(model(layers), data, local(sgd(0.1)));
    plan.strategy.statistics = Statistics::Recompute;
    let mut trainer = trainer(&plan, data);
    let params = Arc::new(trainer.initial(Seed::new(1)).unwrap());
    trainer.evaluate(&[probe(&params, Split::Test)]).unwrap().remove(0)
}

#[test]
fn of_many_training_examples_every_kth_is_measured() {
    let all = measured_on(&client_of(0..5000));
    assert!(all.loss().unwrap().is_finite());
    assert_eq!(
        all,
        measured_on(&client_of((0..5000).step_by(3))),
        "at most 2048 of 5000: every third"
    );
    assert_ne!(all, measured_on(&client_of(0..2048)), "others have other statistics");
}

#[test]
fn a_last_batch_of_one_example_is_left_out_of_the_measurement() {
    let even = measured_on(&client_of(0..256));
    assert!(even.loss().unwrap().is_finite());
    assert_eq!(even, measured_on(&client_of(0..257)));
    assert_ne!(even, measured_on(&client_of(0..258)));
}
