//! [`Trainers`]: makes the trainer that a plan asks for, on the data that it asks for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use fedlayer_core::{FederatedData, Plan, ToyTrainer, Trainer, spec::ModelSpec};
use fedlayer_runtime::TrainerFactory;
use fedlayer_torch::{Device, TorchTrainer};

/// Makes trainers for the plans of one scenario. Data that plans share is loaded once.
#[derive(Debug)]
pub(crate) struct Trainers {
    device: Device,
    /// Per seed, because nothing else of a scenario's plans changes the data.
    data: Mutex<BTreeMap<u64, Arc<FederatedData>>>,
}

impl Trainers {
    /// For plans that train on `device`.
    pub(crate) fn new(device: Device) -> Self {
        Self { device, data: Mutex::default() }
    }

    /// The examples of a plan.
    pub(crate) fn data(&self, plan: &Plan) -> Result<Arc<FederatedData>, String> {
        let mut loaded = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data) = loaded.get(&plan.seed) {
            return Ok(data.clone());
        }
        let data = fedlayer_data::load(&plan.data, plan.clients.count, plan.root_seed())
            .map_err(|error| error.to_string())?;
        let data = Arc::new(data);
        loaded.insert(plan.seed, data.clone());
        Ok(data)
    }
}

impl TrainerFactory for Trainers {
    fn enter_thread(&self) {
        fedlayer_torch::one_thread();
    }

    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, String> {
        let data = self.data(plan)?;
        Ok(match plan.model {
            ModelSpec::Toy(_) => {
                Box::new(ToyTrainer::new(plan, data).map_err(|error| error.to_string())?)
            }
            _ => Box::new(
                TorchTrainer::new(plan, data, self.device).map_err(|error| error.to_string())?,
            ),
        })
    }
}
