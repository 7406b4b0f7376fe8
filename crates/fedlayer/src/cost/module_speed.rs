//! [`ModuleSpeed`]: the cost of a TorchScript module. Only its code shows how often it uses a
//! parameter (a convolution uses each at every position), so a few of its steps are timed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fedlayer_core::{
    Plan,
    data::{ClientId, FederatedData},
    model::Params,
    spec::{ModelSpec, OptimizerMemory},
    trainer::{TrainJob, Trainer},
};
use fedlayer_torch::{Device, TorchTrainer};

use super::FLOPS;
use crate::{data::Data, exit::Failure};

/// The steps of a trial. TorchScript compiles a module in its first steps, so the first trial is
/// not timed.
const STEPS: u32 = 2;

/// The most trials that are timed. The shortest was disturbed least, and counts.
const TRIALS: usize = 100;

/// The time after which no further trial begins: a large module is timed once.
const PATIENCE: Duration = Duration::from_millis(500);

/// The modules that were timed.
#[derive(Default)]
pub(crate) struct ModuleSpeed {
    /// Each module, the examples of a batch, and the operations of one example.
    timed: Vec<(ModelSpec, u32, f64)>,
}

impl ModuleSpeed {
    /// Returns the floating-point operations that take as long as a forward pass of one example, on
    /// one core of this machine.
    ///
    /// # Errors
    /// When the module cannot be found, or cannot be trained on this data.
    pub(crate) fn forward(
        &mut self,
        plan: &Plan,
        data: &Arc<FederatedData>,
        known: &Data,
    ) -> Result<f64, Failure> {
        let batch = plan.local.batch;
        let is_known =
            |(model, of, _): &&(ModelSpec, u32, f64)| *model == plan.model && *of == batch;
        if let Some((.., operations)) = self.timed.iter().find(is_known) {
            return Ok(*operations);
        }
        let seconds = seconds_per_example(plan, data, known).map_err(Failure::Data)?;
        // A step consists of a forward pass, and of backward passes to the inputs and to the
        // weights.
        let operations = FLOPS * seconds / 3.0;
        self.timed.push((plan.model.clone(), batch, operations));
        Ok(operations)
    }

    /// Returns whether a module was timed.
    pub(crate) fn is_used(&self) -> bool {
        !self.timed.is_empty()
    }
}

/// Times a few steps, and returns the seconds of one example in training.
fn seconds_per_example(
    plan: &Plan,
    data: &Arc<FederatedData>,
    known: &Data,
) -> Result<f64, String> {
    let ModelSpec::Torchscript(file) = &plan.model else {
        return Err("only a TorchScript module is timed".to_owned());
    };
    let mut trial = plan.clone();
    (trial.local.epochs, trial.local.steps) = (None, Some(STEPS));
    trial.local.optimizer_state = OptimizerMemory::Reset;
    fedlayer_torch::one_thread();
    let module = known.module(file).map_err(|fault| fault.message)?;
    let trainer = TorchTrainer::with_module(&trial, data.clone(), Device::Cpu, Some(&module));
    let mut trainer = trainer.map_err(|error| error.to_string())?;
    let start = trainer.initial(plan.root_seed()).map_err(|error| error.to_string())?;
    let client = (0..data.clients())
        .map(|client| ClientId(client as u32))
        .find(|&client| data.train_examples(client) > 0)
        .ok_or("no client has training examples")?;
    let start = Arc::new(start);
    train(&mut trainer, client, &start, &trial)?;
    let (mut shortest, all) = (f64::INFINITY, Instant::now());
    for _ in 0..TRIALS {
        let began = Instant::now();
        train(&mut trainer, client, &start, &trial)?;
        shortest = shortest.min(began.elapsed().as_secs_f64());
        if all.elapsed() > PATIENCE {
            break;
        }
    }
    // The last batch of an epoch may be smaller: divide by the mean batch of an epoch.
    let examples = data.train_examples(client);
    let batches = examples.div_ceil(plan.local.batch as usize);
    Ok(shortest / f64::from(STEPS) / (examples as f64 / batches as f64))
}

fn train(
    trainer: &mut TorchTrainer,
    client: ClientId,
    start: &Arc<Params>,
    plan: &Plan,
) -> Result<(), String> {
    let seed = plan.root_seed().child("trial");
    let job = TrainJob { client, round: 1, params: start.clone(), optimizer: None, seed };
    let trained = trainer.train(&[job]).pop();
    trained.map_or(Ok(()), |trained| trained.map(drop).map_err(|error| error.to_string()))
}
