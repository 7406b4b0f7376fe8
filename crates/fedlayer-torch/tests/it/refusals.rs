//! Refusals and their messages. A job that does not fit fails alone.

use std::sync::Arc;

use fedlayer_core::{
    data::{ClientId, Examples, FederatedData, Split},
    spec::{LastBatch, LocalSpec, ModelSpec, OptimizerMemory, Toy},
    trainer::{OptimizerState, Trainer, TrainerError},
};
use fedlayer_torch::{Device, TorchError, TorchTrainer};

use crate::setup::*;

#[test]
fn a_job_that_does_not_fit_fails_alone_and_says_why() {
    let data = data(6, 3, &[9, 8], 20);
    let keep = LocalSpec { optimizer_state: OptimizerMemory::Keep, ..local(momentum(0.1)) };
    let plan = plan(mlp(&[8]), &data, keep);
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    let other = crate::setup::plan(mlp(&[7]), &data, local(sgd(0.1)));
    let foreign = initial(&mut crate::setup::trainer(&other, &data));
    let mut late = job(0, &start);
    late.round = 0;
    let mut forgetful = job(0, &start);
    let slots = vec![vec![0.0; 3]];
    forgetful.optimizer = Some(Arc::new(OptimizerState { steps: 1, slots }));
    let jobs = [job(1, &start), job(7, &start), job(0, &foreign), late, forgetful];
    let results = trainer.train(&jobs);
    assert_eq!(results[0], Ok(train(&mut trainer, &jobs[..1]).remove(0)));
    let words: Vec<String> =
        results[1..].iter().map(|result| result.clone().unwrap_err().to_string()).collect();
    assert_eq!(
        words,
        [
            "client 7 is not in the plan: its clients are 0 to 1",
            "found a model with 73 parameters and other layers; the plan's model has 83",
            "client 0: found round 0; rounds are counted from 1",
            "client 0: found optimizer state with [3] values, one number per slot; the plan's optimizer has [83]",
        ]
    );
    let probes = [probe(&start, Split::ClientTest(ClientId(2)))];
    let error = TrainerError("client 2 is not in the plan: its clients are 0 to 1".into());
    assert_eq!(trainer.evaluate(&probes), Err(error));
    assert!(trainer.evaluate(&[probe(&foreign, Split::Test)]).is_err());
}

#[test]
fn optimizer_state_is_refused_where_the_plan_resets_it() {
    let data = data(6, 3, &[9], 20);
    let plan = plan(mlp(&[8]), &data, local(momentum(0.1)));
    let mut trainer = trainer(&plan, &data);
    let mut job = job(0, &initial(&mut trainer));
    job.optimizer = Some(Arc::default());
    let error = "client 0: found optimizer state; the plan resets it every round";
    assert_eq!(trainer.train(&[job]), [Err(TrainerError(error.into()))]);
}

#[test]
fn the_plans_layers_must_be_the_networks() {
    let data = data(6, 3, &[9], 20);
    let make = |plan| TorchTrainer::new(&plan, data.clone(), Device::Cpu).map(drop);
    let other = plan(mlp(&[7]), &data, local(sgd(0.1)));
    let mut mixed = plan(mlp(&[8]), &data, local(sgd(0.1)));
    mixed.layout = other.layout.clone();
    let error =
        TorchError::Shape { tensor: "fc1.weight".into(), found: vec![7, 6], expected: vec![8, 6] };
    assert_eq!(make(mixed), Err(error));
    for (model, layout) in [(ModelSpec::Linear, mlp(&[7])), (mlp(&[7]), ModelSpec::Linear)] {
        let mut mixed = plan(model, &data, local(sgd(0.1)));
        mixed.layout = plan(layout, &data, local(sgd(0.1))).layout;
        assert!(matches!(make(mixed), Err(TorchError::Shape { .. })));
    }
    let toy = plan(ModelSpec::Toy(Toy::default()), &data, local(sgd(0.1)));
    let reason = "`toy` has no list of operations".to_owned();
    assert_eq!(make(toy), Err(TorchError::Model { reason }));
}

fn with_norm(json: &str) -> ModelSpec {
    model(&format!(r#"{{ "layers": [{json}] }}"#))
}

/// Once a client with a last batch of one example returned NaN, and was told that its learning rate
/// is too large.
#[test]
fn a_batch_of_one_behind_a_batch_normalisation_is_named_and_hurts_no_other_client() {
    let dense = r#"{ "linear": { "out": 4 } }, { "norm": { "kind": "batch" } }, { "linear": { "out": 3 } }"#;
    let data = data(6, 3, &[9, 8, 1], 20);
    let local = LocalSpec { batch: 4, ..local(sgd(0.1)) };
    let plan = plan(with_norm(dense), &data, local.clone());
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    let results = trainer.train(&[0, 1, 2].map(|client| job(client, &start)));
    let words = "a batch of one example leaves batch normalisation `norm1` one value per channel, which has no variance: \
                 drop such a last batch (`local.last_batch = \"drop\"`), or choose another `local.batch`";
    let error = || Err(TrainerError(words.to_owned()));
    assert_eq!([&results[0], &results[2]], [&error(), &error()]);
    let update = results[1].clone().unwrap();
    update.check(&plan.layout).unwrap();
    let dropped = LocalSpec { last_batch: LastBatch::Drop, ..local };
    let plan = crate::setup::plan(plan.model.clone(), &data, dropped);
    let mut trainer = crate::setup::trainer(&plan, &data);
    let results = trainer.train(&[0, 2].map(|client| job(client, &start)));
    assert_eq!((results[0].clone().unwrap().steps, &results[1]), (4, &error()));
}

#[test]
fn images_of_one_pixel_behind_a_convolution_are_a_batch_of_one_too() {
    let conv = r#"{ "conv": { "out": 2, "kernel": 2 } }, { "norm": { "kind": "batch" } }, "flatten", { "linear": { "out": 3 } }"#;
    for (side, is_refused) in [(2, true), (3, false)] {
        let data = shaped(&[1, side, side], 3, 1, [5, 4]);
        let local = LocalSpec { batch: 1, ..local(sgd(0.1)) };
        let mut trainer = trainer(&plan(with_norm(conv), &data, local), &data);
        let start = initial(&mut trainer);
        assert_eq!(trainer.train(&[job(0, &start)])[0].is_err(), is_refused, "side {side}");
    }
}

/// Unscaled bytes are the cause, and not the learning rate.
#[test]
fn training_that_diverges_on_inputs_that_were_not_scaled_says_so() {
    let small = data(6, 3, &[9], 20);
    let pool = small.pool().unwrap();
    let scaled = |factor: f32| {
        let values = pool.all_values().iter().map(|value| (value + 0.5) * factor).collect();
        let pool = Arc::new(Examples::new(vec![6], 3, values, pool.labels.clone()));
        Arc::new(FederatedData::new(pool.clone(), pool, [((0..9).collect(), vec![])]))
    };
    for (data, lr) in [(scaled(127.5), 1e30), (scaled(0.5), 1e38)] {
        let plan = plan(mlp(&[8]), &data, LocalSpec { epochs: Some(8), ..local(sgd(lr)) });
        let mut trainer = trainer(&plan, &data);
        let start = initial(&mut trainer);
        let is_large = data.pool().unwrap().all_values().iter().any(|&value| value > 20.0);
        match trainer.train(&[job(0, &start)]).remove(0) {
            Ok(update) => {
                assert!(!is_large);
                let error = update.check(&plan.layout).unwrap_err().to_string();
                assert!(error.ends_with("a smaller learning rate may help"), "{error}");
            }
            Err(error) => {
                assert!(is_large);
                let words = error.to_string();
                assert!(words.starts_with("training diverged (its loss is "), "{words}");
                assert!(words.contains("on inputs from ") && words.contains("`data.scale = …`"));
            }
        }
    }
}
