//! [`ExpectedReply`]: a coordinator checks a reply against its job before it reads the values.

use std::{iter::repeat_n, sync::Arc, vec::IntoIter};

use fedlayer_core::{
    Plan,
    data::{ClientId, Split},
    model::Params,
    trainer::{Derivatives, Evaluation, OptimizerState, Update},
};

use super::{
    codec::MalformedMessage,
    limits::OPTIMIZER_SLOTS,
    message::{JobOutcome, UpdateHead},
};
use crate::{LinkError, Reply, Work, WorkerTask};

/// The form that the reply to a task must have.
#[derive(Debug)]
pub(crate) struct ExpectedReply {
    results: ExpectedResults,
    plan: Arc<Plan>,
}

#[derive(Debug)]
enum ExpectedResults {
    Initial,
    /// The client and the round of each update.
    Train(Vec<(ClientId, u32)>),
    /// The number of examples of each probe's split.
    Evaluate(Vec<usize>),
    /// The number of directions.
    Differentiate(usize),
}

/// The number of values of each part of a reply, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum ReplyLengths {
    F32(Vec<usize>),
    F64(Vec<usize>),
}

/// The values of a reply, part by part.
#[derive(Debug)]
pub(crate) enum ReplyValues {
    F32(IntoIter<Vec<f32>>),
    F64(IntoIter<Vec<f64>>),
}

impl ReplyValues {
    /// Returns the next part of `f32` values, empty if there is none.
    fn next_f32(&mut self) -> Vec<f32> {
        match self {
            Self::F32(parts) => parts.next().unwrap_or_default(),
            Self::F64(_) => Vec::new(),
        }
    }

    /// Returns the next part of `f64` values, empty if there is none.
    fn next_f64(&mut self) -> Vec<f64> {
        match self {
            Self::F32(_) => Vec::new(),
            Self::F64(parts) => parts.next().unwrap_or_default(),
        }
    }
}

impl ExpectedReply {
    /// Expects the reply to `task`. `examples` returns the number of examples of a split.
    pub(crate) fn of(task: &WorkerTask, examples: impl Fn(&Plan, Split) -> usize) -> Self {
        let results = match &task.work {
            Work::Initial(_) => ExpectedResults::Initial,
            Work::Train(jobs) => {
                ExpectedResults::Train(jobs.iter().map(|job| (job.client, job.round)).collect())
            }
            Work::Evaluate(probes) => ExpectedResults::Evaluate(
                probes.iter().map(|probe| examples(&task.plan, probe.split)).collect(),
            ),
            Work::Differentiate { along, .. } => ExpectedResults::Differentiate(along.len()),
        };
        Self { results, plan: task.plan.clone() }
    }

    /// Returns the number of values of each part of an outcome, in order.
    ///
    /// # Errors
    /// When the outcome is not an answer to the task.
    pub(crate) fn lengths(&self, outcome: &JobOutcome) -> Result<ReplyLengths, MalformedMessage> {
        use ReplyLengths::{F32, F64};
        match (&self.results, outcome) {
            (_, JobOutcome::Refused(_) | JobOutcome::Broken(_)) => Ok(F32(Vec::new())),
            (ExpectedResults::Initial, JobOutcome::Initial) => Ok(F32(vec![self.model_length()])),
            (ExpectedResults::Train(jobs), JobOutcome::Trained(results)) => {
                self.update_lengths(jobs, results).map(F32)
            }
            (ExpectedResults::Evaluate(examples), JobOutcome::Evaluated(results)) => {
                check_count(results.len(), examples.len())?;
                let pairs = examples.iter().zip(results);
                let parts = |(&count, &correct)| repeat_n(count, 1 + usize::from(correct));
                Ok(F32(pairs.flat_map(parts).collect()))
            }
            (
                ExpectedResults::Differentiate(directions),
                JobOutcome::Differentiated { products, .. },
            ) => {
                check_count(*products as usize, *directions)?;
                Ok(F64(vec![self.model_length(); 1 + directions]))
            }
            _ => Err(MalformedMessage(
                "found a result of another kind than the job asks for".to_owned(),
            )),
        }
    }

    fn model_length(&self) -> usize {
        self.plan.layout.value_count()
    }

    /// Returns a model's length for the parameters and for each optimizer slot of every update.
    fn update_lengths(
        &self,
        jobs: &[(ClientId, u32)],
        results: &[Result<UpdateHead, String>],
    ) -> Result<Vec<usize>, MalformedMessage> {
        check_count(results.len(), jobs.len())?;
        let mut lengths = Vec::new();
        for (&(client, round), result) in jobs.iter().zip(results) {
            let Ok(update) = result else { continue };
            if (update.client, update.round) != (client.0, round) {
                return Err(MalformedMessage(format!(
                    "found an update of client {} for round {}; the job trains client {client} for round {round}",
                    update.client, update.round
                )));
            }
            let slots = update.optimizer.map_or(0, |(_, slots)| slots);
            if slots > OPTIMIZER_SLOTS {
                return Err(MalformedMessage(format!(
                    "found {slots} optimizer slots; at most {OPTIMIZER_SLOTS} are allowed"
                )));
            }
            lengths.extend(repeat_n(self.model_length(), 1 + slots as usize));
        }
        Ok(lengths)
    }

    /// Combines an outcome with its values, which have the lengths of [`lengths`](Self::lengths).
    pub(crate) fn reply(
        &self,
        outcome: JobOutcome,
        mut values: ReplyValues,
    ) -> Result<Reply, LinkError> {
        let mut next = || values.next_f32();
        match outcome {
            JobOutcome::Refused(message) => Err(LinkError::Refused(message)),
            JobOutcome::Broken(message) => Err(LinkError::Broken(message)),
            JobOutcome::Initial => self.params(next()).map(Reply::Initial),
            JobOutcome::Trained(results) => {
                let update = |result: Result<UpdateHead, String>| match result {
                    Ok(head) => self.update(&head, &mut next).map(Ok),
                    Err(message) => Ok(Err(message)),
                };
                results.into_iter().map(update).collect::<Result<_, _>>().map(Reply::Trained)
            }
            JobOutcome::Evaluated(results) => {
                let evaluation =
                    |correct: bool| Evaluation { losses: next(), correct: correct.then(&mut next) };
                Ok(Reply::Evaluated(results.into_iter().map(evaluation).collect()))
            }
            JobOutcome::Differentiated { loss, products } => {
                let gradient = values.next_f64();
                let products = (0..products).map(|_| values.next_f64()).collect();
                Ok(Reply::Differentiated(Derivatives { loss, gradient, products }))
            }
        }
    }

    fn params(&self, values: Vec<f32>) -> Result<Params, LinkError> {
        let params = Params::new(self.plan.layout.clone(), values);
        params.map_err(|error| LinkError::Broken(error.to_string()))
    }

    fn update(
        &self,
        head: &UpdateHead,
        next: &mut impl FnMut() -> Vec<f32>,
    ) -> Result<Update, LinkError> {
        Ok(Update {
            client: ClientId(head.client),
            params: Arc::new(self.params(next())?),
            optimizer: head.optimizer.map(|(steps, slots)| {
                let slots = (0..slots).map(|_| next()).collect();
                Arc::new(OptimizerState { steps, slots })
            }),
            examples: head.examples,
            steps: head.steps,
            loss: head.loss,
        })
    }
}

fn check_count(found: usize, expected: usize) -> Result<(), MalformedMessage> {
    if found == expected {
        return Ok(());
    }
    Err(MalformedMessage(format!("found {found} results; the job asks for {expected}")))
}
