//! Tasks and replies as messages, and back. A message names values by index; pieces carry them.

use std::{collections::BTreeMap, sync::Arc};

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, Split},
    model::{LayerSet, Mix, Params, Point},
    trainer::{Evaluation, OptimizerState, Probe, TrainJob, Update},
};

use super::{
    codec::MalformedMessage,
    digest::DigestCache,
    message::{
        Digest, JobHead, JobId, JobOutcome, MixHead, OptimizerHead, PointHead, ProbeHead,
        SplitHead, TrainHead, UpdateHead, ValueSource, WorkHead,
    },
};
use crate::{LinkError, Reply, Work, WorkerTask};

/// Translates a task into the head of a job, and returns the values that the head refers to.
pub(crate) fn job_head(
    task: &WorkerTask,
    plan: u32,
    job: JobId,
    digests: &DigestCache,
) -> (JobHead, Vec<ValueSource>) {
    let mut blobs = BlobTable { digests, index: BTreeMap::new(), sources: Vec::new() };
    let work = match &task.work {
        Work::Initial(seed) => WorkHead::Initial { seed: seed.to_bytes() },
        Work::Train(jobs) => WorkHead::Train(jobs.iter().map(|job| blobs.train(job)).collect()),
        Work::Evaluate(probes) => {
            WorkHead::Evaluate(probes.iter().map(|probe| blobs.probe(probe)).collect())
        }
    };
    (JobHead { job, plan, work, blobs: blobs.names() }, blobs.sources)
}

/// The values that the head of a job refers to, without duplicates.
struct BlobTable<'a> {
    digests: &'a DigestCache,
    index: BTreeMap<Digest, u32>,
    sources: Vec<ValueSource>,
}

impl BlobTable<'_> {
    /// Adds values and returns their index.
    fn add(&mut self, source: ValueSource) -> u32 {
        let next = self.sources.len() as u32;
        let index = *self.index.entry(self.digests.digest(&source)).or_insert(next);
        if index == next {
            self.sources.push(source);
        }
        index
    }

    fn params(&mut self, params: &Arc<Params>) -> u32 {
        self.add(ValueSource::Params(params.clone()))
    }

    fn train(&mut self, job: &TrainJob) -> TrainHead {
        TrainHead {
            client: job.client.0,
            round: job.round,
            params: self.params(&job.params),
            optimizer: job.optimizer.as_ref().map(|state| OptimizerHead {
                steps: state.steps,
                slots: (0..state.slots.len())
                    .map(|slot| self.add(ValueSource::Slot(state.clone(), slot)))
                    .collect(),
            }),
            seed: job.seed.to_bytes(),
        }
    }

    fn probe(&mut self, probe: &Probe) -> ProbeHead {
        let point = match &probe.point {
            Point::Model(params) => PointHead::Model(self.params(params)),
            Point::Mix(mix) => PointHead::Mix(self.mix(mix)),
            Point::Twin { mix, seed } => PointHead::Twin(self.mix(mix), seed.to_bytes()),
        };
        let split = match probe.split {
            Split::Train => SplitHead::Train,
            Split::Test => SplitHead::Test,
            Split::ClientTest(client) => SplitHead::ClientTest(client.0),
            Split::Validation => SplitHead::Validation,
            Split::ClientValidation(client) => SplitHead::ClientValidation(client.0),
        };
        ProbeHead { point, split }
    }

    fn mix(&mut self, mix: &Mix) -> MixHead {
        MixHead {
            base: self.params(&mix.base),
            other: self.params(&mix.other),
            layers: mix.set.indices().map(|layer| layer as u32).collect(),
            weight: mix.weight,
        }
    }

    /// Returns the digests in the order of their indices.
    fn names(&self) -> Vec<Digest> {
        let mut names = vec![Digest([0; 32]); self.sources.len()];
        for (name, index) in &self.index {
            names[*index as usize] = *name;
        }
        names
    }
}

/// Translates the head of a job back into its task, given the values of its blobs.
///
/// The head has passed [`validate_job`](super::validate_job::validate_job).
///
/// # Errors
/// When the head refers to a blob that does not exist.
pub(crate) fn task(
    head: &JobHead,
    plan: &Arc<Plan>,
    blobs: &[Arc<Params>],
) -> Result<WorkerTask, MalformedMessage> {
    let blobs = ReceivedBlobs { plan, blobs };
    let work = match &head.work {
        WorkHead::Initial { seed } => Work::Initial(Seed::from_bytes(*seed)),
        WorkHead::Train(jobs) => {
            Work::Train(jobs.iter().map(|job| blobs.train(job)).collect::<Result<_, _>>()?)
        }
        WorkHead::Evaluate(probes) => {
            Work::Evaluate(probes.iter().map(|probe| blobs.probe(probe)).collect::<Result<_, _>>()?)
        }
    };
    Ok(WorkerTask { plan: plan.clone(), work })
}

/// The values of a job's blobs, in the order of their indices.
struct ReceivedBlobs<'a> {
    plan: &'a Plan,
    blobs: &'a [Arc<Params>],
}

impl ReceivedBlobs<'_> {
    fn get(&self, index: u32) -> Result<Arc<Params>, MalformedMessage> {
        self.blobs
            .get(index as usize)
            .cloned()
            .ok_or_else(|| MalformedMessage(format!("found blob {index} of {}", self.blobs.len())))
    }

    fn train(&self, job: &TrainHead) -> Result<TrainJob, MalformedMessage> {
        Ok(TrainJob {
            client: ClientId(job.client),
            round: job.round,
            params: self.get(job.params)?,
            optimizer: job.optimizer.as_ref().map(|state| self.optimizer(state)).transpose()?,
            seed: Seed::from_bytes(job.seed),
        })
    }

    fn optimizer(&self, state: &OptimizerHead) -> Result<Arc<OptimizerState>, MalformedMessage> {
        let slot = |&index: &u32| Ok(self.get(index)?.values().to_vec());
        let slots = state.slots.iter().map(slot).collect::<Result<_, MalformedMessage>>()?;
        Ok(Arc::new(OptimizerState { steps: state.steps, slots }))
    }

    fn probe(&self, probe: &ProbeHead) -> Result<Probe, MalformedMessage> {
        let point = match &probe.point {
            PointHead::Model(model) => Point::Model(self.get(*model)?),
            PointHead::Mix(head) => Point::Mix(self.mix(head)?),
            PointHead::Twin(head, seed) => {
                Point::Twin { mix: self.mix(head)?, seed: Seed::from_bytes(*seed) }
            }
        };
        let split = match probe.split {
            SplitHead::Train => Split::Train,
            SplitHead::Test => Split::Test,
            SplitHead::ClientTest(client) => Split::ClientTest(ClientId(client)),
            SplitHead::Validation => Split::Validation,
            SplitHead::ClientValidation(client) => Split::ClientValidation(ClientId(client)),
        };
        Ok(Probe { point, split })
    }

    fn mix(&self, mix: &MixHead) -> Result<Mix, MalformedMessage> {
        let layers = mix.layers.iter().map(|&layer| layer as usize);
        Ok(Mix {
            base: self.get(mix.base)?,
            other: self.get(mix.other)?,
            set: LayerSet::new(self.plan.layout.clone(), layers),
            weight: mix.weight,
        })
    }
}

/// Translates a reply into an outcome, and returns its values in order.
pub(crate) fn outcome(
    work: &Work,
    reply: Result<Reply, LinkError>,
) -> (JobOutcome, Vec<ValueSource>) {
    let mut sources = Vec::new();
    let outcome = match (work, reply) {
        (_, Ok(Reply::Initial(params))) => {
            sources.push(ValueSource::Params(Arc::new(params)));
            JobOutcome::Initial
        }
        (Work::Train(jobs), Ok(Reply::Trained(results))) => {
            let head = |(job, result): (&TrainJob, Result<Update, String>)| {
                result.map(|update| update_head(job, &update, &mut sources))
            };
            JobOutcome::Trained(jobs.iter().zip(results).map(head).collect())
        }
        (_, Ok(Reply::Trained(_))) => JobOutcome::Refused(
            "the worker returned updates that the job does not ask for".to_owned(),
        ),
        (_, Ok(Reply::Evaluated(evaluations))) => {
            let head = |evaluation| evaluation_head(evaluation, &mut sources);
            JobOutcome::Evaluated(evaluations.into_iter().map(head).collect())
        }
        (_, Err(LinkError::Broken(message))) => JobOutcome::Broken(message),
        (_, Err(error)) => JobOutcome::Refused(error.to_string()),
    };
    (outcome, sources)
}

/// Translates an update and appends its values to `sources`.
fn update_head(job: &TrainJob, update: &Update, sources: &mut Vec<ValueSource>) -> UpdateHead {
    sources.push(ValueSource::Params(update.params.clone()));
    if let Some(state) = &update.optimizer {
        let slots = 0..state.slots.len();
        sources.extend(slots.map(|slot| ValueSource::Slot(state.clone(), slot)));
    }
    let optimizer = update.optimizer.as_ref();
    UpdateHead {
        client: update.client.0,
        round: job.round,
        examples: update.examples,
        steps: update.steps,
        loss: update.loss,
        optimizer: optimizer.map(|state| (state.steps, state.slots.len() as u32)),
    }
}

/// Appends an evaluation's values to `sources`; returns whether it has shares of correct labels.
fn evaluation_head(evaluation: Evaluation, sources: &mut Vec<ValueSource>) -> bool {
    sources.push(ValueSource::Values(evaluation.losses.into()));
    let has_correct = evaluation.correct.is_some();
    sources.extend(evaluation.correct.map(|correct| ValueSource::Values(correct.into())));
    has_correct
}
