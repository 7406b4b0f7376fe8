//! Tasks and replies as messages, and back. Values stay apart: a head names them, pieces carry them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use fedlayer_core::{
    ClientId, Evaluation, LayerSet, Mix, OptimizerState, Params, Plan, Point, Probe, Seed, Split,
    TrainJob, Update,
};

use super::{
    codec::Malformed,
    message::{
        Digest, JobHead, JobId, MixHead, OptimizerHead, Outcome, PointHead, ProbeHead, Source,
        SplitHead, TrainHead, UpdateHead, WorkHead,
    },
};
use crate::{LinkError, Reply, Work, WorkerTask};

/// Names values as they come: the name is the hash of their little-endian bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Naming(blake3::Hasher);

impl Naming {
    /// The next values.
    pub(crate) fn add(&mut self, values: &[f32]) {
        if cfg!(target_endian = "little") {
            self.0.update(bytemuck::cast_slice(values));
        } else {
            for value in values {
                self.0.update(&value.to_le_bytes());
            }
        }
    }

    /// The name of all values so far.
    pub(crate) fn name(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

/// The name of values.
pub(crate) fn digest(values: &[f32]) -> Digest {
    let mut naming = Naming::default();
    naming.add(values);
    naming.name()
}

/// Remembers the names of parameters as long as somebody holds them, so that a model is hashed once however often it is sent.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<BTreeMap<usize, Known>>);

/// A model, and its name once somebody has hashed it.
#[derive(Debug)]
struct Known {
    model: Weak<Params>,
    name: Arc<OnceLock<Digest>>,
}

impl Names {
    fn of(&self, source: &Source) -> Digest {
        let Source::Params(params) = source else { return digest(source.values()) };
        // Hashed without the map's lock: whoever wants the same model waits, whoever wants another does not.
        *self.place(params).get_or_init(|| digest(params.values()))
    }

    /// Where a model's name is or will be.
    fn place(&self, params: &Arc<Params>) -> Arc<OnceLock<Digest>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A weak handle keeps the address from being given to another model.
        let address = Arc::as_ptr(params) as usize;
        if let Some(known) = names.get(&address) {
            return known.name.clone();
        }
        names.retain(|_, known| known.model.strong_count() > 0);
        let name = Arc::default();
        names.insert(address, Known { model: Arc::downgrade(params), name: Arc::clone(&name) });
        name
    }
}

/// The values that a head speaks of, each once.
struct Blobs<'a> {
    names: &'a Names,
    index: BTreeMap<Digest, u32>,
    sources: Vec<Source>,
}

impl Blobs<'_> {
    fn add(&mut self, source: Source) -> u32 {
        let next = self.sources.len() as u32;
        let index = *self.index.entry(self.names.of(&source)).or_insert(next);
        if index == next {
            self.sources.push(source);
        }
        index
    }

    fn params(&mut self, params: &Arc<Params>) -> u32 {
        self.add(Source::Params(params.clone()))
    }

    fn mix(&mut self, mix: &Mix) -> MixHead {
        MixHead {
            base: self.params(&mix.base),
            other: self.params(&mix.other),
            layers: mix.set.indices().map(|layer| layer as u32).collect(),
            weight: mix.weight,
        }
    }
}

/// A task as a head, and the values that it speaks of.
pub(crate) fn head(
    task: &WorkerTask,
    plan: u32,
    job: JobId,
    names: &Names,
) -> (JobHead, Vec<Source>) {
    let mut blobs = Blobs { names, index: BTreeMap::new(), sources: Vec::new() };
    let work = match &task.work {
        Work::Initial(seed) => WorkHead::Initial { seed: seed.to_bytes() },
        Work::Train(jobs) => WorkHead::Train(
            jobs.iter()
                .map(|job| TrainHead {
                    client: job.client.0,
                    round: job.round,
                    params: blobs.params(&job.params),
                    optimizer: job.optimizer.as_ref().map(|state| OptimizerHead {
                        steps: state.steps,
                        slots: (0..state.slots.len())
                            .map(|slot| blobs.add(Source::Slot(state.clone(), slot)))
                            .collect(),
                    }),
                    seed: job.seed.to_bytes(),
                })
                .collect(),
        ),
        Work::Evaluate(probes) => WorkHead::Evaluate(
            probes
                .iter()
                .map(|probe| ProbeHead {
                    point: match &probe.point {
                        Point::Model(params) => PointHead::Model(blobs.params(params)),
                        Point::Mix(mix) => PointHead::Mix(blobs.mix(mix)),
                        Point::Twin { mix, seed } => {
                            PointHead::Twin(blobs.mix(mix), seed.to_bytes())
                        }
                    },
                    split: match probe.split {
                        Split::Train => SplitHead::Train,
                        Split::Test => SplitHead::Test,
                        Split::ClientTest(client) => SplitHead::ClientTest(client.0),
                    },
                })
                .collect(),
        ),
    };
    let mut names = vec![Digest([0; 32]); blobs.sources.len()];
    for (name, index) in &blobs.index {
        names[*index as usize] = *name;
    }
    (JobHead { job, plan, work, blobs: names }, blobs.sources)
}

/// A head that was [checked](super::asked::check) as a task again, with the values of its blobs.
///
/// # Errors
/// When the head speaks of a blob that there is not.
pub(crate) fn task(
    head: &JobHead,
    plan: &Arc<Plan>,
    blobs: &[Arc<Params>],
) -> Result<WorkerTask, Malformed> {
    let blob = |index: u32| {
        let found = blobs.get(index as usize).cloned();
        found.ok_or_else(|| Malformed(format!("it names blob {index} of {}", blobs.len())))
    };
    let mix = |mix: &MixHead| {
        Ok::<_, Malformed>(Mix {
            base: blob(mix.base)?,
            other: blob(mix.other)?,
            set: LayerSet::new(plan.layout.clone(), mix.layers.iter().map(|&layer| layer as usize)),
            weight: mix.weight,
        })
    };
    let work = match &head.work {
        WorkHead::Initial { seed } => Work::Initial(Seed::from_bytes(*seed)),
        WorkHead::Train(jobs) => {
            let optimizer = |state: &OptimizerHead| {
                let slot = |&index: &u32| Ok(blob(index)?.values().to_vec());
                let slots = state.slots.iter().map(slot).collect::<Result<_, Malformed>>()?;
                Ok::<_, Malformed>(Arc::new(OptimizerState { steps: state.steps, slots }))
            };
            let job = |job: &TrainHead| {
                Ok(TrainJob {
                    client: ClientId(job.client),
                    round: job.round,
                    params: blob(job.params)?,
                    optimizer: job.optimizer.as_ref().map(optimizer).transpose()?,
                    seed: Seed::from_bytes(job.seed),
                })
            };
            Work::Train(jobs.iter().map(job).collect::<Result<_, Malformed>>()?)
        }
        WorkHead::Evaluate(probes) => {
            let probe = |probe: &ProbeHead| {
                Ok(Probe {
                    point: match &probe.point {
                        PointHead::Model(model) => Point::Model(blob(*model)?),
                        PointHead::Mix(head) => Point::Mix(mix(head)?),
                        PointHead::Twin(head, seed) => {
                            Point::Twin { mix: mix(head)?, seed: Seed::from_bytes(*seed) }
                        }
                    },
                    split: match probe.split {
                        SplitHead::Train => Split::Train,
                        SplitHead::Test => Split::Test,
                        SplitHead::ClientTest(client) => Split::ClientTest(ClientId(client)),
                    },
                })
            };
            Work::Evaluate(probes.iter().map(probe).collect::<Result<_, Malformed>>()?)
        }
    };
    Ok(WorkerTask { plan: plan.clone(), work })
}

/// A reply as an outcome, and its values in order.
pub(crate) fn outcome(task: &Work, reply: Result<Reply, LinkError>) -> (Outcome, Vec<Source>) {
    let mut sources = Vec::new();
    let outcome = match (task, reply) {
        (_, Ok(Reply::Initial(params))) => {
            sources.push(Source::Params(Arc::new(params)));
            Outcome::Initial
        }
        (Work::Train(jobs), Ok(Reply::Trained(results))) => {
            let one = |(job, result): (&TrainJob, Result<Update, String>)| {
                result.map(|update| {
                    sources.push(Source::Params(update.params.clone()));
                    let slots = update.optimizer.iter();
                    sources.extend(slots.flat_map(|state| {
                        (0..state.slots.len()).map(|slot| Source::Slot(state.clone(), slot))
                    }));
                    let optimizer = update.optimizer.as_ref();
                    UpdateHead {
                        client: update.client.0,
                        round: job.round,
                        examples: update.examples,
                        steps: update.steps,
                        loss: update.loss,
                        optimizer: optimizer.map(|o| (o.steps, o.slots.len() as u32)),
                    }
                })
            };
            Outcome::Trained(jobs.iter().zip(results).map(one).collect())
        }
        (_, Ok(Reply::Trained(_))) => {
            Outcome::Refused("the worker trained where it was not asked to".to_owned())
        }
        (_, Ok(Reply::Evaluated(evaluations))) => {
            let one = |evaluation: Evaluation| {
                sources.push(Source::Values(evaluation.losses.into()));
                let correct = evaluation.correct.map(|correct| {
                    sources.push(Source::Values(correct.into()));
                });
                correct.is_some()
            };
            Outcome::Evaluated(evaluations.into_iter().map(one).collect())
        }
        (_, Err(LinkError::Broken(words))) => Outcome::Broken(words),
        (_, Err(error)) => Outcome::Refused(error.to_string()),
    };
    (outcome, sources)
}
