//! What is refused, and in which words. A job that does not fit fails alone.

use std::sync::Arc;

use fedlayer_core::{
    ClientId, OptimizerState, Split, Trainer, TrainerError,
    spec::{LocalSpec, ModelSpec, OptimizerMemory, Toy},
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
            "found client 7; the plan has 2, counted from 0",
            "found a model of 73 parameters in other layers; the plan's model has 83",
            "client 0: found round 0; rounds count from 1",
            "client 0: found optimizer state of [3] values; the plan's optimizer has [83]",
        ]
    );
    let probes = [probe(&start, Split::ClientTest(ClientId(2)))];
    let error = TrainerError("found client 2; the plan has 2, counted from 0".into());
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
