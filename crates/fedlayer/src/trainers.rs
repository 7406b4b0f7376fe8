//! [`Trainers`]: makes the trainers of plans, and loads their data.

use std::sync::{Arc, Mutex, PoisonError};

use fedlayer_core::{
    Plan,
    data::FederatedData,
    model::{Layout, Params},
    spec::ModelSpec,
    trainer::{ToyTrainer, Trainer, TrainerError},
};
use fedlayer_runtime::TrainerFactory;
use fedlayer_torch::{Device, TorchTrainer};

use crate::{data::Data, files, folders::locator::Locator};

/// The number of partitions that stay in memory. Others are made again when they are needed.
const CACHED: usize = 64;

/// Makes trainers for the plans of one scenario. Data that plans share is loaded once.
#[derive(Debug)]
pub(crate) struct Trainers {
    device: Device,
    data: Data,
    /// The partitioned data, each with the first plan that asked for it. The most recently used is
    /// last.
    partitions: Mutex<Vec<(Plan, Arc<FederatedData>)>>,
}

impl Trainers {
    /// Makes trainers that train on `device`.
    pub(crate) fn new(device: Device, data: Data) -> Self {
        Self { device, data, partitions: Mutex::default() }
    }

    /// Returns the examples of a plan.
    pub(crate) fn data(&self, plan: &Plan) -> Result<Arc<FederatedData>, String> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = partitions.iter().position(|(known, _)| known.shares_data(plan)) {
            let known = partitions.remove(index);
            let data = known.1.clone();
            partitions.push(known);
            return Ok(data);
        }
        let data = Arc::new(self.data.load(plan).map_err(|error| error.with_help())?);
        if partitions.len() == CACHED {
            partitions.remove(0);
        }
        partitions.push((plan.clone(), data.clone()));
        Ok(data)
    }
}

impl Trainers {
    /// Returns the class names of a plan's own files; `None` if the classes are numbers.
    pub(crate) fn class_names(&self, plan: &Plan) -> Result<Option<Arc<[String]>>, String> {
        self.data.class_names(plan).map_err(|error| error.to_string())
    }

    /// Returns the files of the scenario.
    pub(crate) fn files(&self) -> &Data {
        &self.data
    }

    /// Returns the locator of the files, which knows which of them were used.
    pub(crate) fn locator(&self) -> &Locator {
        self.data.locator()
    }

    /// Reads the values of a model from a file.
    pub(crate) fn values(&self, file: &str, layout: &Arc<Layout>) -> Result<Params, String> {
        self.data.values_of(file, layout).map_err(|error| error.with_help())
    }

    /// Returns a hash of everything outside the scenario that the results of a plan depend on: its
    /// examples, and the files that it names.
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

    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, TrainerError> {
        let data = self.data(plan).map_err(TrainerError)?;
        let module = match &plan.model {
            ModelSpec::Toy(_) => return Ok(Box::new(ToyTrainer::new(plan, data)?)),
            ModelSpec::Torchscript(file) => {
                Some(self.data.module(file).map_err(|fault| TrainerError(fault.message))?)
            }
            _ => None,
        };
        let trainer = TorchTrainer::with_module(plan, data, self.device, module.as_deref())?;
        let initial = self.data.initial(plan);
        let initial = initial.map_err(|error| TrainerError(error.with_help()))?;
        Ok(Box::new(match initial {
            Some(start) => trainer.starting_from(start)?,
            None => trainer,
        }))
    }
}
