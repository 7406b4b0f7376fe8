//! A link trainer returns the results of a single trainer, for any number of workers.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, Split},
    model::Point,
    spec::Rule,
    trainer::{Evaluation, Probe, ToyTrainer, TrainJob, Trainer, TrainerError},
};
use fedlayer_runtime::{LinkTrainer, LocalPool, TrainerFactory};
use tokio::runtime::Runtime;

use crate::support::{data, plan};

/// Makes toy trainers, and fails for seed 13.
struct Toys;

impl TrainerFactory for Toys {
    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, TrainerError> {
        if plan.seed == 13 {
            return Err(TrainerError("nothing for seed 13".to_owned()));
        }
        let trainer = ToyTrainer::new(plan, data())?;
        Ok(Box::new(trainer))
    }
}

/// Returns the threads of a pool as one trainer.
fn pooled(workers: usize, plan: Plan, runtime: &Runtime) -> LinkTrainer<LocalPool> {
    let pool = Arc::new(LocalPool::start(workers, Arc::new(Toys)).unwrap());
    LinkTrainer::new(pool, Arc::new(plan), runtime.handle().clone())
}

/// The training of a client in the second round.
fn job(client: u32, start: &Point) -> TrainJob {
    let (client, params) = (ClientId(client), start.params());
    TrainJob { client, round: 2, params, optimizer: None, seed: Seed::new(5) }
}

#[test]
fn a_link_trainer_answers_as_one_trainer_does() {
    let runtime = Runtime::new().unwrap();
    let plan = plan(Rule::None);
    let mut alone = ToyTrainer::new(&plan, data()).unwrap();
    let point = |seed| {
        let mut trainer = ToyTrainer::new(&plan, data()).unwrap();
        Point::Model(Arc::new(trainer.initial(Seed::new(seed)).unwrap()))
    };
    let probes: Vec<Probe> = (0..7)
        .map(|seed| Probe {
            point: point(seed),
            split: if seed % 2 == 0 { Split::Test } else { Split::Train },
        })
        .collect();
    let along: Vec<Vec<f32>> = (0..5).map(|at| vec![at as f32, 1.0, -1.0]).collect();
    for workers in [1, 3, 9] {
        let mut pooled = pooled(workers, plan.clone(), &runtime);
        let evaluations: Vec<Evaluation> = pooled.evaluate(&probes).unwrap();
        assert_eq!(evaluations, alone.evaluate(&probes).unwrap());
        for along in [&along[..], &along[..1], &[]] {
            let found = pooled.differentiate(&probes[0].point, Split::Test, along).unwrap();
            let expected = alone.differentiate(&probes[0].point, Split::Test, along).unwrap();
            assert_eq!(found, expected);
            assert_eq!(found.products.len(), along.len());
        }
        assert_eq!(pooled.initial(Seed::new(3)), alone.initial(Seed::new(3)));
        let jobs: Vec<TrainJob> = (0..3).map(|client| job(client, &probes[0].point)).collect();
        assert_eq!(pooled.train(&jobs), alone.train(&jobs));
    }
}

#[test]
fn the_error_of_a_worker_is_returned() {
    let runtime = Runtime::new().unwrap();
    let mut refused = plan(Rule::None);
    refused.seed = 13;
    let mut pooled = pooled(2, refused, &runtime);
    let error = pooled.initial(Seed::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "nothing for seed 13");
    let plan = plan(Rule::None);
    let mut pooled = self::pooled(2, plan.clone(), &runtime);
    let point = Point::Model(Arc::new(pooled.initial(Seed::new(1)).unwrap()));
    let error = pooled.differentiate(&point, Split::Test, &[vec![1.0; 2]]).unwrap_err();
    assert_eq!(error.to_string(), "found a direction of 2 values; the model has 3 parameters");
}
