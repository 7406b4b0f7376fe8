//! [`LinkTrainer`]: the workers behind a link as one trainer, for analyses, which run no rounds.

use std::{future::Future, sync::Arc};

use fedlayer_core::{
    Plan, Seed,
    data::Split,
    model::{Layout, Params, Point},
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Trainer, TrainerError, Update},
};
use tokio::runtime::Handle;

use crate::{Link, LinkError, link_calls};

/// The workers behind a [`Link`] as one [`Trainer`] of a plan. They share probes and directions.
///
/// The result of a probe or a direction does not depend on its worker. Calls block, so they must
/// not be made on an async thread.
#[derive(Debug)]
pub struct LinkTrainer<L> {
    link: Arc<L>,
    plan: Arc<Plan>,
    runtime: Handle,
}

impl<L: Link> LinkTrainer<L> {
    /// Makes a trainer for `plan` of the workers behind `link`, which works on `runtime`.
    pub fn new(link: Arc<L>, plan: Arc<Plan>, runtime: Handle) -> Self {
        Self { link, plan, runtime }
    }

    /// Waits for the result of a call.
    fn wait<T>(&self, call: impl Future<Output = Result<T, LinkError>>) -> Result<T, TrainerError> {
        self.runtime.block_on(call).map_err(|error| TrainerError(error.to_string()))
    }
}

impl<L: Link> Trainer for LinkTrainer<L> {
    fn layout(&self) -> &Arc<Layout> {
        &self.plan.layout
    }

    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        self.wait(link_calls::initial(&self.link, &self.plan, seed))
    }

    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        match self.wait(link_calls::train(&self.link, &self.plan, jobs.to_vec())) {
            Ok(results) => results.into_iter().map(|r| r.map_err(TrainerError)).collect(),
            Err(error) => vec![Err(error); jobs.len()],
        }
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        self.wait(link_calls::evaluate(&self.link, &self.plan, probes))
    }

    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        let probe = Probe { point: point.clone(), split };
        self.wait(link_calls::differentiate(&self.link, &self.plan, &probe, along))
    }
}
