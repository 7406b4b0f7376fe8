//! [`PooledTrainer`]: the threads of a pool as one trainer, for analyses, which run no rounds.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    data::Split,
    model::{Layout, Params, Point},
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Trainer, TrainerError, Update},
};
use tokio::sync::oneshot::Receiver;

use crate::{Link, LinkError, LocalPool, local_pool::refused};

/// The worker threads of a pool as one [`Trainer`] of a plan. They share probes and directions.
///
/// Neighbouring probes go to the same worker, which evaluates their common layers once. The result
/// of a probe does not depend on its worker. Calls block, so they must not be made on an async
/// thread.
#[derive(Debug)]
pub struct PooledTrainer {
    pool: LocalPool,
    plan: Arc<Plan>,
}

impl PooledTrainer {
    /// Makes a trainer for `plan` of the threads of `pool`.
    pub fn new(pool: LocalPool, plan: Arc<Plan>) -> Self {
        Self { pool, plan }
    }

    /// Queues a call of a worker's trainer.
    fn queue<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut dyn Trainer) -> Result<T, TrainerError> + Send + 'static,
    ) -> Result<Receiver<Result<T, LinkError>>, TrainerError> {
        self.pool.queue(self.plan.clone(), |trainer| act(trainer).map_err(refused)).map_err(failed)
    }
}

impl Trainer for PooledTrainer {
    fn layout(&self) -> &Arc<Layout> {
        &self.plan.layout
    }

    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        wait(self.queue(move |trainer| trainer.initial(seed))?)
    }

    /// Trains all clients on one worker, because a stack of clients is part of the plan.
    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        let theirs = jobs.to_vec();
        let trained = self.queue(move |trainer| Ok(trainer.train(&theirs))).and_then(wait);
        trained.unwrap_or_else(|error| vec![Err(error); jobs.len()])
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        let chunk = probes.len().div_ceil(self.pool.slots()).max(1);
        let ask = |probes: &[Probe]| {
            let probes = probes.to_vec();
            self.queue(move |trainer| trainer.evaluate(&probes))
        };
        let answers: Vec<_> = probes.chunks(chunk).map(ask).collect::<Result<_, _>>()?;
        let evaluations: Vec<_> = answers.into_iter().map(wait).collect::<Result<_, _>>()?;
        Ok(evaluations.into_iter().flatten().collect())
    }

    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        let chunk = along.len().div_ceil(self.pool.slots()).max(1);
        let ask = |along: &[Vec<f32>]| {
            let (point, along) = (point.clone(), along.to_vec());
            self.queue(move |trainer| trainer.differentiate(&point, split, &along))
        };
        // The first call also computes the gradient, and is made even without directions.
        let (first, rest) = along.split_at(chunk.min(along.len()));
        let first = ask(first)?;
        let rest: Vec<_> = rest.chunks(chunk).map(ask).collect::<Result<_, _>>()?;
        let mut derivatives = wait(first)?;
        for answer in rest {
            derivatives.products.extend(wait(answer)?.products);
        }
        Ok(derivatives)
    }
}

/// Waits for a worker's answer.
fn wait<T>(answer: Receiver<Result<T, LinkError>>) -> Result<T, TrainerError> {
    answer.blocking_recv().unwrap_or(Err(LinkError::Gone)).map_err(failed)
}

fn failed(error: LinkError) -> TrainerError {
    TrainerError(error.to_string())
}
