//! [`Engine`]: everything of a plan that training and evaluation share, on one device.

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    data::{DataFacts, FederatedData},
    model::{Layout, Point},
    spec::{Augment, LocalSpec, OptimizerMemory, Statistics},
};
use tch::{TchError, Tensor};

use crate::{
    Device, Module, TorchError,
    examples::DeviceExamples,
    loss::Criterion,
    network::{LayerTensors, Network},
    train::Stepper,
};

/// A plan's network, loss, optimizer and examples.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) device: Device,
    pub(crate) network: Network,
    pub(crate) layout: Arc<Layout>,
    /// The shape, classes and labels of the data.
    pub(crate) facts: DataFacts,
    pub(crate) local: LocalSpec,
    pub(crate) augment: Augment,
    /// The policy for running statistics.
    pub(crate) statistics: Statistics,
    pub(crate) stepper: Stepper,
    pub(crate) criterion: Criterion,
    pub(crate) data: Arc<FederatedData>,
    /// The pool of examples on the device, for a stacked network. `None` if each client draws its
    /// own examples.
    pub(crate) pool: Option<DeviceExamples>,
}

impl Engine {
    /// Builds the engine of a plan. `module` is its TorchScript module, if its model is one.
    pub(crate) fn new(
        plan: &Plan,
        data: Arc<FederatedData>,
        device: Device,
        module: Option<&Module>,
    ) -> Result<Self, TorchError> {
        let facts = data.facts();
        let network = Network::new(plan, &facts, device, module)?;
        let is_stacked = network.is_stacked();
        let pool = data.pool().filter(|_| is_stacked);
        Ok(Self {
            device,
            network,
            layout: plan.layout.clone(),
            local: plan.local.clone(),
            augment: plan.data.augment,
            statistics: plan.strategy.statistics,
            stepper: Stepper::new(&plan.local, &plan.layout, device.into())?,
            criterion: Criterion::new(plan.local.loss, is_stacked, facts.classes, device.into())?,
            pool: pool.map(|pool| DeviceExamples::shared(pool, device)).transpose()?,
            facts,
            data,
        })
    }

    /// The number of parameters P.
    pub(crate) fn parameters(&self) -> usize {
        self.layout.value_count()
    }

    /// Returns whether the optimizer state of a client is kept between rounds.
    pub(crate) fn keeps_optimizer_state(&self) -> bool {
        self.local.optimizer_state == OptimizerMemory::Keep
    }

    /// Copies values to the device, as rows of `columns` values.
    pub(crate) fn rows(&self, values: &[f32], columns: usize) -> Result<Tensor, TchError> {
        let rows = Tensor::f_from_slice(values)?.f_view([-1, columns as i64])?; // (N, columns)
        match self.device {
            Device::Cpu => Ok(rows),
            device => rows.f_to_device(device.into()),
        }
    }

    /// Copies the values of the layer with this index to the device.
    pub(crate) fn upload_layer(
        &self,
        index: usize,
        values: &[f32],
    ) -> Result<LayerTensors, TchError> {
        self.network.upload_layer(&self.layout, index, values, self.device.into())
    }

    /// Copies all layers of a point to the device.
    pub(crate) fn upload_layers(&self, point: &Point) -> Result<Vec<LayerTensors>, TchError> {
        let params = point.params();
        let layers = self.layout.layers().iter().enumerate();
        layers.map(|(index, layer)| self.upload_layer(index, params.range(&layer.range))).collect()
    }
}
