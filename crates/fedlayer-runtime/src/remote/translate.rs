//! Tasks and replies as messages, and back. Values stay apart: a head names them, pieces carry them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use fedlayer_core::{
    ClientId, Evaluation, LayerSet, Mix, OptimizerState, Params, Plan, Point, Probe, Seed, Split,
    TrainJob, Update,
};

use super::{
    codec::Malformed,
    limits::PIECE_BYTES,
    message::{
        Digest, JobHead, JobId, MixHead, OptimizerHead, Outcome, Piece, PointHead, ProbeHead,
        Source, SplitHead, TrainHead, UpdateHead, WorkHead,
    },
};
use crate::{LinkError, Reply, Task, Work};

/// The name of values: the hash of their little-endian bytes.
pub(crate) fn digest(values: &[f32]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    if cfg!(target_endian = "little") {
        hasher.update(bytemuck::cast_slice(values));
    } else {
        for value in values {
            hasher.update(&value.to_le_bytes());
        }
    }
    Digest(*hasher.finalize().as_bytes())
}

/// Remembers the names of parameters as long as somebody holds them, so that a model is hashed once however often it is sent.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<BTreeMap<usize, (Weak<Params>, Digest)>>);

impl Names {
    fn of(&self, source: &Source) -> Digest {
        let Source::Params(params) = source else { return digest(source.values()) };
        // A weak handle keeps the address from being given to another model.
        let address = Arc::as_ptr(params) as usize;
        let known = self.lock().get(&address).map(|(_, name)| *name);
        known.unwrap_or_else(|| {
            let name = digest(params.values());
            let mut names = self.lock();
            names.retain(|_, (model, _)| model.strong_count() > 0);
            names.insert(address, (Arc::downgrade(params), name));
            name
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, (Weak<Params>, Digest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
pub(crate) fn head(task: &Task, plan: u32, job: JobId, names: &Names) -> (JobHead, Vec<Source>) {
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

/// A head as a task again, with the values of its blobs.
///
/// # Errors
/// When the head speaks of a plan, a blob or a layer that there is not.
pub(crate) fn task(
    head: &JobHead,
    plans: &[Arc<Plan>],
    blobs: &[Arc<Params>],
) -> Result<Task, Malformed> {
    let plan = plans.get(head.plan as usize).ok_or_else(|| {
        Malformed(format!("it is of plan {}; the scenario has {}", head.plan, plans.len()))
    })?;
    let blob = |index: u32| {
        let found = blobs.get(index as usize).cloned();
        found.ok_or_else(|| Malformed(format!("it names blob {index} of {}", blobs.len())))
    };
    let layers = plan.layout.layers().len();
    let mix = |mix: &MixHead| {
        if let Some(layer) = mix.layers.iter().find(|&&layer| layer as usize >= layers) {
            return Err(Malformed(format!("it names layer {layer}; the model has {layers}")));
        }
        Ok(Mix {
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
    Ok(Task { plan: plan.clone(), work })
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

/// The most slots that an optimizer has: Adam's two moments, and one to spare.
const OPTIMIZER_SLOTS: u32 = 3;

impl Expected {
    /// For a task, where `examples` says how many examples a split has.
    pub(crate) fn of(task: &Task, examples: impl Fn(&Plan, Split) -> usize) -> Self {
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
        let model = self.plan.layout.parameters();
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

/// Values cut into pieces, one source after the other.
pub(crate) fn pieces(sources: Vec<Source>) -> impl Iterator<Item = Piece> + Send {
    const VALUES: usize = PIECE_BYTES / 4;
    sources.into_iter().flat_map(|source| {
        let count = source.values().len();
        (0..count)
            .step_by(VALUES)
            .map(move |from| Piece::Ours(source.clone(), from..(from + VALUES).min(count)))
    })
}

/// Puts pieces together to values of known lengths. It allocates what is announced, part by part, as it comes, and never more.
#[derive(Debug)]
pub(crate) struct Assembly {
    lengths: Vec<usize>,
    parts: Vec<Vec<f32>>,
}

impl Assembly {
    /// For parts of these lengths.
    pub(crate) fn new(lengths: Vec<usize>) -> Self {
        Self { lengths, parts: Vec::new() }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When there are more values than were announced.
    pub(crate) fn take(&mut self, piece: &Piece) -> Result<(), Malformed> {
        let Piece::Theirs(bytes) = piece else {
            return Err(Malformed("a piece of one's own".to_owned()));
        };
        let (mut values, _) = bytes.as_chunks::<4>();
        while !values.is_empty() {
            let room = match (self.parts.last(), self.parts.len()) {
                (Some(part), begun) => self.lengths[begun - 1] - part.len(),
                (None, _) => 0,
            };
            if room == 0 {
                let Some(&length) = self.lengths.get(self.parts.len()) else {
                    return Err(Malformed(format!(
                        "{} values more than were announced",
                        values.len()
                    )));
                };
                self.parts.push(Vec::with_capacity(length));
                continue;
            }
            let (now, later) = values.split_at(room.min(values.len()));
            if let Some(part) = self.parts.last_mut() {
                part.extend(now.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            }
            values = later;
        }
        Ok(())
    }

    /// The parts, once all pieces came.
    ///
    /// # Errors
    /// When there are fewer values than were announced.
    pub(crate) fn finish(mut self) -> Result<Vec<Vec<f32>>, Malformed> {
        let found: usize = self.parts.iter().map(Vec::len).sum();
        let expected: usize = self.lengths.iter().sum();
        if found != expected {
            return Err(Malformed(format!("it ended after {found} of {expected} values")));
        }
        // Parts without values at the end were never begun.
        self.parts.resize(self.lengths.len(), Vec::new());
        Ok(self.parts)
    }
}
