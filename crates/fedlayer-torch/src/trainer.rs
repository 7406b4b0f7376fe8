//! [`TorchTrainer`]: libtorch behind the [`Trainer`] seam.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use fedlayer_core::{
    Architecture, ClientId, Derivatives, Evaluation, FederatedData, InputStats, Layout,
    OptimizerState, Params, Plan, Point, Probe, Seed, Split, TrainJob, Trainer, TrainerError,
    Update, spec::ModelSpec,
};
use tch::TchError;

use crate::{
    Device, Module, TorchError, alone,
    batches::Batches,
    derivative,
    engine::{Body, Engine},
    evaluate::Splits,
    init, one_thread,
    prefix::{self, Sharing},
    stack::{self, Member, Trained},
};

/// Trains and evaluates a plan's networks with libtorch.
///
/// * [`train`](Trainer::train) trains all jobs of a call as one stack, in lockstep, one client axis in front of every tensor, where the network is fully
///   connected; other networks train one job after the other by autograd. The result of a
///   job may therefore differ in its last bits with the jobs that share its call (kernels round differently for other shapes); the same call gives
///   the same bytes, on any thread, whatever other threads do.
/// * [`evaluate`](Trainer::evaluate) gives for a probe the same bytes whatever other probes are in the call, though what they have in common, up to
///   the first layer in which they differ, is computed once. Where running statistics are measured anew for a mix, nothing is shared.
/// * [`differentiate`](Trainer::differentiate) is by autograd, in the batches of an evaluation.
/// * A client that diverges returns NaN and hurts no other; [`Update::check`] finds it. Where its inputs are the cause, it fails with that. A job that does not fit the plan,
///   or that leaves a batch normalisation a batch of one value, fails alone.
///
/// It keeps nothing between calls but copies of the examples, and runs libtorch with one thread ([`one_thread`]).
#[derive(Debug)]
pub struct TorchTrainer {
    engine: Engine,
    model: ModelSpec,
    layout: Arc<Layout>,
    rounds: u32,
    splits: Splits,
    start: Option<Params>,
    sharing: Sharing,
    /// See [`layers_computed`](Self::layers_computed).
    computed: u64,
}

impl TorchTrainer {
    /// A trainer for a plan. The examples are copied to the device here, once.
    ///
    /// # Errors
    /// When the plan's model is no network, its layout is not the one that the network has on this data, or libtorch fails.
    pub fn new(plan: &Plan, data: Arc<FederatedData>, device: Device) -> Result<Self, TorchError> {
        Self::with_module(plan, data, device, None)
    }

    /// [`new`](Self::new), for a plan whose model is the TorchScript module `module`.
    ///
    /// # Errors
    /// As [`new`](Self::new); when the module cannot be used.
    pub fn with_module(
        plan: &Plan,
        data: Arc<FederatedData>,
        device: Device,
        module: Option<&Module>,
    ) -> Result<Self, TorchError> {
        one_thread();
        let engine = caught(|| Engine::new(plan, data, device, module))??;
        Ok(Self {
            engine,
            model: plan.model.clone(),
            layout: plan.layout.clone(),
            rounds: plan.rounds,
            splits: Splits::default(),
            start: None,
            sharing: Sharing::Prefixes,
            computed: 0,
        })
    }

    /// Has [`initial`](Trainer::initial) give these values whatever the seed.
    ///
    /// # Errors
    /// When they are in other layers than the plan's.
    #[must_use = "the trainer is given back"]
    pub fn starting_from(mut self, start: Params) -> Result<Self, TrainerError> {
        self.check_layout(&start)?;
        self.start = Some(start);
        Ok(self)
    }

    /// Has [`evaluate`](Trainer::evaluate) compute every probe by itself from its first layer on: what sharing is measured against.
    #[must_use = "the trainer is given back"]
    pub fn plainly(mut self) -> Self {
        self.sharing = Sharing::Nothing;
        self
    }

    /// The layers that [`evaluate`](Trainer::evaluate) has computed so far, each counted once for every example that went through it.
    pub fn layers_computed(&self) -> u64 {
        self.computed
    }

    /// What a job means for the stack.
    fn member<'a>(&self, job: &'a TrainJob) -> Result<Member<'a>, TrainerError> {
        let TrainJob { client, round, params, optimizer, seed } = job;
        self.check_client(*client)?;
        self.check_layout(params)?;
        if *round == 0 {
            return Err(TrainerError(format!(
                "client {client}: found round 0; rounds count from 1"
            )));
        }
        if let Some(state) = optimizer {
            self.check_optimizer(*client, state)?;
        }
        let data = self.engine.data.client(*client);
        let batches = Batches::draw(&data.train, &self.engine.local, *seed);
        self.check_batches(&batches)?;
        Ok(Member {
            params: params.values(),
            slots: optimizer.as_ref().map_or(&[], |state| &state.slots),
            remembered: optimizer.as_ref().map_or(0, |state| state.steps),
            rounds_before: u64::from(round - 1),
            rounds: self.rounds.into(),
            batches,
            examples: data.examples,
            seed: *seed,
        })
    }

    /// Checks that every batch normalisation sees two values of a channel at least: the variance of one is 0/0.
    fn check_batches(&self, batches: &Batches) -> Result<(), TrainerError> {
        let Body::Alone(alone) = &self.engine.body else { return Ok(()) };
        let network = alone.architecture();
        match network.and_then(Architecture::needs_two_examples) {
            Some(norm) if batches.smallest() == Some(1) => {
                Err(TorchError::OneValue { norm: norm.to_owned() }.into())
            }
            _ => Ok(()),
        }
    }

    /// Says why training diverged, where it did on inputs so large that it had to.
    fn check_inputs(&self, client: ClientId, trained: &Trained) -> Result<(), TrainerError> {
        let finite =
            trained.loss.is_finite() && trained.params.iter().all(|value| value.is_finite());
        if finite {
            return Ok(());
        }
        let data = self.engine.data.client(client);
        match InputStats::of(&data.examples, &data.train).filter(InputStats::is_large) {
            Some(InputStats { min, max, .. }) => {
                Err(TorchError::LargeInputs { loss: trained.loss, min, max }.into())
            }
            None => Ok(()),
        }
    }

    fn check_client(&self, client: ClientId) -> Result<(), TrainerError> {
        let clients = self.engine.data.clients();
        if (client.0 as usize) < clients {
            return Ok(());
        }
        Err(TrainerError(format!("found client {client}; the plan has {clients}, counted from 0")))
    }

    fn check_layout(&self, params: &Params) -> Result<(), TrainerError> {
        if Arc::ptr_eq(params.layout(), &self.layout) || **params.layout() == *self.layout {
            return Ok(());
        }
        let (found, expected) = (params.layout().value_count(), self.layout.value_count());
        Err(TrainerError(format!(
            "found a model of {found} parameters in other layers; the plan's model has {expected}"
        )))
    }

    /// Checks what a probe is made of.
    fn check_probe(&self, point: &Point, split: Split) -> Result<(), TrainerError> {
        if let Split::ClientTest(client) = split {
            self.check_client(client)?;
        }
        match point {
            Point::Model(params) => self.check_layout(params),
            Point::Mix(mix) | Point::Twin { mix, .. } => {
                self.check_layout(&mix.base)?;
                self.check_layout(&mix.other)
            }
        }
    }

    fn check_optimizer(
        &self,
        client: ClientId,
        state: &OptimizerState,
    ) -> Result<(), TrainerError> {
        if !self.engine.keeps_memory() {
            return Err(TrainerError(format!(
                "client {client}: found optimizer state; the plan resets it every round"
            )));
        }
        let found: Vec<usize> = state.slots.iter().map(Vec::len).collect();
        let expected = vec![self.engine.parameters; self.engine.stepper.slots()];
        if found != expected {
            return Err(TrainerError(format!(
                "client {client}: found optimizer state of {found:?} values, a number for each slot; the plan's optimizer has {expected:?}"
            )));
        }
        Ok(())
    }

    /// What a client returns.
    fn update(&self, job: &TrainJob, trained: Trained) -> Result<Update, TrainerError> {
        self.check_inputs(job.client, &trained)?;
        let examples = self.engine.data.train_examples(job.client) as u64;
        let before = job.optimizer.as_ref().map_or(0, |state| state.steps);
        let keeps = self.engine.keeps_memory();
        let state = OptimizerState { steps: before + trained.steps, slots: trained.slots };
        let params = Params::new(self.layout.clone(), trained.params)
            .map_err(|error| TrainerError(error.to_string()))?;
        Ok(Update {
            client: job.client,
            params: Arc::new(params),
            optimizer: keeps.then(|| Arc::new(state)),
            examples,
            steps: trained.steps,
            loss: trained.loss,
        })
    }
}

impl Trainer for TorchTrainer {
    fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// PyTorch's default distributions; diagonal layers so that their product has the variance of a linear layer's weight; the values that a module was saved with.
    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        if let Some(start) = &self.start {
            return Ok(start.clone());
        }
        let values = match &self.engine.body {
            Body::Stacked(_) => init::initial(&self.model, None, &self.layout, seed),
            Body::Alone(alone) => match alone.saved() {
                Some(saved) => saved.to_vec(),
                None => init::initial(&self.model, alone.architecture(), &self.layout, seed),
            },
        };
        Params::new(self.layout.clone(), values).map_err(|error| TrainerError(error.to_string()))
    }

    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        one_thread();
        let mut members = Vec::with_capacity(jobs.len());
        let mut refusals = Vec::with_capacity(jobs.len());
        for job in jobs {
            let member = self.member(job);
            refusals.push(member.map(|member| members.push(member)));
        }
        let mut trained: Box<dyn Iterator<Item = Result<Trained, TrainerError>>> =
            match &self.engine.body {
                Body::Stacked(stacked) => {
                    match guarded(|| stack::train(&self.engine, stacked, members)) {
                        Ok(trained) => Box::new(trained.into_iter().map(Ok)),
                        Err(error) => Box::new(std::iter::repeat(Err(error))),
                    }
                }
                // What one of them cannot do is no fault of the others.
                Body::Alone(alone) => Box::new(
                    members
                        .into_iter()
                        .map(|member| guarded(|| alone::train(&self.engine, alone, &member))),
                ),
            };
        let mut result = |(job, refusal): (&TrainJob, Result<(), TrainerError>)| {
            refusal?;
            let missing = || TrainerError(format!("client {}: no result", job.client));
            self.update(job, trained.next().ok_or_else(missing)??)
        };
        jobs.iter().zip(refusals).map(&mut result).collect()
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        one_thread();
        for probe in probes {
            self.check_probe(&probe.point, probe.split)?;
        }
        let Self { engine, splits, sharing, computed, .. } = self;
        guarded(|| prefix::evaluate(engine, splits, probes, *sharing, computed))
    }

    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        one_thread();
        self.check_probe(point, split)?;
        let expected = self.engine.parameters;
        if let Some(other) = along.iter().find(|direction| direction.len() != expected) {
            let found = other.len();
            return Err(TrainerError(format!(
                "found a direction of {found} values; the model has {expected} parameters"
            )));
        }
        let Self { engine, splits, .. } = self;
        let derivatives = guarded(|| {
            derivative::differentiate(engine, point, &splits.get(engine, split)?, along)
        })?;
        derivatives.ok_or_else(|| TrainerError("found no example in the split".to_owned()))
    }
}

/// Runs what calls libtorch; both its errors and its panics become words.
fn guarded<T>(body: impl FnOnce() -> Result<T, TchError>) -> Result<T, TrainerError> {
    let result = caught(body).and_then(|result| result.map_err(TorchError::from));
    result.map_err(|error| TrainerError(error.to_string()))
}

/// Runs what calls libtorch; a panic there becomes an error.
pub(crate) fn caught<T>(body: impl FnOnce() -> T) -> Result<T, TorchError> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic: Box<dyn Any + Send>| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        TorchError::Torch(format!("panic: {}", words.unwrap_or("without a message")))
    })
}
