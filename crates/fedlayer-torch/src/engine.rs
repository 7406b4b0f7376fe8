//! [`Engine`]: everything of a plan that training and evaluation share, on one device.

use std::sync::Arc;

use fedlayer_core::{DataFacts, Examples, FederatedData, Plan, spec::LocalSpec};
use tch::{TchError, Tensor};

use crate::{Device, TorchError, loss::Criterion, network::Network, optimizer::Stepper};

/// A plan's network, loss, optimizer and examples.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) device: Device,
    pub(crate) network: Network,
    /// The number of parameters P.
    pub(crate) parameters: usize,
    /// The number of values of an example F.
    pub(crate) features: usize,
    /// The number of classes C.
    pub(crate) classes: usize,
    pub(crate) local: LocalSpec,
    pub(crate) stepper: Stepper,
    pub(crate) criterion: Criterion,
    pub(crate) data: Arc<FederatedData>,
    /// The examples that are shared out among the clients.
    pub(crate) pool: Table,
}

/// Labelled examples on a device.
#[derive(Debug)]
pub(crate) struct Table {
    /// `(N, F)`
    pub(crate) inputs: Tensor,
    /// `(N)`
    pub(crate) labels: Tensor,
}

impl Engine {
    pub(crate) fn new(
        plan: &Plan,
        data: Arc<FederatedData>,
        device: Device,
    ) -> Result<Self, TorchError> {
        let pool = &data.pool;
        let facts = DataFacts {
            shape: pool.shape.clone(),
            classes: pool.classes,
            pool: pool.len(),
            test: data.test.len(),
        };
        Ok(Self {
            device,
            network: Network::new(&plan.model, &plan.layout, &facts)?,
            parameters: plan.layout.parameters(),
            features: facts.features(),
            classes: facts.classes,
            local: plan.local.clone(),
            stepper: Stepper::new(&plan.local),
            criterion: Criterion::new(plan.local.loss, facts.classes, device.into())?,
            pool: Table::new(pool, device)?,
            data,
        })
    }

    /// Values as rows of a tensor `(K, columns)`.
    pub(crate) fn rows(&self, values: &[f32], columns: usize) -> Result<Tensor, TchError> {
        let flat = Tensor::f_from_slice(values)?.f_view([-1, columns as i64])?; // (K, columns)
        match self.device {
            Device::Cpu => Ok(flat),
            device => flat.f_to_device(device.into()),
        }
    }
}

impl Table {
    /// Copies examples to a device, each flattened to its values.
    pub(crate) fn new(examples: &Examples, device: Device) -> Result<Self, TchError> {
        let labels: Vec<i64> = examples.labels.iter().copied().map(i64::from).collect();
        let features: usize = examples.shape.iter().product();
        let inputs = Tensor::f_from_slice(&examples.features)?
            .f_view([examples.len() as i64, features as i64])?; // (N, F)
        Ok(Self {
            inputs: inputs.f_to_device(device.into())?,
            labels: Tensor::f_from_slice(&labels)?.f_to_device(device.into())?, // (N)
        })
    }

    /// The examples at these indices.
    pub(crate) fn select(&self, indices: &[i64]) -> Result<Self, TchError> {
        let indices = Tensor::f_from_slice(indices)?.f_to_device(self.inputs.device())?; // (N)
        Ok(Self {
            inputs: self.inputs.f_index_select(0, &indices)?, // (N, F)
            labels: self.labels.f_index_select(0, &indices)?, // (N)
        })
    }

    /// The number of examples.
    pub(crate) fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Another handle to the same tensors.
    pub(crate) fn share(&self) -> Self {
        Self { inputs: self.inputs.shallow_clone(), labels: self.labels.shallow_clone() }
    }
}
