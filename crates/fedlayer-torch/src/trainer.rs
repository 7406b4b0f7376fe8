//! [`TorchTrainer`]: libtorch behind the [`Trainer`] seam.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, FederatedData, InputStats, Split},
    model::{Layout, Params, Point},
    spec::ModelSpec,
    trainer::{
        Derivatives, Evaluation, OptimizerState, Probe, TrainJob, Trainer, TrainerError, Update,
    },
};

use crate::{
    Device, Module, TorchError,
    engine::Engine,
    error::{caught, guarded},
    evaluate::{self, Sharing, SplitCache, derivative},
    one_thread,
    train::{self, Batches, LocalResult, LocalTask},
};

/// Trains and evaluates a plan's networks with libtorch.
///
/// * [`train`](Trainer::train) trains the clients of a call as one stack, if the network is fully
///   connected: in lockstep, with a client axis in front of every tensor. Other networks train one
///   client after the other by autograd. The same call gives the same bytes, on any thread,
///   whatever other threads do. With other clients in the call, the last bits of a client's result
///   may differ, because kernels round differently for other shapes.
/// * [`evaluate`](Trainer::evaluate) gives the same bytes for a probe whatever other probes are in
///   the call. Layers that several probes have in common are computed once, up to the first layer
///   that differs. Nothing is shared if running statistics are measured anew.
/// * [`differentiate`](Trainer::differentiate) uses autograd, in the batches of an evaluation.
/// * A client that diverges returns NaN and affects no other client; [`Update::check`] finds it. If
///   its inputs are so large that they explain it, the client fails with that reason. A job that
///   does not fit the plan, or that gives a batch normalisation a batch of one value, fails alone.
///
/// Between calls the trainer keeps only copies of the examples. It runs libtorch with one thread
/// ([`one_thread`]).
#[derive(Debug)]
pub struct TorchTrainer {
    engine: Engine,
    model: ModelSpec,
    layout: Arc<Layout>,
    rounds: u32,
    splits: SplitCache,
    start: Option<Params>,
    sharing: Sharing,
    /// See [`layers_computed`](Self::layers_computed).
    computed: u64,
}

impl TorchTrainer {
    /// Creates a trainer for a plan, and copies the examples to the device.
    ///
    /// # Errors
    /// When the plan's model is not a network, the network on this data has another layout than the
    /// plan, or libtorch fails.
    pub fn new(plan: &Plan, data: Arc<FederatedData>, device: Device) -> Result<Self, TorchError> {
        Self::with_module(plan, data, device, None)
    }

    /// Creates a trainer for a plan, with the TorchScript module of its model.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the module cannot be used.
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
            splits: SplitCache::default(),
            start: None,
            sharing: Sharing::Prefixes,
            computed: 0,
        })
    }

    /// Makes [`initial`](Trainer::initial) return these values for every seed.
    ///
    /// # Errors
    /// When they have other layers than the plan.
    #[must_use = "the trainer is returned"]
    pub fn starting_from(mut self, start: Params) -> Result<Self, TrainerError> {
        self.check_layout(&start)?;
        self.start = Some(start);
        Ok(self)
    }

    /// Makes [`evaluate`](Trainer::evaluate) compute every layer of every probe. The reference for
    /// the benefit of sharing.
    #[must_use = "the trainer is returned"]
    pub fn without_sharing(mut self) -> Self {
        self.sharing = Sharing::Nothing;
        self
    }

    /// The number of layers that [`evaluate`](Trainer::evaluate) has computed so far, one per layer
    /// and example.
    pub fn layers_computed(&self) -> u64 {
        self.computed
    }

    /// Checks a job, and draws its batches.
    fn task<'a>(&self, job: &'a TrainJob) -> Result<LocalTask<'a>, TrainerError> {
        let TrainJob { client, round, params, optimizer, seed } = job;
        self.check_client(*client)?;
        self.check_layout(params)?;
        if *round == 0 {
            return Err(TrainerError(format!(
                "client {client}: found round 0; rounds are counted from 1"
            )));
        }
        if let Some(state) = optimizer {
            self.check_optimizer(*client, state)?;
        }
        let data = self.engine.data.client(*client);
        let batches = Batches::draw(&data.train, &self.engine.local, *seed);
        self.check_batches(&batches)?;
        Ok(LocalTask {
            params: params.values(),
            slots: optimizer.as_ref().map_or(&[], |state| &state.slots),
            optimizer_steps: optimizer.as_ref().map_or(0, |state| state.steps),
            rounds_before: u64::from(round - 1),
            rounds: self.rounds.into(),
            batches,
            examples: data.examples,
            seed: *seed,
        })
    }

    /// Checks that every batch normalisation sees at least two values per channel: the variance of
    /// one value is 0/0.
    fn check_batches(&self, batches: &Batches) -> Result<(), TrainerError> {
        match self.engine.network.needs_two_examples() {
            Some(norm) if batches.smallest() == Some(1) => {
                Err(TorchError::OneValue { norm: norm.to_owned() }.into())
            }
            _ => Ok(()),
        }
    }

    /// Refuses a result that is not finite if the client's inputs are so large that they explain
    /// it.
    fn check_divergence(&self, client: ClientId, result: &LocalResult) -> Result<(), TrainerError> {
        let finite = result.loss.is_finite() && result.params.iter().all(|value| value.is_finite());
        if finite {
            return Ok(());
        }
        let data = self.engine.data.client(client);
        match InputStats::of(&data.examples, &data.train).filter(InputStats::is_large) {
            Some(InputStats { min, max, .. }) => {
                Err(TorchError::LargeInputs { loss: result.loss, min, max }.into())
            }
            None => Ok(()),
        }
    }

    fn check_client(&self, client: ClientId) -> Result<(), TrainerError> {
        let clients = self.engine.data.clients();
        if (client.0 as usize) < clients {
            return Ok(());
        }
        let last = clients.saturating_sub(1);
        Err(TrainerError(format!(
            "client {client} is not in the plan: its clients are 0 to {last}"
        )))
    }

    fn check_layout(&self, params: &Params) -> Result<(), TrainerError> {
        if Arc::ptr_eq(params.layout(), &self.layout) || **params.layout() == *self.layout {
            return Ok(());
        }
        let (found, expected) = (params.layout().value_count(), self.layout.value_count());
        Err(TrainerError(format!(
            "found a model with {found} parameters and other layers; the plan's model has {expected}"
        )))
    }

    /// Checks the split and the models of a probe.
    fn check_probe(&self, point: &Point, split: Split) -> Result<(), TrainerError> {
        if let Split::ClientTest(client) | Split::ClientValidation(client) = split {
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
        if !self.engine.keeps_optimizer_state() {
            return Err(TrainerError(format!(
                "client {client}: found optimizer state; the plan resets it every round"
            )));
        }
        let found: Vec<usize> = state.slots.iter().map(Vec::len).collect();
        let expected = vec![self.engine.parameters(); self.engine.stepper.slots()];
        if found != expected {
            return Err(TrainerError(format!(
                "client {client}: found optimizer state with {found:?} values, one number per slot; the plan's optimizer has {expected:?}"
            )));
        }
        Ok(())
    }

    /// Converts a result into the update that a client returns.
    fn update(&self, job: &TrainJob, result: LocalResult) -> Result<Update, TrainerError> {
        self.check_divergence(job.client, &result)?;
        let examples = self.engine.data.train_examples(job.client) as u64;
        let before = job.optimizer.as_ref().map_or(0, |state| state.steps);
        let keeps = self.engine.keeps_optimizer_state();
        let state = OptimizerState { steps: before + result.steps, slots: result.slots };
        let params = Params::new(self.layout.clone(), result.params)
            .map_err(|error| TrainerError(error.to_string()))?;
        Ok(Update {
            client: job.client,
            params: Arc::new(params),
            optimizer: keeps.then(|| Arc::new(state)),
            examples,
            steps: result.steps,
            loss: result.loss,
        })
    }
}

impl Trainer for TorchTrainer {
    fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Draws from PyTorch's default distributions. The product of diagonal layers has the variance
    /// of a linear layer's weight. A module has the values that it was saved with.
    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        if let Some(start) = &self.start {
            return Ok(start.clone());
        }
        let values = self.engine.network.initial(&self.model, &self.layout, seed);
        Params::new(self.layout.clone(), values).map_err(|error| TrainerError(error.to_string()))
    }

    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        one_thread();
        let mut tasks = Vec::with_capacity(jobs.len());
        let mut checks = Vec::with_capacity(jobs.len());
        for job in jobs {
            checks.push(self.task(job).map(|task| tasks.push(task)));
        }
        let mut results = train::train(&self.engine, tasks).into_iter();
        let mut update = |(job, check): (&TrainJob, Result<(), TrainerError>)| {
            check?;
            let missing = || TrainerError(format!("client {}: no result", job.client));
            self.update(job, results.next().ok_or_else(missing)??)
        };
        jobs.iter().zip(checks).map(&mut update).collect()
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        one_thread();
        for probe in probes {
            self.check_probe(&probe.point, probe.split)?;
        }
        let Self { engine, splits, sharing, computed, .. } = self;
        guarded(|| evaluate::evaluate(engine, splits, probes, *sharing, computed))
    }

    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        one_thread();
        self.check_probe(point, split)?;
        let expected = self.engine.parameters();
        if let Some(other) = along.iter().find(|direction| direction.len() != expected) {
            let found = other.len();
            return Err(TrainerError(format!(
                "found a direction with {found} values; the model has {expected} parameters"
            )));
        }
        let Self { engine, splits, .. } = self;
        let derivatives = guarded(|| {
            derivative::differentiate(engine, point, &splits.get(engine, split)?, along)
        })?;
        derivatives.ok_or_else(|| TrainerError("the split has no examples".to_owned()))
    }
}
