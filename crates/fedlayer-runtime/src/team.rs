//! [`PooledTrainer`]: the workers of a pool as one trainer, for whoever asks one question after the other instead of running rounds.

use std::sync::Arc;

use fedlayer_core::{
    Derivatives, Evaluation, Layout, Params, Plan, Point, Probe, Seed, Split, TrainJob, Trainer,
    TrainerError, Update,
};
use tokio::sync::oneshot::Receiver;

use crate::{Link, LinkError, LocalPool, pool::refused};

/// The workers of a pool as one [`Trainer`] of a plan: probes and directions are shared out among them.
///
/// Neighbouring probes go to the same worker, where they share the layers that they have in common; what a probe comes to does not depend on
/// the cut. It blocks, so that it must not be used on an async thread.
#[derive(Debug)]
pub struct PooledTrainer {
    pool: LocalPool,
    plan: Arc<Plan>,
}

impl PooledTrainer {
    /// The workers of `pool`, for `plan`.
    pub fn new(pool: LocalPool, plan: Arc<Plan>) -> Self {
        Self { pool, plan }
    }

    /// Has some worker do something.
    fn ask<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut dyn Trainer) -> Result<T, TrainerError> + Send + 'static,
    ) -> Result<Receiver<Result<T, LinkError>>, TrainerError> {
        self.pool.ask(self.plan.clone(), |trainer| act(trainer).map_err(refused)).map_err(failed)
    }
}

impl Trainer for PooledTrainer {
    fn layout(&self) -> &Arc<Layout> {
        &self.plan.layout
    }

    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        wait(self.ask(move |trainer| trainer.initial(seed))?)
    }

    /// All of them with one worker: which clients train together is part of the plan.
    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        let theirs = jobs.to_vec();
        let trained = self.ask(move |trainer| Ok(trainer.train(&theirs))).and_then(wait);
        trained.unwrap_or_else(|error| vec![Err(error); jobs.len()])
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        let chunk = probes.len().div_ceil(self.pool.slots()).max(1);
        let ask = |probes: &[Probe]| {
            let probes = probes.to_vec();
            self.ask(move |trainer| trainer.evaluate(&probes))
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
            self.ask(move |trainer| trainer.differentiate(&point, split, &along))
        };
        // Without directions there still is a gradient.
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

/// Waits for a worker.
fn wait<T>(answer: Receiver<Result<T, LinkError>>) -> Result<T, TrainerError> {
    answer.blocking_recv().unwrap_or(Err(LinkError::Gone)).map_err(failed)
}

fn failed(error: LinkError) -> TrainerError {
    TrainerError(error.to_string())
}
