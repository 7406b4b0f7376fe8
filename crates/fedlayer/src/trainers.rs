//! [`Trainers`]: makes the trainer that a plan asks for, on the data that it asks for.

use std::sync::{Arc, Mutex, PoisonError};

use fedlayer_core::{FederatedData, Layout, Params, Plan, ToyTrainer, Trainer, spec::ModelSpec};
use fedlayer_runtime::TrainerFactory;
use fedlayer_torch::{Device, TorchTrainer};

use crate::{data::Data, files, folders::locator::Locator};

/// The examples of so many different plans stay in memory; those of more are shared out again when they are needed.
const KEPT: usize = 64;

/// Makes trainers for the plans of one scenario. Data that plans share is loaded once.
#[derive(Debug)]
pub(crate) struct Trainers {
    device: Device,
    data: Data,
    /// Each with the first plan that asked for it; what was asked for last stands last.
    shared_out: Mutex<Vec<(Plan, Arc<FederatedData>)>>,
}

impl Trainers {
    /// For plans that train on `device`.
    pub(crate) fn new(device: Device, data: Data) -> Self {
        Self { device, data, shared_out: Mutex::default() }
    }

    /// The examples of a plan.
    pub(crate) fn data(&self, plan: &Plan) -> Result<Arc<FederatedData>, String> {
        let mut shared_out = self.shared_out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = shared_out.iter().position(|(known, _)| known.shares_data(plan)) {
            let known = shared_out.remove(index);
            let data = known.1.clone();
            shared_out.push(known);
            return Ok(data);
        }
        let data = Arc::new(self.data.load(plan).map_err(|error| error.with_help())?);
        if shared_out.len() == KEPT {
            shared_out.remove(0);
        }
        shared_out.push((plan.clone(), data.clone()));
        Ok(data)
    }
}

impl Trainers {
    /// What the classes of a plan's own files are called; nothing where they are called by their numbers.
    pub(crate) fn class_names(&self, plan: &Plan) -> Result<Option<Arc<[String]>>, String> {
        self.data.class_names(plan).map_err(|error| error.to_string())
    }

    /// The files of the scenario, and what was read from them.
    pub(crate) fn files(&self) -> &Data {
        &self.data
    }

    /// Where files are, and which were used.
    pub(crate) fn locator(&self) -> &Locator {
        self.data.locator()
    }

    /// The values of a model in a file.
    pub(crate) fn values(&self, file: &str, layout: &Arc<Layout>) -> Result<Params, String> {
        self.data.values_of(file, layout).map_err(|error| error.with_help())
    }

    /// A hash of everything outside the scenario that a plan's results depend on: its examples, and the files that it names.
    pub(crate) fn fingerprint(&self, plan: &Plan) -> Result<[u8; 32], String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.data(plan)?.fingerprint());
        if let ModelSpec::Torchscript(file) = &plan.model {
            let module = files::read_bytes(&self.data.find(file)?);
            hasher.update(&module.map_err(|error| error.to_string())?);
        }
        if let Some(start) = self.data.initial(plan).map_err(|error| error.with_help())? {
            for value in start.values() {
                hasher.update(&value.to_le_bytes());
            }
        }
        Ok(*hasher.finalize().as_bytes())
    }
}

impl TrainerFactory for Trainers {
    fn enter_thread(&self) {
        fedlayer_torch::one_thread();
    }

    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, String> {
        let data = self.data(plan)?;
        let module = match &plan.model {
            ModelSpec::Toy(_) => {
                let trainer = ToyTrainer::new(plan, data).map_err(|error| error.to_string())?;
                return Ok(Box::new(trainer));
            }
            ModelSpec::Torchscript(file) => {
                Some(self.data.module(file).map_err(|fault| fault.message)?)
            }
            _ => None,
        };
        let trainer = TorchTrainer::with_module(plan, data, self.device, module.as_deref())
            .map_err(|error| error.to_string())?;
        Ok(Box::new(match self.data.initial(plan).map_err(|error| error.with_help())? {
            Some(start) => trainer.starting_from(start).map_err(|error| error.to_string())?,
            None => trainer,
        }))
    }
}
