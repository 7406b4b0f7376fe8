//! [`Expected`]: what the reply to a job must look like, so that nothing else is read.

use std::sync::Arc;

use fedlayer_core::{ClientId, Evaluation, OptimizerState, Params, Plan, Split, Update};

use super::{
    codec::Malformed,
    limits::OPTIMIZER_SLOTS,
    message::{Outcome, UpdateHead},
};
use crate::{LinkError, Reply, Work, WorkerTask};

/// What an outcome must look like to be taken for a task's.
#[derive(Debug)]
pub(crate) struct Expected {
    work: ExpectedWork,
    plan: Arc<Plan>,
}

#[derive(Debug)]
enum ExpectedWork {
    Initial,
    /// Client and round.
    Train(Vec<(ClientId, u32)>),
    /// Examples of each probe's split.
    Evaluate(Vec<usize>),
}

impl Expected {
    /// For a task, where `examples` says how many examples a split has.
    pub(crate) fn of(task: &WorkerTask, examples: impl Fn(&Plan, Split) -> usize) -> Self {
        let work = match &task.work {
            Work::Initial(_) => ExpectedWork::Initial,
            Work::Train(jobs) => {
                ExpectedWork::Train(jobs.iter().map(|job| (job.client, job.round)).collect())
            }
            Work::Evaluate(probes) => ExpectedWork::Evaluate(
                probes.iter().map(|probe| examples(&task.plan, probe.split)).collect(),
            ),
        };
        Self { work, plan: task.plan.clone() }
    }

    /// How many values belong to each part of an outcome, in order; nothing of them is allocated before.
    ///
    /// # Errors
    /// When the outcome answers another question than was asked.
    pub(crate) fn lengths(&self, outcome: &Outcome) -> Result<Vec<usize>, Malformed> {
        let model = self.plan.layout.value_count();
        match (&self.work, outcome) {
            (_, Outcome::Refused(_) | Outcome::Broken(_)) => Ok(Vec::new()),
            (ExpectedWork::Initial, Outcome::Initial) => Ok(vec![model]),
            (ExpectedWork::Train(jobs), Outcome::Trained(results)) => {
                same_count(results.len(), jobs.len())?;
                let mut lengths = Vec::new();
                for (&(client, round), result) in jobs.iter().zip(results) {
                    let Ok(update) = result else { continue };
                    if (update.client, update.round) != (client.0, round) {
                        return Err(Malformed(format!(
                            "found an update of client {} for round {}; client {client} was to be trained for round {round}",
                            update.client, update.round
                        )));
                    }
                    let slots = update.optimizer.map_or(0, |(_, slots)| slots);
                    if slots > OPTIMIZER_SLOTS {
                        return Err(Malformed(format!(
                            "found {slots} optimizer slots; at most {OPTIMIZER_SLOTS} are allowed"
                        )));
                    }
                    lengths.extend(std::iter::repeat_n(model, 1 + slots as usize));
                }
                Ok(lengths)
            }
            (ExpectedWork::Evaluate(examples), Outcome::Evaluated(results)) => {
                same_count(results.len(), examples.len())?;
                let lengths = examples.iter().zip(results);
                Ok(lengths
                    .flat_map(|(&count, &correct)| {
                        std::iter::repeat_n(count, 1 + usize::from(correct))
                    })
                    .collect())
            }
            _ => Err(Malformed("found an answer of another kind than was asked for".to_owned())),
        }
    }

    /// The reply that an outcome and its values make. The values are as many as [`lengths`](Self::lengths) says.
    pub(crate) fn reply(
        &self,
        outcome: Outcome,
        values: Vec<Vec<f32>>,
    ) -> Result<Reply, LinkError> {
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or_default();
        let params = |values| {
            Params::new(self.plan.layout.clone(), values)
                .map_err(|error| LinkError::Broken(error.to_string()))
        };
        match outcome {
            Outcome::Refused(words) => Err(LinkError::Refused(words)),
            Outcome::Broken(words) => Err(LinkError::Broken(words)),
            Outcome::Initial => params(next()).map(Reply::Initial),
            Outcome::Trained(results) => {
                let one = |result: Result<UpdateHead, String>| {
                    let head = match result {
                        Ok(head) => head,
                        Err(words) => return Ok(Err(words)),
                    };
                    Ok(Ok(Update {
                        client: ClientId(head.client),
                        params: Arc::new(params(next())?),
                        optimizer: head.optimizer.map(|(steps, slots)| {
                            let slots = (0..slots).map(|_| next()).collect();
                            Arc::new(OptimizerState { steps, slots })
                        }),
                        examples: head.examples,
                        steps: head.steps,
                        loss: head.loss,
                    }))
                };
                results.into_iter().map(one).collect::<Result<_, _>>().map(Reply::Trained)
            }
            Outcome::Evaluated(results) => {
                let one =
                    |correct: bool| Evaluation { losses: next(), correct: correct.then(&mut next) };
                Ok(Reply::Evaluated(results.into_iter().map(one).collect()))
            }
        }
    }
}

fn same_count(found: usize, expected: usize) -> Result<(), Malformed> {
    if found == expected {
        return Ok(());
    }
    Err(Malformed(format!("found {found} results; {expected} were asked for")))
}
